"""Where the slices are: from the acquisition headers to a geometry in patient coordinates.

MRD stores ``position``, "center of the excited volume, in (left, posterior, superior) (LPS) coordinates relative to
isocenter in millimeters", and ``read_dir``, ``phase_dir`` and ``slice_dir``, direction cosines in the same system,
slice = read × phase.
The encoding gradients are nulled at that position, so it is where the Fourier transform has its origin: index n//2.
With the signal ∝ exp(−2πi k·r), indices of the image grow along the directions along which k grows.

Source: MRD AcquisitionHeader, https://ismrmrd.readthedocs.io/en/latest/mrd_raw_data.html.
"""

from __future__ import annotations

import numpy as np

from pirecon.rawdata.finding import Finding
from pirecon.rawdata.geometry import Geometry
from pirecon.rawdata.raw_data import RawData

TOLERANCE = 1e-3
"""Direction cosines in single precision are orthonormal to 1e-6; more than this is a mistake."""


def slice_geometry(
    raw: RawData, lines: np.ndarray, matrix: tuple[int, int, int], extent: tuple[float, float, float]
) -> tuple[Geometry, list[Finding]]:
    """The geometry of the imaging lines, one centre for each slice, in the order of the slice counter.

    Args:
        raw: the raw data.
        lines: indices of the imaging readouts.
        matrix: ``(z, y, x)``.
        extent: field of view ``(z, y, x)``, m.

    Returns:
        The geometry, and what was repaired.
    """
    findings: list[Finding] = []
    heads = raw.readouts[lines]
    _, first = np.unique(heads["idx"]["slice"], return_index=True)
    said = np.stack([heads[name][first] for name in ("slice_dir", "phase_dir", "read_dir")], axis=1).astype(np.float64)
    directions = orthonormal_directions(said[0], findings)
    if np.abs(said - said[:1]).max() > TOLERANCE:
        found = "the slices do not all have the same directions"
        findings.append(
            Finding("slices not parallel", "warning", found, "the directions of the first slice are used for all")
        )
    centres = heads["position"][first].astype(np.float64) * 1e-3
    centres = _spread_slices(centres, directions[0], extent[0], findings)
    z, y, x = (e / n for e, n in zip(extent, matrix, strict=True))
    return Geometry(matrix, (z, y, x), centres, directions), findings


def orthonormal_directions(said: np.ndarray, findings: list[Finding]) -> np.ndarray:
    """Make three direction vectors orthonormal, changing them as little as possible.

    Slightly oblique ones are replaced by the nearest orthonormal matrix (the unitary factor U Vᵀ of the singular value
    decomposition, Higham, SIAM J Sci Stat Comput 7:1160, 1986), a missing one by the cross product of the others, and
    if two are missing or parallel, the slice is taken to be axial.

    Args:
        said: rows slice, phase, read; float64 ``(3, 3)``.
        findings: what was repaired is added to it.

    Returns:
        Rows slice, phase, read; float64 ``(3, 3)``.
    """
    axial = np.eye(3)[::-1]
    said = np.where(np.isfinite(said), said, 0.0)
    lengths = np.linalg.norm(said, axis=1)
    unit = said / np.where(lengths > TOLERANCE, lengths, 1.0)[:, None]
    absent = np.flatnonzero(lengths <= TOLERANCE)
    names = ("slice_dir", "phase_dir", "read_dir")
    if len(absent) == 1:
        a, b = (i for i in range(3) if i != absent[0])
        # slice = read × phase, phase = slice × read, read = phase × slice
        unit[absent[0]] = {0: np.cross(unit[2], unit[1]), 1: np.cross(unit[0], unit[2]), 2: np.cross(unit[1], unit[0])}[
            int(absent[0])
        ]
        found, done = f"{names[absent[0]]} is zero", f"taken from {names[a]} and {names[b]}"
        findings.append(Finding("degenerate directions", "warning", found, done))
    elif len(absent) > 1:
        found = f"{', '.join(names[i] for i in absent)} are zero"
        done = "axial slices assumed: readout to the patient's left, phase encoding to posterior"
        findings.append(Finding("degenerate directions", "warning", found, done))
        return axial
    left, singular, right = np.linalg.svd(unit)
    if singular[-1] < 0.1:
        findings.append(
            Finding("degenerate directions", "warning", "direction vectors are parallel", "axial slices assumed")
        )
        return axial
    if abs(singular - 1).max() > TOLERANCE or abs(lengths[lengths > TOLERANCE] - 1).max() > TOLERANCE:
        found = f"directions deviate from orthonormal by {max(abs(singular - 1).max(), abs(lengths - 1).max()):.2g}"
        findings.append(
            Finding("degenerate directions", "warning", found, "the nearest orthonormal directions are used")
        )
    nearest: np.ndarray = left @ right
    return nearest


def _spread_slices(centres: np.ndarray, normal: np.ndarray, thickness: float, findings: list[Finding]) -> np.ndarray:
    """Slices that all claim the same place are put side by side."""
    if not np.isfinite(centres).all():
        findings.append(
            Finding("position missing", "warning", "slice positions are NaN or infinite", "isocentre assumed")
        )
        centres = np.where(np.isfinite(centres), centres, 0.0)
    n = len(centres)
    if n < 2 or np.abs(centres - centres[:1]).max() > 1e-6:
        return centres
    found, done = f"all {n} slices are at the same place", f"placed side by side, {1e3 * thickness:.4g} mm apart"
    findings.append(Finding("slice positions missing", "warning", found, done))
    placed: np.ndarray = centres + ((np.arange(n) - (n - 1) / 2) * thickness)[:, None] * normal
    return placed
