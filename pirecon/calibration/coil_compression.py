"""Fewer, virtual coils that keep most of the signal."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.calibration.channels import AnyKSpace, mix_kspace_channels, n_sample_axes
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.trajectory import NonCartesianKSpace


def compression_matrix(kspace: KSpace | NonCartesianKSpace, n_coils: int) -> Tensor:
    """The n leading eigenvectors of Σ_k y yᴴ over all measured samples, as rows.

    The rows are orthonormal, so white noise stays white.

    Args:
        kspace: prewhitened.
        n_coils: number of virtual coils.

    Returns:
        Complex ``(min(n_coils, coil), coil)``.

    Raises:
        ValueError: ``n_coils`` below 1.

    Source: Buehrer M. et al., Magn Reson Med 57:1131 (2007); Huang F. et al., Magn Reson Imaging 26:133 (2008).
    """
    if n_coils < 1:
        raise ValueError(f"cannot compress to {n_coils} virtual coils: ask for at least 1")
    samples = (kspace.weights * kspace.data).movedim(-1 - n_sample_axes(kspace), 0).flatten(1)
    scale = samples.abs().max().clamp(min=torch.finfo(samples.real.dtype).tiny)
    samples = samples / scale
    covariance = (samples @ samples.mH).to(torch.complex128)
    vectors = torch.linalg.eigh(covariance)[1].flip(-1)  # strongest first
    return vectors[:, :n_coils].mH.to(kspace.data.dtype)


def compress_coils(kspace: AnyKSpace, n_coils: int) -> AnyKSpace:
    """Combine the channels to ``n_coils`` virtual coils; see :func:`compression_matrix`.

    Separate calibration data need the same matrix: compute it once and use
    :func:`pirecon.calibration.channels.mix_kspace_channels`.
    """
    return mix_kspace_channels(kspace, compression_matrix(kspace, n_coils))
