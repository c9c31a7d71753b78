"""Write NIfTI-1: where the voxels are in RAS millimetres."""

from __future__ import annotations

import os

import numpy as np

from pirecon.image.image import Image
from pirecon.image.planes import check_image, with_slices_last
from pirecon.image.whole_file import whole_file
from pirecon.rawdata.geometry import Geometry

# A stack may depart from a straight, even line by this part of its spacing: scanners round positions to about 0.01 mm.
TOLERANCE = 0.02
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
_MAX_DIMENSIONS = 7  # NIfTI-1 dim[0] ≤ 7


def write_nifti(image: Image, path: str | os.PathLike[str], *, magnitude: bool = True) -> None:
    """Write an image as NIfTI-1 (.nii or .nii.gz), in SNR units.

    The file's axes are the reverse of the image's: x, y, z (all slices, in the order in which they lie in the patient),
    then the other batch axes from the last to the first, so that ``(set, repetition, phase, contrast, slice, z, y, x)``
    becomes ``(x, y, slice·z, contrast, phase, repetition, set)``. Axes which the image does not have are left out, so a
    series of repetitions is the usual 4D file.

    Args:
        image: complex ``(*batch, z, y, x)``.
        path: ends in .nii or .nii.gz.
        magnitude: float32 ``|data|``; otherwise complex64 (datatype 32), with the phase.

    Raises:
        ValueError: data and geometry contradict each other, the slices are no even stack, or there are more than
            four other batch axes.
        OSError: the file cannot be written.

    Source: NIfTI-1 header, https://nifti.nimh.nih.gov/nifti-1: methods 2 (qform) and 3 (sform), codes 1
    (NIFTI_XFORM_SCANNER_ANAT), units mm and s.
    """
    import nibabel

    values, affine = stacked_values(image)
    values = np.abs(values).astype(np.float32) if magnitude else values.astype(np.complex64)
    if values.ndim > _MAX_DIMENSIONS:
        raise ValueError(
            f"{path}: the image has the batch axes {image.batch_axes}, but NIfTI holds at most seven axes, four of "
            "them beyond x, y, z; write .h5 or .npy instead"
        )
    nifti = nibabel.Nifti1Image(values, affine)
    nifti.set_qform(affine, code="scanner")
    nifti.set_sform(affine, code="scanner")
    header = nifti.header
    header.set_xyzt_units("mm", "sec")
    header.set_dim_info(freq=0, phase=1, slice=2)  # kx is the readout
    header["descrip"] = _description(image, magnitude=magnitude)
    header["cal_max"] = np.percentile(np.abs(values), 99.8)  # what a viewer shows as white
    suffix = ".nii.gz" if str(path).lower().endswith(".gz") else ".nii"
    with whole_file(path, suffix=suffix) as temporary:
        nifti.to_filename(temporary)


def affine_ras_mm(geometry: Geometry) -> np.ndarray:
    """The matrix from voxel indices to scanner coordinates: (R, A, S, 1)ᵀ = M (i, j, k, 1)ᵀ.

    i, j, k are the indices along x, y and z; k counts the planes of all slices or slabs as they are stacked. The
    image's own order (slice, then z) is kept where it runs one way through the patient, be it along or against the
    slice direction; otherwise (interleaved numbering, slabs numbered backwards) the planes are sorted along it. An
    index is the centre of its voxel, and index n // 2 of x and y lies at the slice's ``centre``.

    Args:
        geometry: of the image.

    Returns:
        ``(4, 4)``, mm.

    Raises:
        ValueError: the directions are not orthonormal, or the slices are no even, straight stack.

    Source: NIfTI-1 (+x right, +y anterior, +z superior, indices are voxel centres) against DICOM PS3.3 C.7.6.2.1.1
    (+x left, +y posterior, +z superior): R = −L, A = −P.
    """
    return _stack(geometry)[0]


