"""Echo-planar lines read to and fro do not quite fit: find by how much, and make them fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import ismrmrd
import numpy as np

from pirecon.calibration.epi_ghost_search import search_in_image
from pirecon.calibration.phase_line import PhaseLine, fit_phase_line
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.streams import has_flag

LEAST_COHERENCE = 0.5
LARGEST_UNCERTAINTY = 0.05  # rad: a slice with less signal takes what all slices together say
SIGNIFICANCE = 3.0
PREFIX = "EPI ghost: "


@dataclass(frozen=True)
class EpiGhost:
    """Difference of reversed to forward lines: in the image along the readout, the phase a + 2π b p / n at pixel p of
    n.

    Attributes:
        constant: a of each slice, rad, float64 ``(slice,)``.
        delay: b of each slice, samples: how much later, in order of rising k, the echo of a reversed line comes.
        slices: their numbers in the file.
        is_significant: whether there is anything to correct.
        source: how it was found and what it is, in a sentence.
    """

    constant: np.ndarray
    delay: np.ndarray
    slices: np.ndarray
    is_significant: bool
    source: str


def correct_epi_ghost(raw: RawData) -> tuple[RawData, str]:
    """Take the phase difference between forward and reversed lines out of all lines, half of it from each.

    Args:
        raw: of a scan with reversed lines.

    Returns:
        The corrected raw data, or ``raw`` itself where nothing is found, and the sentence that says which.
    """
    ghost = estimate_epi_ghost(raw)
    if ghost is None:
        return raw, PREFIX + "no train has lines of both directions; nothing to correct"
    return (_corrected(raw, ghost) if ghost.is_significant else raw), ghost.source


def estimate_epi_ghost(raw: RawData) -> EpiGhost | None:
    """Phase difference of reversed and forward lines, from the phase-correction lines or, without them, from the image.

    With three lines or more in a row, the outer two are averaged before they are compared with the one between them,
    which takes out the phase that off-resonance brings from echo to echo.

    Args:
        raw: of an echo-planar scan.

    Returns:
        The difference; None where the image has no reversed lines beside forward ones.

    Source: Bruder H. et al., Magn Reson Med 23:311 (1992); Ahn C. B., Cho Z. H., IEEE Trans Med Imaging 6:32 (1987);
    three lines: Heid O., US patent 6,043,651 (2000).
    """
    reverse = _reversed(raw)
    imaging = raw.imaging_lines
    if reverse[imaging].all() or not reverse[imaging].any():
        return None
    products = _navigator_products(raw, reverse)
    if products:
        return _from_navigators(raw, products)
    found = search_in_image(raw, reverse)
    slices = np.unique(raw.readouts["idx"]["slice"][imaging])
    ones = np.ones(len(slices))
    return EpiGhost(found.constant * ones, found.delay * ones, slices, found.is_significant, found.source)


def _reversed(raw: RawData) -> np.ndarray:
    return has_flag(raw.readouts["flags"], ismrmrd.ACQ_IS_REVERSE)


def _navigator_products(raw: RawData, reverse: np.ndarray) -> dict[int, np.ndarray]:
    """Σ conj(forward) · reversed over coils and trains, at each pixel along the readout, by slice."""
    lines = raw.streams.phase_correction
    if len(lines) == 0:
        return {}
    slices = raw.readouts["idx"]["slice"]
    ends = np.flatnonzero((np.diff(lines) != 1) | (np.diff(slices[lines]) != 0)) + 1
    products: dict[int, np.ndarray] = {}
    for run in np.split(lines, ends):
        images = [_image(raw, int(i), reverse[i]) for i in run]
        total = _run_product(images, reverse[run])
        if total is not None:
            key = int(slices[run[0]])
            products[key] = products.get(key, np.zeros_like(total)) + total
    return products


def _run_product(images: list[np.ndarray], reverse: np.ndarray) -> np.ndarray | None:
    """Of one train's navigators ``(coil, sample)``."""
    if any(image.shape != images[0].shape for image in images):
        return None
    middles = [i for i in range(1, len(images) - 1) if reverse[i - 1] == reverse[i + 1] != reverse[i]]
    pairs = [(images[i], (images[i - 1] + images[i + 1]) / 2, reverse[i]) for i in middles]
    if not pairs and len(images) == 2 and reverse[0] != reverse[1]:
        pairs = [(images[0], images[1], reverse[0])]
    if not pairs:
        return None
    parts = [(b.conj() * a if is_reversed else a.conj() * b) for a, b, is_reversed in pairs]
    product: np.ndarray = np.sum(parts, axis=(0, 1))
    return product


