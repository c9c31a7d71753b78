"""Off-resonance and decay during the readout, as part of the forward operator."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pirecon.encoding.evolution import Evolution
from pirecon.encoding.phase_evolution import TemporalBasis, evolve, phase_evolution, temporal_basis


def off_resonance_evolution(
    field_map: Tensor,
    times: Tensor,
    *,
    R2_star: Tensor | None = None,
    tolerance: float = 1e-3,
    support: Tensor | None = None,
) -> Evolution:
    """What off-resonance does to the signal of every voxel while it is sampled.

        e(r, t) = exp(−2πi δf(r) t − R2*(r) t) ≈ Σ_l b_l(t) c_l(r)

    It undoes shifts along the readout and along the blips of echo-planar trains, and the blur of spirals and spokes.
    Where the field changes so fast that two places are encoded at one, |∂(δf)/∂x| Δx above one over the duration of
    the readout (of the whole train along the blips), the data hold their sum alone, and no operator parts them again.

    Args:
        field_map: δf on the reconstruction grid, float ``(z, y, x)``, Hz; positive is a larger field.
        times: of every sample, ``(*samples)`` of one coil's k-space, 1 along axes that do not matter, s. 0 is where
            the image is taken: the echo, or the excitation for an image without the phase that off-resonance gives it.
        R2_star: decay rate, float ``(z, y, x)``, 1/s; None for none.
        tolerance: relative root-mean-square error; the number of components, and so of transforms, follows from it.
        support: where the object may be, ``(z, y, x)``; None for everywhere.

    Returns:
        Evolution for :class:`~pirecon.encoding.evolution.Evolving`, differentiable with respect to ``field_map`` and
        ``R2_star`` with the temporal basis held fixed.

    Raises:
        ValueError: shapes that do not belong together, or values that are not finite.

    Source: Sutton, Noll and Fessler, IEEE Trans Med Imaging 22:178 (2003), equations 2 and 6; Fessler et al., IEEE
    Trans Signal Process 53:3393 (2005).
    """
    maps = _frequency(field_map, R2_star)
    low, high = (float(f(field_map.detach())) for f in (torch.min, torch.max))
    name = "off-resonance" if R2_star is None else "off-resonance and R2*"
    source = f"{name} of {low:.0f} to {high:.0f} Hz over {1e3 * float(times.max() - times.min()):.3g} ms"
    return phase_evolution(maps, times.unsqueeze(0), source=source, tolerance=tolerance, support=support)


def off_resonance_basis(
    largest: float, times: Tensor, *, tolerance: float = 1e-3, device: torch.device | None = None
) -> TemporalBasis:
    """A basis for every field map between −largest and largest, for estimating the map itself.

    Args:
        largest: |δf|, Hz.
        times: of every sample, float ``(*samples)``, s.
        tolerance: relative root-mean-square error over this range.
        device: of the result.

    Returns:
        TemporalBasis for :func:`off_resonance_in`.

    Raises:
        ValueError: times that are not finite.
    """
    steps = max(2, 2 * math.ceil(24 * largest * float(times.max() - times.min())) + 1)
    values = torch.linspace(-largest, largest, steps, dtype=times.dtype, device=device)
    return temporal_basis(values.reshape(1, 1, 1, -1), times.unsqueeze(0), tolerance=tolerance)


def off_resonance_in(basis: TemporalBasis, field_map: Tensor) -> Evolution:
    """The evolution of a field map in a fixed basis, exactly differentiable.

    Args:
        basis: from :func:`off_resonance_basis`.
        field_map: δf, float ``(z, y, x)``, Hz, within the range of the basis.

    Returns:
        Evolution.
    """
    return evolve(basis, field_map.unsqueeze(0), source="off-resonance in a fixed temporal basis")


def _frequency(field_map: Tensor, R2_star: Tensor | None) -> Tensor:
    """δf − i R2*/2π, ``(1, z, y, x)``."""
    if field_map.ndim != 3 or (R2_star is not None and R2_star.shape != field_map.shape):
        other = "" if R2_star is None else f" and R2* of shape {tuple(R2_star.shape)}"
        raise ValueError(
            f"expected one map (z, y, x) on the reconstruction grid, found {tuple(field_map.shape)}{other}; give the "
            "slices one by one"
        )
    if R2_star is None:
        return field_map.unsqueeze(0)
    return torch.complex(field_map, -R2_star / (2 * math.pi)).unsqueeze(0)
