"""How far a prior is from treating turned, mirrored, scaled and dephased images alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pirecon.priors.apply import apply_prior

Change = Callable[[Tensor], Tensor]


@torch.no_grad()
def measure_equivariance(prior: nn.Module, image: Tensor, noise_level: Tensor) -> dict[str, float]:
    """max | |T⁻¹ prior(T x)| − |prior(x)| | / max |prior(x)| for several T.

    "global phase", "linear phase" (6 turns over each axis), "quadratic phase" (2 turns from middle to edge) and "scale"
    (10⁶ and 10⁻⁶, together with the noise level) are laws of this package's priors, whatever their weights; "rotation"
    (90°, 180°, 270° in the plane) and "flip" (each axis of the plane) are what training gives.

    Args:
        prior: any prior; in evaluation mode, unless the training mode is what is measured.
        image: complex ``(*batch, z, y, x)``.
        noise_level: real, broadcasts against ``image``, same unit.

    Returns:
        Largest deviation by name of T, as a fraction: 0.01 is 1 % of the brightest voxel.
    """
    noise = noise_level.expand(image.shape)
    reference = apply_prior(prior, image, noise).abs()
    peak = reference.max().clamp_min(torch.finfo(reference.dtype).tiny)

    def deviation(changed_image: Tensor, changed_noise: Tensor, back: Change) -> float:
        return float((back(apply_prior(prior, changed_image, changed_noise)).abs() - reference).abs().max() / peak)

    result = {name: deviation(image * phasor, noise, _same) for name, phasor in _phasors(image).items()}
    changes: dict[str, list[tuple[Change, Change]]] = {
        "scale": [(partial(torch.mul, other=s), partial(torch.mul, other=1 / s)) for s in (1e-6, 1e6)],
        "rotation": [(partial(_turn, quarters=k), partial(_turn, quarters=-k)) for k in (1, 2, 3)],
        "flip": [(partial(torch.flip, dims=(axis,)),) * 2 for axis in (-2, -1)],
    }
    for name, pairs in changes.items():
        result[name] = max(deviation(there(image), there(noise), back) for there, back in pairs)
    return result


def _same(x: Tensor) -> Tensor:
    return x


def _turn(x: Tensor, *, quarters: int) -> Tensor:
    return x.rot90(quarters, (-2, -1))


def _phasors(image: Tensor) -> dict[str, Tensor]:
    """Phases of modulus 1 over the plane, broadcast against ``image``."""
    y, x = (
        torch.linspace(-1, 1, n, dtype=image.real.dtype, device=image.device) for n in image.shape[-2:]
    )  # middle 0, edge ±1
    y, x = y[:, None], x[None, :]
    turns = {
        "global phase": 0.2 + 0 * (y + x),
        "linear phase": 3 * y - 3 * x,
        "quadratic phase": 2 * (y**2 - 0.6 * x**2),
    }
    return {name: torch.polar(torch.ones_like(turn), 2 * math.pi * turn) for name, turn in turns.items()}