def stacked_values(image: Image) -> tuple[np.ndarray, np.ndarray]:
    """Values in the order of a NIfTI file, ``(x, y, slice·z, *reversed batch)``, and the affine (RAS, mm).

    Raises:
        ValueError: data and geometry contradict each other, or the slices are no even stack.
    """
    check_image(image)
    affine, order = _stack(image.geometry)
    data, _ = with_slices_last(image)
    values = data.flatten(-4, -3).detach().cpu().resolve_conj().numpy()  # (*batch, slice·z, y, x)
    return values[..., order, :, :].T, affine


def _stack(geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """The affine, and the order in which the flattened axes (slice, z) are stacked."""
    _check_directions(geometry)
    positions = _plane_positions(geometry)
    order = _plane_order(positions @ np.asarray(geometry.directions, dtype=float)[0])
    first, step = _line(positions[order], geometry)
    _, size_y, size_x = geometry.voxel_size
    _, along_y, along_x = np.asarray(geometry.directions, dtype=float)
    _, n_y, n_x = geometry.matrix
    affine = np.eye(4)
    affine[:3, 0] = along_x * size_x
    affine[:3, 1] = along_y * size_y
    affine[:3, 2] = step
    affine[:3, 3] = first - along_x * size_x * (n_x // 2) - along_y * size_y * (n_y // 2)
    affine[:3] *= _LPS_TO_RAS[:, None] * 1e3
    return affine + 0.0, order  # + 0.0 turns −0 into 0


def _plane_order(height: np.ndarray) -> np.ndarray:
    steps = np.diff(height)
    if np.all(steps > 0) or np.all(steps < 0):
        return np.arange(len(height))
    return np.argsort(height, kind="stable")


def _plane_positions(geometry: Geometry) -> np.ndarray:
    """Where index (y // 2, x // 2) of every plane lies, ``(slice · z, 3)``, LPS m."""
    n_z, size_z = geometry.matrix[0], geometry.voxel_size[0]
    centres = np.asarray(geometry.centres, dtype=float)
    normal = np.asarray(geometry.directions, dtype=float)[0]
    within = (np.arange(n_z) - n_z // 2)[:, None] * size_z * normal  # (z, 3)
    return np.asarray((centres[:, None] + within).reshape(-1, 3))


def _line(positions: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """First position and step of an even line of planes along the slice direction, LPS m."""
    normal = np.asarray(geometry.directions, dtype=float)[0]
    if len(positions) == 1:
        return positions[0], normal * geometry.voxel_size[0]
    mean_step = (positions[-1] - positions[0]) / (len(positions) - 1)
    step = normal * (mean_step @ normal)  # the affine has no shear: a quaternion cannot hold it
    even = positions.mean(axis=0) + (np.arange(len(positions)) - (len(positions) - 1) / 2)[:, None] * step
    error = np.linalg.norm(positions - even, axis=1).max()
    if error >= TOLERANCE * np.linalg.norm(mean_step):
        gaps = np.round(np.diff(positions @ normal) * 1e3, 3)
        raise ValueError(
            f"the {len(positions)} slices are no even stack along their normal: distances {gaps.tolist()} mm, up to "
            f"{error * 1e3:.3g} mm away from even places. A NIfTI file has one spacing for all. Write .h5 (MRD images "
            "keep the position of every slice) or .npy, or reconstruct the groups of parallel slices one by one"
        )
    return even[0], step


def _check_directions(geometry: Geometry) -> None:
    directions = np.asarray(geometry.directions, dtype=float)
    if directions.shape != (3, 3) or not np.allclose(directions @ directions.T, np.eye(3), atol=1e-3):
        raise ValueError(
            f"geometry.directions is {directions.tolist()}, but its rows must be three perpendicular unit vectors "
            "(along z, y, x); zeros usually mean that the raw file has no orientation: put a nominal one there"
        )


def _description(image: Image, *, magnitude: bool) -> bytes:
    text = f"pirecon {image.metadata.get('method', '')}".rstrip()
    text += f"; {'magnitude' if magnitude else 'complex'}, SNR units"
    return text.encode("ascii", "replace")[:79]  # descrip is char[80] with a closing zero
