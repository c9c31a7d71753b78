"""Cancel what sensing coils hear of the surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pirecon.calibration.interference.channels import check_channels, sensing_channels, without_channels
from pirecon.calibration.interference.transfer import (
    Kernel,
    Lines,
    Statistics,
    blocks_of,
    n_taps,
    predicted,
    residual_power,
    sample_weights,
    statistics,
    transfer,
    window,
)
from pirecon.rawdata.raw_data import RawData

KERNELS: tuple[Kernel, ...] = ((0, 0), (1, 0), (3, 0), (7, 0), (1, 1))
FEWEST_BLOCKS = 8  # with fewer there is nothing to hold back
SMALLEST_PIECE = 64  # samples, where few long readouts are cut
CHOOSING_SAMPLES = 2**17  # on which the kernel is chosen
SIGNIFICANT = 4.0  # standard errors


@dataclass(frozen=True)
class CancelledInterference:
    """What was found.

    Attributes:
        sensing: channels of the file that were taken for sensing coils.
        changed: whether anything was subtracted from the image's lines.
        noise_reduction: power of noise and interference together, before over after, of every remaining channel, dB;
            measured on held-back lines where signal is weak. Cancellation of the interference alone is at least this.
        kernel: neighbouring samples and lines on either side.
        window: lines about each line on which its transfer function was fitted; None for all.
        transfer: complex128 ``(block, tap, receive coil)`` of the imaging lines, per unit power of the sensing coils.
        source: what was done, in a sentence.
    """

    sensing: tuple[int, ...]
    changed: bool
    noise_reduction: np.ndarray
    kernel: Kernel
    window: int | None
    transfer: np.ndarray
    source: str


@dataclass(frozen=True)
class _Fit:
    kernel: Kernel
    half_width: float | None
    lines_per_block: int
    h: np.ndarray
    before: np.ndarray
    after: np.ndarray
    heard: np.ndarray


def cancel_interference(
    raw: RawData, *, sensing: Sequence[int] | None = None
) -> tuple[RawData, CancelledInterference | None]:
    """Subtract from every receive coil what the sensing coils predict.

        y'_c(l, t) = y_c(l, t) − Σ_s Σ_δ h_b,c,s,δ a_s(l + δ_l, t + δ_t)

    h is a convolution kernel over neighbouring samples and lines in time, fitted by regularised least squares that
    weighs each sample by its signal (outer k-space counts). For each block of lines h is fitted on the *other* lines
    near it in time: a line's own signal has no part in what is subtracted from it, and the same held-back lines choose
    kernel and window and test whether anything is heard. Lines of one dwell time share a fit, noise scan included.

    Args:
        raw: readouts in order of measurement.
        sensing: channels of the sensing coils, from 0; None takes those whose coil labels say so
            (:data:`pirecon.calibration.interference.channels.SENSING_NAME`); an empty list: there are none.

    Returns:
        Raw data without the sensing channels, and what was found; the data as they were and None where there are no
        sensing coils.

    Raises:
        ValueError: a channel that the file does not have, or none left for the image.

    Source: Srinivas S. A. et al., Magn Reson Med 87:614 (2022); windows chosen by held-back lines in place of the
        correlation of the windows' transfer functions.
    """
    chosen = check_channels(raw, sensing_channels(raw) if sensing is None else sensing)
    if not chosen:
        return raw, None
    groups = _groups(raw)
    live = _live(raw, chosen)
    if not live or not groups:
        silent = "silent (all samples are zero: probably not connected)"
        why = silent if not live else "without lines that the receive coils share"
        source = f"{_name(chosen)} {why}; nothing was subtracted{_other_channels(raw)}"
        return without_channels(raw, chosen), _unchanged(raw, chosen, source)
    receive = np.setdiff1d(np.arange(raw.n_coils), chosen)
    samples = raw.samples.copy()
    found = replace(raw, samples=samples)
    main: _Fit | None = None
    imaging = set(raw.imaging_lines.tolist())
    uncleaned = []
    for group in groups:
        fit = _cancel(found, _pieces(raw, group), live, receive)
        if fit is None or not fit.heard.any():
            uncleaned.append(group)
        if fit is not None and (main is None or not imaging.isdisjoint(group.tolist())):
            main = fit
    stayed = _stayed(raw, uncleaned) if main is not None and main.heard.any() else _other_channels(raw)
    return without_channels(found, chosen), _report(raw, chosen, live, main, stayed)


def _groups(raw: RawData) -> list[np.ndarray]:
    """Readouts with all channels, by dwell time; each group in order of measurement."""
    heads = raw.readouts
    full = np.flatnonzero((heads["active_channels"] == raw.n_coils) & (heads["number_of_samples"] > 0))
    full = np.array([i for i in full if raw.readout(int(i)).any()], dtype=int)
    if len(full) == 0:
        return []
    return [full[heads["sample_time_us"][full] == dwell] for dwell in np.unique(heads["sample_time_us"][full])]


def _live(raw: RawData, sensing: tuple[int, ...]) -> tuple[int, ...]:
    block = [np.abs(raw.readout(int(i))[list(sensing)]).max(axis=1) for i in raw.imaging_lines]
    return tuple(c for c, loudest in zip(sensing, np.max(block, axis=0), strict=True) if loudest > 0)


def _pieces(raw: RawData, group: np.ndarray) -> list[tuple[np.ndarray, slice]]:
    """Runs of equal length, ``(readouts, samples)``; a few long readouts are cut into pieces."""
    lengths = raw.readouts["number_of_samples"][group].astype(int)
    if len(group) < FEWEST_BLOCKS:
        n = max(1, min(32, lengths.min() // SMALLEST_PIECE))
        edges = [np.linspace(0, length, n + 1).astype(int) for length in lengths]
        return [(group[i : i + 1], slice(e[j], e[j + 1])) for i, e in enumerate(edges) for j in range(n)]
    cuts = np.flatnonzero(np.diff(lengths)) + 1
    return [(part, slice(None)) for part in np.split(group, cuts)]


def _cancel(
    raw: RawData, pieces: list[tuple[np.ndarray, slice]], sensing: tuple[int, ...], receive: np.ndarray
) -> _Fit | None:
    """Fit and subtract in place; None where there are too few lines."""
    runs = []
    for lines, samples in pieces:
        data = np.stack([raw.readout(int(i))[:, samples] for i in lines]).astype(np.complex128)
        runs.append(Lines(data[:, list(sensing)], data[:, receive]))
    power = np.mean([(np.abs(run.sensing) ** 2).mean(axis=(0, 2)) for run in runs], axis=0)
    scale = np.sqrt(np.where(power > 0, power, 1.0))
    runs = [Lines(run.sensing / scale[:, None], run.receive) for run in runs]
    fit = _fit(runs)
    if fit is None or not fit.heard.any():
        return fit
    blocks = blocks_of(runs, fit.h.shape[1])
    for run, where, heard in predicted(runs, blocks, fit.h * fit.heard, fit.kernel):
        lines, samples = pieces[run]
        for line, values in zip(lines[where], heard, strict=True):
            raw.readout(int(line))[receive[:, None], np.arange(raw.readout(int(line)).shape[1])[samples]] -= values
    return fit


def _fit(runs: list[Lines]) -> _Fit | None:
    """Weights from the data, then from what a first fit left over."""
    residuals = [run.receive for run in runs]
    fit = None
    for _ in range(2):
        weights, level = sample_weights(residuals)
        fit = _chosen(runs, weights, level)
        if fit is None or not fit.heard.any():
            return fit
        residuals = [run.receive.copy() for run in runs]
        blocks = blocks_of(runs, fit.h.shape[1])
        for run, lines, heard in predicted(runs, blocks, fit.h, fit.kernel):
            residuals[run][lines] -= heard
    return fit


def _chosen(runs: list[Lines], weights: list[np.ndarray], level: np.ndarray) -> _Fit | None:
    """Kernel, window and transfer functions with the least error on held-back blocks."""
    n_sensing = runs[0].sensing.shape[1]
    best: tuple[float, Kernel, float | None] | None = None
    for kernel in KERNELS:
        blocks = blocks_of(runs, n_taps(kernel, n_sensing))
        if len(blocks) < FEWEST_BLOCKS:
            return None
        size = sum(weights[run][lines].size for run, lines in blocks)
        some = blocks[:: max(1, min(-(-size // CHOOSING_SAMPLES), len(blocks) // FEWEST_BLOCKS))]
        stats = statistics(runs, some, weights, kernel)
        for half_width in _half_widths(len(blocks)):
            step = len(blocks) / len(some)
            share = window(len(some), None if half_width is None else max(2.0, half_width / step))
            error = float((residual_power(stats, transfer(stats, share)) / level).sum())
            # The simpler model unless the other is better by more than a thousandth.
            if best is None or error < 0.999 * best[0]:
                best = (error, kernel, half_width)
    assert best is not None  # there is at least one kernel
    blocks = blocks_of(runs, n_taps(best[1], n_sensing))
    stats = statistics(runs, blocks, weights, best[1])
    h = transfer(stats, window(len(blocks), best[2]))
    per_block = max(lines.stop - lines.start for _, lines in blocks)
    after = residual_power(stats, h)
    return _Fit(best[1], best[2], per_block, h, stats.power.sum(0), after.sum(0), _is_heard(stats, after))


def _half_widths(n_blocks: int) -> list[float | None]:
    widths = [n_blocks / 2**i for i in range(1, 9)]
    return [None, *(w for w in widths if w >= 2)]


def _is_heard(stats: Statistics, after: np.ndarray) -> np.ndarray:
    """Whether held-back blocks lose more power than chance takes, for every receive coil."""
    gain = stats.power - after
    error = gain.std(axis=0, ddof=1) * np.sqrt(len(gain))
    heard: np.ndarray = gain.sum(axis=0) > SIGNIFICANT * np.maximum(error, 1e-9 * stats.power.sum(axis=0))
    return heard


def _name(sensing: tuple[int, ...]) -> str:
    return f"sensing coil {sensing[0]}" if len(sensing) == 1 else f"sensing coils {', '.join(map(str, sensing))}"


def _unchanged(raw: RawData, sensing: tuple[int, ...], source: str) -> CancelledInterference:
    n_receive = raw.n_coils - len(sensing)
    empty = np.zeros((0, 0, n_receive), np.complex128)
    return CancelledInterference(sensing, False, np.zeros(n_receive), (0, 0), None, empty, source)


def _stayed(raw: RawData, uncleaned: list[np.ndarray]) -> str:
    """What stayed as measured although interference was found elsewhere."""
    left = set(np.concatenate(uncleaned).tolist()) if uncleaned else set()
    noise = left & set(raw.streams.noise.tolist())
    said = ""
    if noise:
        said += (
            f"; the noise scan ({len(noise)} readouts) stayed as measured, as nothing could be cancelled in it for "
            "certain: interference in it, if any, makes the noise level too high"
        )
    if len(left) > len(noise):
        said += f"; {len(left) - len(noise)} other readouts (of another dwell time) stayed as measured"
    return said + _other_channels(raw)


def _other_channels(raw: RawData) -> str:
    heads = raw.readouts
    other = (heads["active_channels"] != raw.n_coils) & (heads["number_of_samples"] > 0)
    if not other.any():
        return ""
    counts = ", ".join(str(c) for c in np.unique(heads["active_channels"][other]))
    return f"; {int(other.sum())} readouts with {counts} channels instead of {raw.n_coils} were kept as measured"


def _report(
    raw: RawData, sensing: tuple[int, ...], live: tuple[int, ...], fit: _Fit | None, stayed: str
) -> CancelledInterference:
    if fit is None:
        why = f"too few lines to test what {_name(sensing)} would predict; nothing was subtracted{stayed}"
        return _unchanged(raw, sensing, why)
    if not fit.heard.any():
        why = f"{_name(sensing)} hold no interference that the receive coils hear; nothing was subtracted{stayed}"
        return _unchanged(raw, sensing, why)
    reduction = np.where(fit.heard, 10 * np.log10(fit.before / fit.after), 0.0)
    lines = None if fit.half_width is None else round(2 * fit.half_width * fit.lines_per_block)
    dead = f"; {_name(tuple(set(sensing) - set(live)))} silent" if len(live) < len(sensing) else ""
    source = (
        f"interference heard by {_name(live)} subtracted from {int(fit.heard.sum())} of {len(fit.heard)} receive "
        f"coils: {reduction.min():.1f} to {reduction.max():.1f} dB less noise on held-back lines, kernel of "
        f"{2 * fit.kernel[0] + 1} samples × {2 * fit.kernel[1] + 1} lines, transfer fitted on "
        f"{'all lines' if lines is None else f'about {lines} lines around each'}{dead}{stayed}"
    )
    return CancelledInterference(sensing, True, reduction, fit.kernel, lines, fit.h, source)
