"""Breathing, from a navigator or from the centre of k-space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pirecon.rawdata.raw_data import RawData

SLOWEST, FASTEST = 0.1, 0.7
"""Breaths a second: 6 to 42 a minute."""

LEAST_SHARE = 0.5
"""Of the signal's power in the band of breathing, below which it is taken for noise or drift."""

LEAST_BREATHS = 2.0
FLATNESS = 3.0
"""Times its noise by which the signal must swing."""


@dataclass(frozen=True)
class RespiratorySignal:
    """Where in a breath each readout was measured.

    Attributes:
        found: whether there is breathing; if not, the amplitude is 0 and all data belong together.
        amplitude: of each readout, 0 at the rest of expiration to 1 at the end of inspiration, float64 ``(readout,)``.
        times: of each readout, s.
        period: of a breath, s; infinite where none was found.
        source: what it was taken from, in a sentence.
    """

    found: bool
    amplitude: np.ndarray
    times: np.ndarray
    period: float
    source: str


def respiratory_signal(
    features: np.ndarray, feature_times: np.ndarray, times: np.ndarray, *, nuisance: np.ndarray | None = None
) -> RespiratorySignal:
    """Breathing in samples that see the same part of k-space again and again.

    From the magnitudes of all channels and samples a parabola over time is taken, and what else is known to change
    them. Their first principal component within the band of breathing is smoothed and scaled between its 5th and 95th
    percentile. The end at which the signal stays longer is taken for expiration.

    Args:
        features: complex or real ``(moment, feature)``: navigators, or the samples about k = 0 of all channels.
        feature_times: when, growing, s, ``(moment,)``.
        times: of the readouts to be sorted, s, ``(readout,)``.
        nuisance: what is fitted and taken off besides the parabola, real ``(moment, function)``.

    Returns:
        RespiratorySignal; ``found`` is False where nothing breathes.

    Raises:
        ValueError: shapes that do not belong together.

    Source: Larson A. C. et al., Magn Reson Med 51:93 (2004) for the centre of k-space; Stehning C. et al., Magn Reson
    Med 54:476 (2005) for the principal component.
    """
    features = np.abs(np.asarray(features))
    if features.ndim != 2 or feature_times.shape != features.shape[:1]:
        raise ValueError(
            f"features must be (moment, feature) with one time for each moment; found {features.shape} and "
            f"{feature_times.shape}"
        )
    duration = float(feature_times[-1] - feature_times[0]) if len(feature_times) else 0.0
    rate = (len(feature_times) - 1) / duration if duration > 0 else 0.0
    if duration * SLOWEST < LEAST_BREATHS / 2 or rate < 2 * FASTEST:
        return _nothing(times, f"{len(feature_times)} moments over {duration:.3g} s are too few to see breaths")
    even, signal, share, swing = _component(features, feature_times, nuisance)
    if share < LEAST_SHARE or swing < FLATNESS:
        return _nothing(times, f"no breathing: {100 * share:.0f} % of the signal lies in its band")
    low, high = np.percentile(signal, (5, 95))
    amplitude = (signal - low) / (high - low)
    if np.median(amplitude) > 0.5:
        amplitude = 1 - amplitude
    spectrum = np.abs(np.fft.rfft(signal - signal.mean(), 8 * len(signal))) ** 2
    frequency = np.fft.rfftfreq(8 * len(signal), even[1] - even[0])
    band = (frequency >= SLOWEST) & (frequency <= FASTEST)
    period = float(1 / frequency[band][spectrum[band].argmax()])
    source = f"breathing: a breath takes {period:.1f} s ({100 * share:.0f} % of the signal's power in its band)"
    return RespiratorySignal(True, np.clip(np.interp(times, even, amplitude), 0, 1), times, period, source)


def navigator_features(raw: RawData) -> tuple[np.ndarray, np.ndarray] | None:
    """Navigators of a file: features ``(moment, channel · sample)`` and their times, s; None where there are none.

    Times are those of the file's clock; MRD counts it in ticks of the vendor, taken for 2.5 ms (Siemens) as MRD's own
    readers do.
    """
    lines = np.sort(raw.streams.navigation)
    if not len(lines):
        return None
    shortest = int(raw.readouts["number_of_samples"][lines].min())
    samples = raw.block(lines[raw.readouts["number_of_samples"][lines] == shortest])
    times = readout_times(raw, lines[raw.readouts["number_of_samples"][lines] == shortest])
    return samples.reshape(len(samples), -1), times


