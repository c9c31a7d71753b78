"""Write a map of a quantity, real and with its sign, as NIfTI."""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor

from pirecon.image.image import Image
from pirecon.image.nifti import stacked_values
from pirecon.image.whole_file import whole_file
from pirecon.rawdata.geometry import Geometry


def write_nifti_map(
    values: Tensor,
    path: str | os.PathLike[str],
    *,
    geometry: Geometry,
    batch_axes: tuple[str, ...] = (),
    description: str,
) -> None:
    """Write real values as they are, float32; what is not finite becomes NaN.

    Args:
        values: real ``(*batch, z, y, x)``.
        path: ends in .nii or .nii.gz.
        geometry: of the voxels.
        batch_axes: names of the leading axes.
        description: quantity and unit, for the header; up to 79 characters.

    Raises:
        ValueError: values and geometry contradict each other, or the slices are no even stack.
        OSError: the file cannot be written.
    """
    import nibabel  # slow to import, and only needed here

    known = torch.isfinite(values)
    array, affine = stacked_values(Image(torch.where(known, values, 0).cpu(), geometry, batch_axes))
    mask, _ = stacked_values(Image(known.float().cpu(), geometry, batch_axes))
    array = np.where(mask > 0, array, np.nan)
    nifti = nibabel.Nifti1Image(array.astype(np.float32), affine)
    nifti.set_qform(affine, code="scanner")
    nifti.set_sform(affine, code="scanner")
    nifti.header.set_xyzt_units("mm", "sec")
    nifti.header["descrip"] = description.encode("ascii", "replace")[:79]
    suffix = ".nii.gz" if str(path).lower().endswith(".gz") else ".nii"
    with whole_file(path, suffix=suffix) as temporary:
        nifti.to_filename(temporary)
