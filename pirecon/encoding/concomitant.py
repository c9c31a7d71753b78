"""Concomitant (Maxwell) fields: what every gradient adds to the main field, in the forward operator."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pirecon.encoding.evolution import Evolution
from pirecon.encoding.evolution_product import mixture
from pirecon.encoding.maxwell_moments import PAIRS, MaxwellMoments, slice_positions
from pirecon.encoding.phase_evolution import phase_evolution
from pirecon.rawdata.geometry import Geometry

Direction = tuple[float, float, float]


def concomitant_evolution(
    moments: MaxwellMoments,
    geometry: Geometry,
    *,
    B0: float,
    B0_direction: Direction = (0.0, 0.0, 1.0),
    slice: int = 0,
    tolerance: float = 1e-3,
    support: Tensor | None = None,
) -> Evolution:
    """The phase that concomitant fields give every voxel from the excitation to every sample.

        e(r, t) = exp(−2πi γ/2π ∫ B_c(r) dt)
        B_c = [(G_x² + G_y²) z² + G_z² (x² + y²)/4 − G_x G_z x z − G_y G_z y z] / (2 B0)     (z along B0)

    a sum of four maps times four functions of time. It is exact for the lowest order in G/B0, for symmetric gradient
    coils; the next is smaller by |G| |r| / B0.

    Args:
        moments: of the gradients' products at every sample.
        geometry: of the reconstruction grid; slices away from the isocentre get the phase of their place.
        B0: field strength, T.
        B0_direction: unit vector of the main field in patient coordinates (LPS): z in a solenoid, y between the poles
            of a permanent magnet above and below the patient.
        slice: which of the geometry's slices.
        tolerance: relative root-mean-square error.
        support: where the object may be, ``(z, y, x)``; None for everywhere.

    Returns:
        Evolution on the device of the moments, complex64 for float32 moments and complex128 for float64 ones.

    Raises:
        ValueError: a field strength that is not above 0, or no unit vector.

    Source: Bernstein et al., Magn Reson Med 39:300 (1998), equation 2 with α = ½; King, Ganin, Zhou and Bernstein, Magn
    Reson Med 41:103 (1999) for spirals.
    """
    if not B0 > 0:
        raise ValueError(f"concomitant fields grow as 1/B0; the field strength must be above 0 T, but is {B0}")
    axes = magnet_axes(B0_direction)
    maps = concomitant_maps(slice_positions(geometry, slice), axes) / (2 * B0)
    paths = []
    for path in (moments.moments, moments.mirrored):
        if path is not None:
            functions = _along_magnet(path, axes)
            source = f"concomitant fields at {B0:.3g} T, {moments.source}"
            paths.append(
                phase_evolution(maps.to(functions), functions, source=source, tolerance=tolerance, support=support)
            )
    if len(paths) == 1 or moments.share is None:
        return paths[0]
    return mixture(paths[0], paths[1], moments.share, tolerance=tolerance)


def concomitant_maps(position: Tensor, axes: Tensor) -> Tensor:
    """z², (x² + y²)/4, −x z, −y z along the magnet's axes.

    Args:
        position: ``(*grid, 3)`` in the patient, m.
        axes: rows are the magnet's x, y, z in the patient.

    Returns:
        ``(4, *grid)``, m².
    """
    x, y, z = (position @ axes.to(position).T).unbind(-1)
    return torch.stack([z * z, (x * x + y * y) / 4, -x * z, -y * z])


def magnet_axes(B0_direction: Direction) -> Tensor:
    """Any right-handed axes of which z is the main field's direction.

    The field above is the same for all of them, since the coils are taken to be symmetric about it.

    Args:
        B0_direction: unit vector.

    Returns:
        Rows x, y, z, float64 ``(3, 3)``.

    Raises:
        ValueError: not a unit vector.
    """
    z = np.asarray(B0_direction, dtype=np.float64)
    if z.shape != (3,) or abs(np.linalg.norm(z) - 1) > 1e-6:
        raise ValueError(f"B0_direction must be a unit vector such as (0, 0, 1), but is {tuple(B0_direction)}")
    helper = np.eye(3)[np.abs(z).argmin()]
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    return torch.from_numpy(np.stack([x, np.cross(z, x), z]))


def _along_magnet(moments: Tensor, axes: Tensor) -> Tensor:
    """Moments of G_x² + G_y², G_z², G_x G_z, G_y G_z of the magnet, ``(4, *samples)``."""
    Q = torch.zeros(3, 3, *moments.shape[1:], dtype=moments.dtype, device=moments.device)
    for moment, (i, j) in zip(moments, PAIRS, strict=True):
        Q[i, j] = Q[j, i] = moment
    turn = axes.to(moments)
    Q = torch.einsum("ai,bj,ij...->ab...", turn, turn, Q)
    return torch.stack([Q[0, 0] + Q[1, 1], Q[2, 2], Q[0, 2], Q[1, 2]])
