"""Which lines were measured: acceleration, partial Fourier and the calibration region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pirecon.rawdata.finding import Finding
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.sort import calibration_kspace

SMALLEST_CALIBRATION_REGION = 16
"""Lines. A 6 × 6 kernel fits 11 times into 16 lines; 24 are usual (Uecker et al., Magn Reson Med 71:990, 2014)."""
AXES = ("z", "y")


@dataclass(frozen=True)
class LineSampling:
    """Measured lines of one image of the batch.

    Attributes:
        lines: bool ``(kz, ky)``.
        spacing: most frequent distance of neighbouring measured lines that is not 1, else 1; ``(kz, ky)``.
        extent: first measured and last measured index of each axis ``((z0, z1), (y0, y1))``.
        net: lines in the measured extent over measured lines.
    """

    lines: np.ndarray
    spacing: tuple[int, int]
    extent: tuple[tuple[int, int], tuple[int, int]]
    net: float


def line_sampling(kspace: KSpace) -> LineSampling:
    """Where the lines of the first image of the batch are."""
    weights = kspace.weights.reshape(-1, *kspace.weights.shape[-3:])[0]
    lines = (weights > 0).any(dim=-1).cpu().numpy()
    extent = []
    spacing = []
    for axis in (0, 1):
        measured = np.flatnonzero(lines.any(axis=1 - axis))
        extent.append((int(measured[0]), int(measured[-1])))
        gaps = np.concatenate([np.diff(np.flatnonzero(line)) for line in (lines if axis == 1 else lines.T)])
        wide = gaps[gaps > 1]
        values, counts = np.unique(wide, return_counts=True)
        spacing.append(int(values[counts.argmax()]) if len(wide) > 1 else 1)
    full = np.prod([last - first + 1 for first, last in extent])
    return LineSampling(lines, (spacing[0], spacing[1]), (extent[0], extent[1]), float(full / lines.sum()))


def check_acceleration(raw: RawData, sampling: LineSampling) -> list[Finding]:
    """Claimed factor against the distance between the lines."""
    findings = []
    for axis, claimed, found in zip(AXES, raw.encoding.acceleration, sampling.spacing, strict=True):
        if claimed != found:
            text = f"along {axis} the header claims {claimed}, lines are {found} apart, net factor {sampling.net:.2f}"
            done = "the lines that were measured are used where they are"
            findings.append(Finding("acceleration not as claimed", "info", text, done))
    return findings


def check_partial_fourier(kspace: KSpace, sampling: LineSampling) -> list[Finding]:
    """One side of k = 0 measured further than the other, along any axis."""
    kx = (kspace.weights > 0).reshape(-1, kspace.weights.shape[-1]).any(dim=0).cpu().numpy()
    measured = np.flatnonzero(kx)
    extents = (*sampling.extent, (int(measured[0]), int(measured[-1])))
    findings = []
    for axis, n, (first, last), spacing in zip(
        "zyx", kspace.data.shape[-3:], extents, (*sampling.spacing, 1), strict=True
    ):
        before, after = n // 2 - first, last - n // 2
        reach = max(before, after)
        if n > 1 and abs(before - after) > max(1, spacing) + 0.02 * n and reach > 0:
            fraction = (before + after + 1) / (2 * reach)
            name = "asymmetric echo" if axis == "x" else "partial Fourier"
            found = (
                f"along {axis}, {before} steps before and {after} after k = 0, {fraction:.2f} of the symmetric extent"
            )
            done = "what is missing is left zero, and the encoding operator knows it"
            findings.append(Finding(name, "info", found, done))
    return findings


def check_calibration(raw: RawData, sampling: LineSampling) -> list[Finding]:
    """Undersampled data of several coils need a fully sampled centre or calibration lines."""
    if raw.n_coils == 1 or sampling.net < 1.05:
        return []
    lines = sampling.lines
    calibration = calibration_kspace(raw)
    if calibration is not None:
        weights = calibration.weights.reshape(-1, *calibration.weights.shape[-3:])
        lines = lines | (weights > 0).any(dim=-1).any(dim=0).cpu().numpy()
    widths = tuple(_width_about_centre(_profile(lines, axis)) for axis in (0, 1))
    needed = tuple(min(SMALLEST_CALIBRATION_REGION, n) for n in lines.shape)
    if all(width >= need for width, need in zip(widths, needed, strict=True)):
        return []
    separate = "calibration lines" if calibration is not None else "no calibration lines"
    found = f"{separate}; fully sampled about k = 0: {widths[0]} × {widths[1]} lines (z, y), "
    found += f"{needed[0]} × {needed[1]} wanted"
    name = (
        "calibration region missing"
        if min(widths) <= 1 < min(needed) or max(widths) <= 1
        else "calibration region too small"
    )
    return [
        Finding(name, "warning", found, "coil sensitivities have to be estimated from what there is, and are coarse")
    ]


def _profile(lines: np.ndarray, axis: int) -> np.ndarray:
    """Measured lines along ``axis`` through k = 0 of the other."""
    centre = lines.shape[1 - axis] // 2
    profile: np.ndarray = lines[centre] if axis == 1 else lines[:, centre]
    return profile


def _width_about_centre(profile: np.ndarray) -> int:
    """Length of the unbroken run of True about index n//2."""
    centre = len(profile) // 2
    if not profile[centre]:
        return 0
    holes = np.flatnonzero(~profile)
    before, after = holes[holes < centre], holes[holes > centre]
    return int((after[0] if len(after) else len(profile)) - (before[-1] + 1 if len(before) else 0))
