"""The best scan at a field strength: every sensible choice of times, flip angle and bandwidth is tried."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from bloch.snr.echo_signal import FieldSpread, TissueTimes, echo_signal, train_signals
from bloch.snr.inhomogeneity import Homogeneity, smallest_pixel_bandwidth
from bloch.snr.scan_plan import ScanPlan, scan_time
from bloch.snr.table import field_spread


@dataclass(frozen=True)
class Limits:
    """What an optimised scan must keep to.

    Attributes:
        largest_shift: distortion by inhomogeneity, voxels.
        largest_fat_shift: displacement of fat, voxels.
        readout_over_T2_star: longest readout over the shortest T2*, so that the image is not blurred.
        train_over_T2: longest echo train over the shortest T2, for the same reason.
        shortest_readout: as the gradients allow, s.
        longest_repetition: s.
        longest_echo: s.
        longest_scan: of one average, s: a patient lies still no longer.
    """

    largest_shift: float = 1.0
    largest_fat_shift: float = 2.0
    readout_over_T2_star: float = 1.0
    train_over_T2: float = 2.0
    shortest_readout: float = 1e-3
    longest_repetition: float = 8.0
    longest_echo: float = 0.2
    longest_scan: float = 600.0


@dataclass(frozen=True, eq=False)
class Candidate:
    """A scan that was tried.

    Attributes:
        plan: the scan.
        signal: of the tissues at the echo, ``(tissue,)``.
    """

    plan: ScanPlan
    signal: Tensor


def optimal_plans(
    plan: ScanPlan,
    times: TissueTimes,
    weights: Mapping[str, Tensor],
    *,
    B0: float,
    homogeneity: Homogeneity,
    limits: Limits | None = None,
) -> dict[str, Candidate]:
    """The scans that give most for their time at a field strength.

        maximise |Σ_t w_t |m_t|| √(listening time / scan time)

    over a grid of readout durations, echo and repetition times, flip angles and echo trains, in steps of 12 to 40 %.
    The receiver is a common factor, so the best scan does not depend on the coil.

    Args:
        plan: gives sequence, voxels, matrix, slices and dead time.
        times: tissues ``(tissue,)``.
        weights: w ``(tissue,)`` of each criterion: a mean for SNR, +1 and −1 for contrast.
        B0: field strength, T.
        homogeneity: of the magnet with the head in it.
        limits: what the scan must keep to.

    Returns:
        The best candidate for each criterion.

    Raises:
        ValueError: no readout is both short enough for the bandwidth that inhomogeneity wants and long enough for the
            gradients; or no scan is short enough.
    """
    limits = Limits() if limits is None else limits
    best: dict[str, tuple[float, Candidate]] = {}
    for candidate in _candidates(plan, times, B0, homogeneity, limits):
        gain = math.sqrt(candidate.plan.listening_time / scan_time(candidate.plan))
        for name, w in weights.items():
            value = gain * abs(float(w @ candidate.signal))
            if name not in best or value > best[name][0]:
                best[name] = value, candidate
    if len(best) < len(weights):
        raise ValueError(
            f"no {plan.protocol.name} of matrix {plan.matrix} and {plan.n_slices} slices takes less than "
            f"{limits.longest_scan} s at {B0} T. Allow a longer scan, or take fewer lines."
        )
    return {name: candidate for name, (_, candidate) in best.items()}


def readout_times(times: TissueTimes, B0: float, homogeneity: Homogeneity, limits: Limits) -> list[float]:
    """Readouts to try, s: from the shortest that gradients make to the longest that bandwidth and T2* allow."""
    bandwidth = smallest_pixel_bandwidth(
        homogeneity, B0, largest_shift=limits.largest_shift, largest_fat_shift=limits.largest_fat_shift
    )
    longest = min(1 / bandwidth if bandwidth else math.inf, limits.readout_over_T2_star * float(times.T2_star.min()))
    if longest < limits.shortest_readout:
        raise ValueError(
            f"at {B0} T the readout must be shorter than {1e3 * longest:.3g} ms ({bandwidth:.4g} Hz per pixel for a "
            f"distortion of {limits.largest_shift} voxels) but longer than {1e3 * limits.shortest_readout:.3g} ms for "
            "the gradients. Take a more homogeneous magnet, or allow larger shifts."
        )
    return _steps(limits.shortest_readout, longest, 1.25)


def _candidates(
    plan: ScanPlan, times: TissueTimes, B0: float, homogeneity: Homogeneity, limits: Limits
) -> Iterator[Candidate]:
    spread = field_spread(plan, homogeneity, B0)
    readouts = readout_times(times, B0, homogeneity, limits)
    if plan.protocol.name == "turbo_spin_echo":
        yield from _trains(plan, times, readouts, limits)
        return
    makers = {"spin_echo": _spin_echoes, "spoiled_gradient_echo": _gradient_echoes, "balanced_ssfp": _balanced}
    for readout in readouts:
        for echo_time, repetition_time in makers[plan.protocol.name](readout + plan.dead_time, limits):
            protocol = replace(plan.protocol, echo_time=echo_time, repetition_time=repetition_time)
            tried = replace(plan, protocol=protocol, pixel_bandwidth=1 / readout)
            if scan_time(tried) <= limits.longest_scan:
                yield from _with_flip_angles(tried, times, spread)


def _with_flip_angles(plan: ScanPlan, times: TissueTimes, spread: FieldSpread) -> Iterator[Candidate]:
    """A spin echo as it is, a gradient echo with every flip angle."""
    if plan.protocol.name == "spin_echo":
        yield Candidate(plan, echo_signal(plan, times, spread))
        return
    signals = echo_signal(plan, times, spread, flip_angles=FLIP_ANGLES.unsqueeze(1))
    for angle, signal in zip(FLIP_ANGLES.tolist(), signals, strict=True):
        yield Candidate(replace(plan, protocol=replace(plan.protocol, flip_angle=angle)), signal)


def _spin_echoes(needed: float, limits: Limits) -> Iterator[tuple[float, float]]:
    """Echo and repetition times round a readout that needs so much time with its pulses and gradients."""
    for TE in _steps(needed, limits.longest_echo, 1.3):
        for TR in _steps(TE + 0.5 * needed, limits.longest_repetition, 1.15):
            yield TE, TR


def _gradient_echoes(needed: float, limits: Limits) -> Iterator[tuple[float, float]]:
    for TE in _steps(0.5 * needed, limits.longest_echo, 1.4):
        for TR in _steps(TE + 0.5 * needed, limits.longest_repetition, 1.3):
            yield TE, TR


def _balanced(needed: float, limits: Limits) -> Iterator[tuple[float, float]]:
    yield 0.5 * needed, needed


def _trains(plan: ScanPlan, times: TissueTimes, readouts: list[float], limits: Limits) -> Iterator[Candidate]:
    """Every echo of a train is a candidate for the middle of k-space."""
    for readout, length in product(readouts[::-2], TRAIN_LENGTHS):
        spacing = readout + plan.dead_time
        if length * spacing > max(limits.train_over_T2 * float(times.T2.min()), TRAIN_LENGTHS[0] * spacing):
            continue
        for TR in _steps(length * spacing + plan.dead_time, limits.longest_repetition, 1.4):
            protocol = replace(
                plan.protocol,
                echo_time=spacing,
                repetition_time=TR,
                echo_train_length=length,
                echo_spacing=spacing,
                refocusing_angles=plan.protocol.refocusing_angles[:1] * length,
            )
            tried = replace(plan, protocol=protocol, pixel_bandwidth=1 / readout)
            if scan_time(tried) > limits.longest_scan:
                continue
            signals = train_signals(protocol, times)
            for echo in range(min(length, math.floor(limits.longest_echo / spacing))):
                at_echo = replace(protocol, echo_time=(echo + 1) * spacing)
                yield Candidate(replace(tried, protocol=at_echo), signals[:, echo])


def _steps(low: float, high: float, ratio: float) -> list[float]:
    """From low to high, both included, by at most a ratio."""
    n = max(1, math.ceil(math.log(high / low) / math.log(ratio))) if high > low else 0
    return torch.logspace(math.log10(low), math.log10(max(low, high)), n + 1, dtype=torch.float64).tolist()


TRAIN_LENGTHS = (2, 4, 8, 12, 16, 24, 32)
FLIP_ANGLES = torch.tensor(_steps(math.radians(3), math.radians(150), 1.12), dtype=torch.float64)
"""Of gradient echoes, rad. Refocusing and excitation pulses of spin echoes stay as the plan has them."""
