"""What every map of a phantom must fulfil, and errors that say which voxel does not."""

from __future__ import annotations

import torch
from torch import Tensor

Matrix = tuple[int, int, int]
VoxelSize = tuple[float, float, float]


def check_voxel_size(voxel_size: VoxelSize) -> None:
    """Refuse edge lengths that are no edge lengths in m.

    Args:
        voxel_size: ``(z, y, x)``, m.

    Raises:
        ValueError: there are not three, or one is not positive, or one is a metre or more.
    """
    if len(voxel_size) != 3 or not all(0 < edge < float("inf") for edge in voxel_size):
        raise ValueError(f"voxel_size is {voxel_size}; expected three positive edge lengths (z, y, x) in m.")
    if max(voxel_size) >= 1:
        raise ValueError(
            f"voxel_size is {voxel_size} m: no voxel of a phantom is a metre long. "
            "The numbers are probably in mm; divide by 1000."
        )


def check_shape(name: str, values: Tensor, matrix: Matrix) -> None:
    """Refuse a map on another grid.

    Args:
        name: of the map, for the message.
        values: the map.
        matrix: expected shape ``(z, y, x)``.

    Raises:
        ValueError: the shape differs.
    """
    if tuple(values.shape) != tuple(matrix):
        hint = ""
        if tuple(values.shape) == tuple(reversed(matrix)):
            hint = " Its axes seem to run x, y, z; permute(2, 1, 0) turns them round."
        elif values.ndim == 2 and tuple(values.shape) == tuple(matrix[1:]):
            hint = " A slice has z = 1; unsqueeze(0) adds that axis."
        raise ValueError(f"{name} has shape {tuple(values.shape)}; expected (z, y, x) = {tuple(matrix)}.{hint}")


def check_everywhere(name: str, values: Tensor, good: Tensor, *, where: Tensor | None = None, expected: str) -> None:
    """Refuse a map that is not good somewhere, and name the first such voxel.

    Args:
        name: of the map.
        values: the map, ``(z, y, x)`` or with a leading axis.
        good: bool, shape of ``values``.
        where: bool, voxels that matter, broadcasts; None for all.
        expected: what the values must be, the likely cause and the fix, as the end of a sentence.

    Raises:
        ValueError: with the map's name, the value, the index of the voxel and ``expected``.
    """
    bad = ~good if where is None else ~good & where
    if not bool(bad.any()):
        return
    index = tuple(int(i) for i in bad.nonzero()[0])
    value = values[index].item()
    raise ValueError(
        f"{name} is {value:.6g} at voxel {index} and not as expected in {int(bad.sum())} of {bad.numel()} voxels; "
        f"expected {expected}"
    )


def check_optional_maps(maps: dict[str, Tensor | None], matrix: Matrix) -> None:
    """Shape and finite values of those maps that are there.

    Args:
        maps: by name; None where a phantom has no such map.
        matrix: ``(z, y, x)``.

    Raises:
        ValueError: a shape differs, or a value is NaN or infinite.
    """
    for name, values in maps.items():
        if values is not None:
            check_shape(name, values, matrix)
            expected = "finite numbers. NaN often marks the outside of a measured map: fill it, for example with 0."
            check_everywhere(name, values, torch.isfinite(values), expected=expected)