def _image(raw: RawData, line: int, is_reversed: bool) -> np.ndarray:
    """Along the readout, ``(coil, pixel)``, pixel n//2 in the middle."""
    samples = raw.readout(line).astype(np.complex128)
    samples = samples[:, ::-1] if is_reversed else samples
    return np.fft.fftshift(np.fft.ifft(samples, axis=-1), axes=-1)


def _from_navigators(raw: RawData, products: dict[int, np.ndarray]) -> EpiGhost:
    slices = np.unique(raw.readouts["idx"]["slice"][raw.imaging_lines])
    pooled = fit_phase_line(np.sum(list(products.values()), axis=0))
    own = {s: fit_phase_line(product) for s, product in products.items()}
    fits = [own[s] if s in own and _is_reliable(own[s]) else pooled for s in slices.tolist()]
    constant, delay = np.array([f.constant for f in fits]), np.array([f.delay for f in fits])
    what = f"{len(raw.streams.phase_correction)} phase-correction lines"
    if pooled.coherence < LEAST_COHERENCE:
        text = f"{PREFIX}the {what} hold no common phase (coherence {pooled.coherence:.2f}: too noisy); left as it is"
        return EpiGhost(constant, delay, slices, False, text)
    significant = any(_is_significant(fit) for fit in fits)
    size = describe(float(np.median(delay)), float(np.median(constant)), raw.dwell_time)
    text = f"{PREFIX}from {what}: {size}" + (
        "; corrected" if significant else ", within its uncertainty; left as it is"
    )
    return EpiGhost(constant, delay, slices, significant, text)


def _is_reliable(fit: PhaseLine) -> bool:
    return fit.coherence >= LEAST_COHERENCE and fit.constant_error <= LARGEST_UNCERTAINTY


def _is_significant(fit: PhaseLine) -> bool:
    return abs(fit.constant) > SIGNIFICANCE * fit.constant_error or abs(fit.delay) > SIGNIFICANCE * fit.delay_error


def describe(delay: float, constant: float, dwell_time: float | None) -> str:
    """Both parameters in words."""
    time = "" if dwell_time is None else f" ({delay * dwell_time * 1e6:+.2f} µs)"
    return f"echoes of reversed lines lie {delay:+.3f} samples{time} and {constant:+.3f} rad from the others"


def _corrected(raw: RawData, ghost: EpiGhost) -> RawData:
    reverse, samples = _reversed(raw), raw.samples.copy()
    lines = np.concatenate([raw.imaging_lines, raw.streams.calibration, raw.streams.phase_correction])
    place = {int(s): i for i, s in enumerate(ghost.slices)}
    for line in np.unique(lines).tolist():
        i = place.get(int(raw.readouts["idx"]["slice"][line]))
        if i is None:
            continue
        image = _image(raw, line, reverse[line])
        n = image.shape[-1]
        phase = ghost.constant[i] + 2 * math.pi * ghost.delay[i] * (np.arange(n) - n // 2) / n
        image = image * np.exp((-0.5j if reverse[line] else 0.5j) * phase)
        row = np.fft.fft(np.fft.ifftshift(image, axes=-1), axis=-1)
        samples[raw.offsets[line] : raw.offsets[line + 1]] = (row[:, ::-1] if reverse[line] else row).reshape(-1)
    return replace(raw, samples=samples)
