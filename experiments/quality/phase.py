"""The magnitude must not depend on the phase, nor much on how the image lies."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from experiments.quality.real_data import brain_files
from pirecon.algebra.fft import centred_fft
from pirecon.encoding import CartesianSense
from pirecon.methods import Method, choose_method
from pirecon.training.evaluation.benchmark import BenchmarkConfig, make_cases, scan_case
from pirecon.training.evaluation.held_out import load_held_out

# Turns over the field of view along (y, x).
WRAPS = ((1.0, 0.0), (0.0, 3.0), (5.0, -2.0), (0.5, 0.0), (2.37, -4.61), (-7.25, 6.5), (12.0, 9.4))
HEAD = 0.15  # of the brightest voxel; what is brighter, and its neighbours are, is inside

SMOOTH: dict[str, Callable[[Tensor, Tensor], Tensor]] = {  # turns at (y, x) from −1 to 1
    "second order": lambda y, x: 1.5 * (y**2 + 0.5 * x * y) - 2 * x**2,
    "third order": lambda y, x: 0.8 * (y**3 - x * x * y) + 2.2 * x,
    "wave": lambda y, x: 0.6 * torch.sin(2.2 * x + 1.5 * y),
    "narrow bump of 3 turns": lambda y, x: 3 * torch.exp(-((y - 0.2) ** 2 + x**2) / (2 * 0.25**2)),
}
TURNS: dict[str, Callable[[Tensor, int], Tensor]] = {  # with −1 it turns back
    "rotation by 90°": lambda image, way: torch.rot90(image, way, (-2, -1)),
    "flip along y": lambda image, way: image.flip(-2),
    "flip along x": lambda image, way: image.flip(-1),
}


def phase_invariance(checkpoint: str, simulated: BenchmarkConfig) -> dict[str, dict[str, float]]:
    """By data set: how far the magnitude changes with phase and orientation, relative to its maximum.

    "largest" and "rms" over all linear phases and voxels; by name of a smooth phase the largest change inside the
    object; by name of a rotation or flip the root mean square there. Phase multiplies the image of fully sampled data,
    noise included, so that nothing else differs.
    """
    solve = choose_method("unrolled", checkpoint=checkpoint)
    case = next(
        c for c in make_cases(simulated, load_held_out(simulated.images)) if c.snr == 10 and c.acceleration == 1
    )
    scan = scan_case(case)
    images = {f"simulated: {case.held_out.name}, SNR 10": CartesianSense(scan.maps, scan.weights).adjoint(scan.kspace)}
    for file in brain_files("*[67]A_[FG]*.h5"):
        slice_ = file.slices[2]
        images[f"real: {file.name}, slice 2"] = slice_.E.adjoint(slice_.samples)
    return {name: changes(image, solve) for name, image in images.items()}


def changes(image: Tensor, solve: Method) -> dict[str, float]:
    """Reconstruct an image's k-space as it is, with other phases, turned and flipped.

    Args:
        image: complex ``(1, y, x)``, SNR units.
        solve: the method.
    """
    without = _magnitude(image, solve)
    inside = _inside(without)

    def change(phasor: Tensor) -> Tensor:
        return (_magnitude(image * phasor, solve) - without) / without.max()

    linear = torch.stack([change(linear_phase(image, *turns)) for turns in WRAPS])
    found = {"largest": float(linear.abs().max()), "rms": float(linear.square().mean().sqrt())}
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in image.shape[-2:]), indexing="ij")
    for name, turns in SMOOTH.items():
        found[name] = float(change(_phasor(turns(y, x)))[inside].abs().max())
    for name, turn in TURNS.items():
        back = turn(_magnitude(turn(image, 1), solve), -1)
        found[name] = float(((back - without) / without.max())[inside].square().mean().sqrt())
    return found


def linear_phase(image: Tensor, turns_y: float, turns_x: float) -> Tensor:
    """exp(2πi (turns_y y/n_y + turns_x x/n_x)), shape ``(y, x)``."""
    y, x = (torch.arange(n) - n // 2 for n in image.shape[-2:])
    return _phasor(turns_y * y[:, None] / image.shape[-2] + turns_x * x / image.shape[-1])


def _phasor(turns: Tensor) -> Tensor:
    return torch.polar(torch.ones_like(turns), 2 * math.pi * turns)


def _inside(magnitude: Tensor) -> Tensor:
    """Voxels whose 5 × 5 neighbours are all bright, ``(1, y, x)``."""
    dark = (magnitude < HEAD * magnitude.max()).float()
    return torch.nn.functional.max_pool2d(dark[None], 5, 1, 2)[0] == 0


def _magnitude(image: Tensor, solve: Method) -> Tensor:
    ones = torch.ones(1, *image.shape)
    E = CartesianSense(ones.to(image.dtype), ones)
    return solve(centred_fft(image, (-2, -1))[None], E).abs()
