"""From the scanner's unit to SNR units: noise of standard deviation 1, independent between channels."""

from __future__ import annotations

import math
import warnings
from typing import overload

import torch
from torch import Tensor

from pirecon.calibration.channels import AnyKSpace, mix_channels, mix_kspace_channels
from pirecon.calibration.noise_covariance import NoiseCovariance
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.trajectory import NonCartesianKSpace

SMALLEST_OWN_SHARE = 1e-6  # of a channel's noise power that the channels before it do not predict


@overload
def prewhiten(kspace: AnyKSpace, covariance: NoiseCovariance) -> AnyKSpace: ...
@overload
def prewhiten(kspace: Tensor, covariance: NoiseCovariance) -> Tensor: ...
def prewhiten(
    kspace: KSpace | NonCartesianKSpace | Tensor, covariance: NoiseCovariance
) -> KSpace | NonCartesianKSpace | Tensor:
    """√n_averages L⁻¹ y with ½ E[n nᴴ] = L Lᴴ: data in SNR units.

    ``KSpace.data`` are means over up to ``n_averages`` measurements, which divides the noise by √n_averages, and the
    factor undoes it: afterwards ``weights * data`` has noise of standard deviation 1 in real and imaginary part.
    Channels that are silent or copies of others are left out, with a warning.

    Args:
        kspace: sorted k-space, or a tensor ``(*batch, coil, kz, ky, kx)`` of single measurements.
        covariance: of single measurements, in the unit of ``kspace``.

    Returns:
        The same type; no unit (SNR units).

    Raises:
        ValueError: the covariance is for another number of channels, not positive, or not finite.

    Source: Pruessmann K. P. et al., Magn Reson Med 46:638 (2001), Appendix A; Kellman P., McVeigh E. R.,
        Magn Reson Med 54:1439 (2005).
    """
    matrix = whitening_matrix(covariance)
    if isinstance(kspace, Tensor):
        return mix_channels(kspace, matrix)
    matrix = matrix * math.sqrt(kspace.n_averages)
    if isinstance(kspace, KSpace):
        return mix_kspace_channels(kspace, matrix)
    return mix_kspace_channels(kspace, matrix)


def whitening_matrix(covariance: NoiseCovariance) -> Tensor:
    """L⁻¹ of the channels that are kept, with zero columns for the others.

    Returns:
        complex128 ``(kept coil, coil)``.

    Raises:
        ValueError: the covariance is not finite, or no channel has noise.
    """
    matrix = covariance.matrix.to(torch.complex128)
    if not bool(torch.isfinite(torch.view_as_real(matrix)).all()):
        raise ValueError(
            f"the noise covariance ({covariance.source}) holds NaN or infinite values: the data that it was estimated "
            "from are damaged; export them again"
        )
    kept = _independent_channels(matrix)
    n_coils = matrix.shape[0]
    if not kept:
        raise ValueError(
            f"none of the {n_coils} channels has any noise ({covariance.source}), so the data cannot be brought to SNR "
            "units: the file is empty, or simulated without noise; add noise or give a covariance"
        )
    if len(kept) < n_coils:
        dropped = [c for c in range(n_coils) if c not in kept]
        warnings.warn(
            f"channels {dropped} of {n_coils} are left out: their noise is zero or a copy of the other channels'",
            UserWarning,
            stacklevel=3,
        )
    block = matrix[kept][:, kept]
    power = block.diagonal().real.sqrt()
    # Working on the correlation matrix keeps channels of very different gain apart from the question of rank.
    lower = torch.linalg.cholesky(block / (power[:, None] * power[None, :]))
    eye = torch.eye(len(kept), dtype=matrix.dtype, device=matrix.device)
    whitening = torch.zeros(len(kept), n_coils, dtype=matrix.dtype, device=matrix.device)
    whitening[:, kept] = torch.linalg.solve_triangular(lower, eye, upper=False) / power[None, :]
    return whitening


def _independent_channels(matrix: Tensor) -> list[int]:
    """Channels with noise that those before them do not predict (Schur complement of the correlation matrix)."""
    power = matrix.diagonal().real
    kept: list[int] = []
    for c in range(matrix.shape[0]):
        if power[c] <= 0:
            continue
        share = 1.0
        if kept:
            scale = power[kept].sqrt()
            inner = matrix[kept][:, kept] / (scale[:, None] * scale[None, :])
            cross = matrix[kept, c] / (scale * power[c].sqrt())
            share = 1.0 - float((cross.conj() @ torch.linalg.solve(inner, cross)).real)
        if share > SMALLEST_OWN_SHARE:
            kept.append(c)
    return kept