def readout_times(raw: RawData, lines: np.ndarray) -> np.ndarray:
    """Times of some readouts, s: the file's clock, or order times the repetition time where the clock stands still."""
    ticks = raw.readouts["acquisition_time_stamp"][lines].astype(np.float64)
    if len(np.unique(ticks)) > max(1, len(lines) // 4):
        return ticks * 2.5e-3
    return np.arange(len(lines)) * (raw.repetition_time or 1.0)


def respiratory_bins(signal: RespiratorySignal, n_bins: int) -> np.ndarray:
    """Bin of each readout, of equal numbers of readouts, 0 at expiration; all 0 where nothing breathes.

    Args:
        signal: of the readouts.
        n_bins: number.

    Returns:
        int64 ``(readout,)``.

    Raises:
        ValueError: no bins, or more than readouts.
    """
    n = len(signal.amplitude)
    if not 1 <= n_bins <= n:
        raise ValueError(f"{n} readouts cannot be shared out among {n_bins} bins; ask for 1 to {n}")
    if not signal.found:
        return np.zeros(n, np.int64)
    rank = np.argsort(np.argsort(signal.amplitude, kind="stable"), kind="stable")
    return rank * n_bins // n


def gating_weights(signal: RespiratorySignal, *, keep: float = 0.4) -> np.ndarray:
    """Soft gate about expiration: 1 for the calmest readouts, falling as exp(−(a − a_0)/0.1) beyond.

    Args:
        signal: of the readouts.
        keep: part of the readouts that count in full.

    Returns:
        float64 ``(readout,)``; all 1 where nothing breathes. Multiply samples and the weights of E by it.

    Raises:
        ValueError: ``keep`` is not a part.

    Source: Johnson K. M. et al., Magn Reson Med 67:1600 (2012), equation 2.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep is {keep}, but it is the part of the readouts to keep, above 0 and at most 1")
    if not signal.found:
        return np.ones(len(signal.amplitude))
    beyond = np.maximum(0, signal.amplitude - np.quantile(signal.amplitude, keep))
    return np.exp(-beyond / 0.1)


def _component(
    features: np.ndarray, times: np.ndarray, nuisance: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Even times, band-limited component, its share of the power, and its swing over the noise."""
    even = np.linspace(times[0], times[-1], len(times))
    scaled = 2 * (times - times[0]) / (times[-1] - times[0]) - 1
    trend = np.polynomial.polynomial.polyvander(scaled, 2)
    if nuisance is not None:
        trend = np.concatenate([trend, nuisance], axis=1)
    flat = features - trend @ np.linalg.lstsq(trend, features, rcond=None)[0]
    flat = np.stack([np.interp(even, times, column) for column in flat.T], axis=1)
    frequency = np.fft.rfftfreq(len(even), even[1] - even[0])
    band = (frequency >= SLOWEST) & (frequency <= FASTEST)
    passed = np.fft.irfft(np.where(band[:, None], np.fft.rfft(flat, axis=0), 0), len(even), axis=0)
    _, _, direction = np.linalg.svd(passed, full_matrices=False)
    component = flat @ direction[0]
    spectrum = np.fft.rfft(component)
    # Its shape needs a few harmonics of the breath; the band for the decision does not.
    power = np.abs(spectrum) ** 2
    share = float(power[band].sum() / max(power[1:].sum(), 1e-300))
    smooth = np.fft.irfft(np.where(frequency <= 2 * FASTEST, spectrum, 0), len(even))
    noise = float((component - smooth).std())
    low, high = np.percentile(smooth, (5, 95))
    return even, smooth, share, float((high - low) / max(noise, 1e-300))


def _nothing(times: np.ndarray, why: str) -> RespiratorySignal:
    return RespiratorySignal(False, np.zeros(len(times)), times, float("inf"), f"breathing: {why}; all data are used")


def gated(samples: Tensor, weights: Tensor, gate: np.ndarray) -> tuple[Tensor, Tensor]:
    """Samples and weights with each readout weighted by its gate.

    Args:
        samples: weighted samples ``(coil, readout, sample)``.
        weights: real ``(1, readout, sample)``.
        gate: ``(readout,)``.

    Returns:
        Both, times the gate.
    """
    factor = torch.from_numpy(gate).to(weights).unsqueeze(-1)
    return samples * factor, weights * factor
