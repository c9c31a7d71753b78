"""Write MRD (ISMRMRD) images: one image per slice or slab, contrast, repetition, …"""

from __future__ import annotations

import itertools
import os
import warnings
from typing import Any

import numpy as np

from pirecon.image.image import Image
from pirecon.image.planes import SLICE_AXIS, check_image, with_slices_last
from pirecon.image.whole_file import whole_file

GROUP, SERIES = "dataset", "image_0"
COUNTERS = ("average", "slice", "contrast", "phase", "repetition", "set")


def write_mrd_image(image: Image, path: str | os.PathLike[str], *, magnitude: bool = True) -> None:
    """Write an image as MRD images, series ``dataset/image_0`` of an HDF5 file, in SNR units.

    ``position`` is the voxel of index n // 2 on each axis, the origin of the Fourier transform. The standard says
    "centre of the excited volume"; raw data and images share the field (``ImageHeader.from_acquisition`` copies it),
    and the excited volume is centred where the gradients' phase is zero, which is index n // 2. For odd n this is the
    geometric centre of the pixel grid; for even n the grid's centre lies half a voxel before it. Gadgetron reads even n
    likewise: ImagePositionPatient (the first voxel's centre) = position − field_of_view / 2 along x and y. So that
    nobody needs to guess, the meta attribute ``ImagePositionPatient`` holds the centre of the first voxel.

    Args:
        image: complex ``(*batch, z, y, x)``.
        path: ends in .h5; an existing file is replaced.
        magnitude: float32 of type magnitude; otherwise complex64 of type complex.

    Raises:
        ValueError: data and geometry contradict each other, or a batch axis is none of the header's counters.
        OSError: the file cannot be written.

    Source: ISMRMRD, doc/mrd_image_data.md (ImageHeader: matrix_size and field_of_view as (x, y, z), mm; position in LPS
    mm; read_dir, phase_dir, slice_dir; meta attributes ImageRowDir, ImageColumnDir, ImageSliceDir); Gadgetron,
    dicom_ismrmrd_utility.cpp; DICOM PS3.3 C.7.6.2.1.1 (Image Position).
    """
    ismrmrd = _import_ismrmrd()
    check_image(image)
    _check_counters(image)
    data, names = with_slices_last(image)
    array = (data.abs() if magnitude else data).detach().cpu().resolve_conj().numpy()
    array = array.astype(np.float32 if magnitude else np.complex64)
    kind = ismrmrd.IMTYPE_MAGNITUDE if magnitude else ismrmrd.IMTYPE_COMPLEX
    axes = (*names, SLICE_AXIS)
    with whole_file(path, suffix=".h5") as temporary, ismrmrd.Dataset(str(temporary), GROUP, mode="w") as file:
        for number, index in enumerate(itertools.product(*map(range, array.shape[:-3]))):
            counters = dict(zip(axes, index, strict=True))
            fields = _place(image, slice_index=counters[SLICE_AXIS]) | counters
            fields |= {"image_type": kind, "image_index": number + 1, "image_series_index": 0}
            mrd = ismrmrd.Image.from_array(array[index], transpose=False, **fields)
            mrd.attribute_string = _attributes(ismrmrd, image, slice_index=counters[SLICE_AXIS])
            file.append_image(SERIES, mrd)


def _place(image: Image, *, slice_index: int) -> dict[str, tuple[float, ...]]:
    """Header fields that say where a slice lies, in the order (x, y, z) and in mm."""
    geometry = image.geometry
    along_z, along_y, along_x = np.asarray(geometry.directions, dtype=float)
    field_of_view = np.multiply(geometry.matrix, geometry.voxel_size)[::-1] * 1e3
    return {
        "position": tuple(np.asarray(geometry.centres[slice_index]) * 1e3),
        "field_of_view": tuple(field_of_view),
        "read_dir": tuple(along_x),
        "phase_dir": tuple(along_y),
        "slice_dir": tuple(along_z),
    }


def _attributes(ismrmrd: Any, image: Image, *, slice_index: int) -> str:
    geometry = image.geometry
    directions = np.asarray(geometry.directions, dtype=float)  # (z y x, LPS)
    to_first = -np.multiply([n // 2 for n in geometry.matrix], geometry.voxel_size) @ directions
    meta = ismrmrd.Meta()
    meta["DataRole"] = "Image"
    meta["ImageComments"] = f"pirecon {image.metadata.get('method', '')}".rstrip() + ", SNR units"
    for name, direction in zip(("ImageSliceDir", "ImageColumnDir", "ImageRowDir"), directions, strict=True):
        meta[name] = [repr(float(c)) for c in direction]
    meta["ImagePositionPatient"] = [repr(float(c)) for c in (geometry.centres[slice_index] + to_first) * 1e3]
    meta["NoiseScale"] = repr(float(image.noise_scale))
    return str(meta.serialize())


def _check_counters(image: Image) -> None:
    unknown = [name for name in image.batch_axes if name not in COUNTERS]
    if unknown:
        raise ValueError(
            f"the image has the batch axes {unknown}, but MRD images count only {COUNTERS}; rename them, or write .npy"
        )


def _import_ismrmrd() -> Any:
    # The package resets the process's warning filters when it is imported; that is not ours to change.
    with warnings.catch_warnings():
        import ismrmrd
    return ismrmrd
