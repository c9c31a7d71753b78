"""Linear combinations of receive channels."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pirecon.rawdata.kspace import KSpace


def mix_channels(data: Tensor, matrix: Tensor) -> Tensor:
    """y_d = Σ_c M_dc x_c.

    Args:
        data: complex ``(*batch, coil, kz, ky, kx)``.
        matrix: ``(new coil, coil)``.

    Returns:
        Complex ``(*batch, new coil, kz, ky, kx)`` of the type of ``data``.

    Raises:
        ValueError: the matrix was made for another number of channels.
    """
    if data.shape[-4] != matrix.shape[1]:
        raise ValueError(
            f"the data have {data.shape[-4]} channels and the matrix is for {matrix.shape[1]}: "
            "noise scan, calibration and imaging data must come from the same receive array"
        )
    matrix = matrix.to(dtype=data.dtype, device=data.device)
    return torch.einsum("dc,...czyx->...dzyx", matrix, data)


def mix_kspace_channels(kspace: KSpace, matrix: Tensor) -> KSpace:
    """:func:`mix_channels` of ``kspace.data``; everything else stays."""
    return replace(kspace, data=mix_channels(kspace.data, matrix))
