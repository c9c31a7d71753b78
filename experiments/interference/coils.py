"""Cancellation by sensing coils, against the same scan without interference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.interference.scans import Case, Clean, as_raw, disturbed
from pirecon.calibration import cancel_interference
from pirecon.calibration.interference.channels import without_channels
from pirecon.rawdata import RawData, noise_samples

CENTRE = 0.04  # of k-space on either side

CASES = (
    *(Case(f"two lines, {n} sensing", 2, 0, n) for n in (1, 3, 5)),
    *(Case(f"two broad-band, {n} sensing", 0, 2, n) for n in (1, 3, 5)),
    *(Case(f"two lines and two broad-band, {n} sensing", 2, 2, n) for n in (1, 3, 5)),
    Case("one broad-band, 1 sensing", 0, 1, 1),
    Case("weak (0.3), two broad-band, 3 sensing", 0, 2, 3, strength=0.3),
    Case("drifting, two broad-band, 3 sensing", 0, 2, 3, drift=1.0),
    Case("3 % of the patient in the sensing coils, two broad-band, 3 sensing", 0, 2, 3, leak=0.03),
    Case("3 % of the patient in the sensing coils, weak (0.3), 3 sensing", 0, 2, 3, strength=0.3, leak=0.03),
    Case("none, 3 sensing", 0, 1, 3, strength=0.0),
    Case("none, 3 % of the patient in the sensing coils, 3 sensing", 0, 1, 3, strength=0.0, leak=0.03),
    Case("none, 3 % of a patient with ten times the signal, 3 sensing", 0, 1, 3, strength=0.0, leak=0.03, signal=10),
    Case("none, 10 % of a patient with ten times the signal, 3 sensing", 0, 1, 3, strength=0.0, leak=0.1, signal=10),
    Case("weak (0.3), 10 % of the same, 3 sensing", 0, 2, 3, strength=0.3, leak=0.1, signal=10),
    Case("two broad-band, 10 % of the same, 3 sensing", 0, 2, 3, leak=0.1, signal=10),
)


@dataclass(frozen=True)
class Outcome:
    """Of one case and head.

    Attributes:
        suppression: dB; NaN without interference.
        before: SNR over the clean scan's.
        after: likewise, after cancellation.
        signal: change of the object, a share.
        exact: whether the lines are those of the disturbed scan bit by bit.
        noise_scan: power of the noise scan over the clean one's, after cancellation.
        raw: before and after, without sensing channels.
    """

    suppression: float
    before: float
    after: float
    signal: float
    exact: bool
    noise_scan: float
    raw: tuple[RawData, RawData]


def outcome(clean: Clean, case: Case, folder: Path, *, seed: int) -> Outcome:
    """Lay interference over a scan, cancel it, and compare."""
    clean = clean.louder(case.signal)
    undisturbed = as_raw(clean.scan, folder)
    reference, quiet = lines_of(undisturbed), noise_samples(undisturbed)
    raw = as_raw(disturbed(clean, case, seed=seed), folder)
    n_coils = reference.shape[1]
    before = without_channels(raw, range(n_coils, raw.n_coils))
    after, found = cancel_interference(raw)
    if found is None or quiet is None:
        raise ValueError("the raw file lost its sensing coils or its noise scan")
    thermal = 2 * clean.scan.truth["noise_covariance"].diagonal().real[:, None]
    powers = [((np.abs(lines_of(r) - reference) ** 2).mean(axis=0) / thermal).mean() for r in (before, after)]
    left = noise_samples(after)
    if left is None:
        raise ValueError("the noise scan went with the sensing channels")
    return Outcome(
        suppression=float(10 * np.log10(powers[0] / powers[1])) if powers[0] > 0 and powers[1] > 0 else float("nan"),
        before=float(1 / np.sqrt(1 + powers[0])),
        after=float(1 / np.sqrt(1 + powers[1])),
        signal=_signal_change(lines_of(after) - reference, reference),
        exact=bool((lines_of(before) == lines_of(after)).all()),
        noise_scan=float(left.abs().square().mean() / quiet.abs().square().mean()),
        raw=(before, after),
    )


def lines_of(raw: RawData) -> np.ndarray:
    """Imaging lines, complex ``(line, coil, sample)``."""
    return raw.block(raw.imaging_lines).astype(np.complex128)


def _signal_change(difference: np.ndarray, reference: np.ndarray) -> float:
    n_lines, _, n = reference.shape
    power = (np.abs(reference) ** 2).sum(axis=1)
    y, x = np.unravel_index(power.argmax(), power.shape)
    half = max(2, round(CENTRE * n_lines)), max(2, round(CENTRE * n))
    where = slice(max(0, y - half[0]), y + half[0] + 1), slice(None), slice(max(0, x - half[1]), x + half[1] + 1)
    central = reference[where]
    return float(np.vdot(central, difference[where]).real / np.vdot(central, central).real)


def row(name: str, outcomes: list[Outcome]) -> str:
    """Of the table."""
    decibels = np.array([o.suppression for o in outcomes])
    suppression = (
        "–" if np.isnan(decibels).any() else f"{decibels.mean():.1f} ({decibels.min():.1f} to {decibels.max():.1f})"
    )
    columns = [[o.before for o in outcomes], [o.after for o in outcomes]]
    shares = [f"{np.mean(c):.3f}" for c in columns]
    signal = f"{100 * np.mean([o.signal for o in outcomes]):+.2f} %"
    exact = "yes" if all(o.exact for o in outcomes) else f"no ({sum(o.exact for o in outcomes)} of {len(outcomes)})"
    noise_scan = f"{np.mean([o.noise_scan for o in outcomes]):.2f}"
    return "| " + " | ".join([name, suppression, *shares, signal, noise_scan, exact]) + " |"


HEAD = (
    "| interference | suppression, dB | SNR before | SNR after | signal | noise scan, power | unchanged |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
)
