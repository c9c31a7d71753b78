"""One encoding of the header: matrix, field of view, limits and acceleration, in SI units and in the order z, y, x."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pirecon.rawdata.finding import Finding, RawDataError

LARGEST_AXIS = 2**16
"""The counters of an MRD acquisition header are 16 bit: no longer axis can be addressed."""


@dataclass(frozen=True)
class Limit:
    """Where a counter runs, and which of its values is k = 0."""

    minimum: int
    maximum: int
    centre: int


@dataclass(frozen=True)
class EncodingSpace:
    """What the header says of one encoding.

    Attributes:
        matrix: encoded points ``(z, y, x)``, x with readout oversampling.
        field_of_view: encoded ``(z, y, x)``, m.
        recon_matrix: points of the image that the scanner's own reconstruction makes, ``(z, y, x)``.
        recon_field_of_view: of that image, ``(z, y, x)``, m.
        limits_y: of ``kspace_encode_step_1``; None where the header has none.
        limits_z: of ``kspace_encode_step_2``; None where the header has none.
        trajectory: ``cartesian``, ``epi``, ``radial``, ``goldenangle``, ``spiral`` or ``other``.
        acceleration: claimed factors ``(z, y)``.
        calibration_mode: ``embedded``, ``interleaved``, ``separate``, ``external``, ``other`` or None.
    """

    matrix: tuple[int, int, int]
    field_of_view: tuple[float, float, float]
    recon_matrix: tuple[int, int, int]
    recon_field_of_view: tuple[float, float, float]
    limits_y: Limit | None = None
    limits_z: Limit | None = None
    trajectory: str = "cartesian"
    acceleration: tuple[int, int] = (1, 1)
    calibration_mode: str | None = None


def choose_encoding(header: Any, index: int, path: Path) -> tuple[EncodingSpace, list[Finding]]:
    """The encoding of that index.

    Args:
        header: an ``ismrmrd.xsd.ismrmrdHeader``.
        index: which of its encodings.
        path: of the file, for messages.

    Returns:
        The encoding, and what was assumed where it contradicts itself.

    Raises:
        RawDataError: no such encoding, or an impossible matrix.
    """
    if not 0 <= index < len(header.encoding):
        raise RawDataError(
            f"{path}: encoding {index} was asked for, but the header has {len(header.encoding)} (counted from 0). "
            "Choose one of them."
        )
    encoding = header.encoding[index]
    findings: list[Finding] = []
    matrix = _matrix(encoding.encodedSpace, path)
    recon_matrix = _matrix(encoding.reconSpace, path)
    field_of_view = _field_of_view(encoding.encodedSpace, matrix, "encodedSpace", findings)
    recon_field_of_view = _field_of_view(encoding.reconSpace, recon_matrix, "reconSpace", findings)
    parallel = encoding.parallelImaging
    factors = parallel.accelerationFactor if parallel else None
    mode = parallel.calibrationMode if parallel else None
    space = EncodingSpace(
        matrix,
        field_of_view,
        recon_matrix,
        recon_field_of_view,
        limits_y=_limit(encoding.encodingLimits.kspace_encoding_step_1),
        limits_z=_limit(encoding.encodingLimits.kspace_encoding_step_2),
        trajectory=encoding.trajectory.value,
        acceleration=(max(1, factors.kspace_encoding_step_2), max(1, factors.kspace_encoding_step_1))
        if factors
        else (1, 1),
        calibration_mode=mode.value if mode else None,
    )
    return space, findings


def _limit(limit: Any) -> Limit | None:
    return None if limit is None else Limit(limit.minimum, limit.maximum, limit.center)


def _matrix(space: Any, path: Path) -> tuple[int, int, int]:
    size = space.matrixSize
    matrix = (max(1, size.z), size.y, size.x)  # 2D files are often written with z = 0
    if min(matrix) < 1 or max(matrix) > LARGEST_AXIS:
        raise RawDataError(
            f"{path}: the header claims a matrix of {size.x} × {size.y} × {size.z}; every axis must have 1 to "
            f"{LARGEST_AXIS} points, because the counters of MRD have 16 bit. The header is wrong; correct matrixSize."
        )
    return matrix


def _field_of_view(
    space: Any, matrix: tuple[int, int, int], name: str, findings: list[Finding]
) -> tuple[float, float, float]:
    said = space.fieldOfView_mm
    extent_mm = (said.z, said.y, said.x)
    if min(extent_mm) <= 0:
        findings.append(
            Finding(
                "field of view missing",
                "warning",
                f"{name}: {said.x:g} × {said.y:g} × {said.z:g} mm",
                "voxels of 1 mm assumed on the axes without one",
            )
        )
    z, y, x = ((mm if mm > 0 else float(n)) * 1e-3 for mm, n in zip(extent_mm, matrix, strict=True))
    return z, y, x
