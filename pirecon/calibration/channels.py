"""Linear combinations of receive channels."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.trajectory import NonCartesianKSpace

AnyKSpace = TypeVar("AnyKSpace", KSpace, NonCartesianKSpace)


def n_sample_axes(kspace: KSpace | NonCartesianKSpace) -> int:
    """Axes behind that of the coils: three on a grid, ``(readout, sample)`` otherwise."""
    return 3 if isinstance(kspace, KSpace) else 2


def mix_channels(data: Tensor, matrix: Tensor, *, coil_axis: int = -4) -> Tensor:
    """y_d = Σ_c M_dc x_c.

    Args:
        data: complex ``(*batch, coil, kz, ky, kx)``, or with the coils on another axis.
        matrix: ``(new coil, coil)``.
        coil_axis: counted from the end.

    Returns:
        Complex ``(*batch, new coil, kz, ky, kx)`` of the type of ``data``.

    Raises:
        ValueError: the matrix was made for another number of channels.
    """
    if data.shape[coil_axis] != matrix.shape[1]:
        raise ValueError(
            f"the data have {data.shape[coil_axis]} channels and the matrix is for {matrix.shape[1]}: "
            "noise scan, calibration and imaging data must come from the same receive array"
        )
    matrix = matrix.to(dtype=data.dtype, device=data.device)
    return torch.tensordot(matrix, data, dims=([1], [coil_axis])).movedim(0, coil_axis)


def mix_kspace_channels(kspace: AnyKSpace, matrix: Tensor) -> AnyKSpace:
    """:func:`mix_channels` of ``kspace.data``; everything else stays."""
    return replace(kspace, data=mix_channels(kspace.data, matrix, coil_axis=-1 - n_sample_axes(kspace)))
