"""EPI ghosts that are put into scans simulated by bloch, and go away again."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import ismrmrd
import numpy as np
import pytest
import torch
from scipy.ndimage import fourier_shift
from torch import Tensor

from pirecon.algebra.fft import centred_ifft
from pirecon.calibration.epi_ghost import correct_epi_ghost, estimate_epi_ghost
from pirecon.calibration.phase_line import fit_phase_line
from pirecon.rawdata import RawData, read_mrd, sort_kspace
from pirecon.rawdata.streams import has_flag

WISHES = "--sequence epi --phantom asymmetric --matrix 1,32,32 --coils 4 --shots 2 --echo-time 60 --snr 40 --seed 3"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> RawData:
    path: Path = tmp_path_factory.mktemp("epi") / "epi.h5"
    subprocess.run([sys.executable, "-m", "bloch.cli", "simulate", "-o", path, "-q", *WISHES.split()], check=True)
    raw = read_mrd(path)
    assert len(raw.streams.phase_correction) > 0
    return raw


def is_reversed(raw: RawData) -> np.ndarray:
    return has_flag(raw.readouts["flags"], ismrmrd.ACQ_IS_REVERSE)


def spoiled(raw: RawData, delay: float, constant: float) -> RawData:
    """Echoes of reversed lines later by ``delay`` samples in time, and turned by ``constant``."""
    samples = raw.samples.copy()
    for line in np.flatnonzero(is_reversed(raw)):
        shifted = [np.fft.ifft(fourier_shift(np.fft.fft(row), delay)) for row in raw.readout(int(line))]
        samples[raw.offsets[line] : raw.offsets[line + 1]] = (np.array(shifted) * np.exp(1j * constant)).reshape(-1)
    return replace(raw, samples=samples)


def without_navigators(raw: RawData) -> RawData:
    nothing = np.zeros(0, dtype=np.int64)
    return replace(raw, streams=replace(raw.streams, phase_correction=nothing))


def image(raw: RawData) -> Tensor:
    return torch.linalg.vector_norm(centred_ifft(sort_kspace(raw).data, (-3, -2, -1)), dim=-4)


def error(raw: RawData, wanted: RawData) -> float:
    return float(torch.linalg.norm(image(raw) - image(wanted)) / torch.linalg.norm(image(wanted)))


@pytest.mark.parametrize(("delay", "constant"), [(0.7, 0.0), (0.0, 0.9), (-1.3, -2.5)])
def test_navigators_take_the_ghost_out(clean: RawData, delay: float, constant: float) -> None:
    broken = spoiled(clean, delay, constant)
    repaired, text = correct_epi_ghost(broken)
    assert "phase-correction lines" in text
    assert text.endswith("corrected")
    before, after = error(broken, clean), error(repaired, clean)
    assert before > 0.1
    assert after < before / 10
    ghost = estimate_epi_ghost(broken)
    assert ghost is not None
    # Later in time is earlier in order of rising k.
    assert abs(ghost.delay[0] + delay) < 0.02
    assert abs(ghost.constant[0] - constant) < 0.03


@pytest.mark.parametrize(("delay", "constant"), [(0.7, 0.0), (-1.0, 0.8)])
def test_the_image_itself_takes_the_ghost_out(clean: RawData, delay: float, constant: float) -> None:
    broken = without_navigators(spoiled(clean, delay, constant))
    repaired, text = correct_epi_ghost(broken)
    assert "no phase-correction lines" in text
    assert "assumed" in text
    assert error(repaired, clean) < error(broken, clean) / 4


def two_slices(first: RawData, second: RawData) -> RawData:
    """One scan after the other, as slices 0 and 1."""
    later = second.readouts.copy()
    later["idx"]["slice"] = 1
    n = len(first.readouts)
    streams = {name: np.concatenate([indices, n + indices]) for name, indices in vars(first.streams).items()}
    return replace(
        first,
        readouts=np.concatenate([first.readouts, later]),
        samples=np.concatenate([first.samples, second.samples]),
        offsets=np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]]),
        streams=replace(first.streams, **streams),
    )


def test_every_slice_has_its_own_difference(clean: RawData) -> None:
    ghost = estimate_epi_ghost(two_slices(spoiled(clean, 0.4, 0.5), spoiled(clean, -0.6, 1.0)))
    assert ghost is not None
    np.testing.assert_allclose(ghost.delay, [-0.4, 0.6], atol=0.02)
    np.testing.assert_allclose(ghost.constant, [0.5, 1.0], atol=0.03)


def test_a_slice_without_signal_takes_what_the_others_say(clean: RawData) -> None:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((2, len(clean.samples))) * 1e-3 * np.abs(clean.samples).max()
    empty = replace(clean, samples=(noise[0] + 1j * noise[1]).astype(np.complex64))
    ghost = estimate_epi_ghost(two_slices(spoiled(clean, 0.4, 0.5), empty))
    assert ghost is not None
    np.testing.assert_allclose(ghost.delay, [-0.4, -0.4], atol=0.05)
    np.testing.assert_allclose(ghost.constant, [0.5, 0.5], atol=0.05)


def test_without_ghost_nothing_changes_beyond_noise(clean: RawData) -> None:
    for raw in (clean, without_navigators(clean)):
        assert error(correct_epi_ghost(raw)[0], clean) < 0.01


def test_noise_alone_is_left_as_it_is(clean: RawData) -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((2, len(clean.samples))).astype(np.float32)
    raw = replace(clean, samples=(noise[0] + 1j * noise[1]).astype(np.complex64))
    for scan in (raw, without_navigators(raw)):
        found, text = correct_epi_ghost(scan)
        assert found is scan
        assert "left as it is" in text


def test_lines_of_one_direction_are_left_as_they_are(clean: RawData) -> None:
    heads = clean.readouts.copy()
    heads["flags"] &= ~np.uint64(1 << (ismrmrd.ACQ_IS_REVERSE - 1))
    raw = replace(clean, readouts=heads)
    found, text = correct_epi_ghost(raw)
    assert found is raw
    assert "nothing to correct" in text


def test_a_phase_line_of_many_turns_is_found_with_its_error() -> None:
    """Slope of 9.3 samples over 128 pixels; repeated draws scatter by what the fit says."""
    rng, n = np.random.default_rng(1), 128
    p = np.arange(n) - n // 2
    profile = np.where(np.abs(p) < 40, 20.0, 0.0)
    fits = []
    for _ in range(200):
        f, g = (profile + rng.standard_normal(n) + 1j * rng.standard_normal(n) for _ in range(2))
        fits.append(fit_phase_line(f.conj() * g * np.exp(1j * (0.4 + 2 * np.pi * 9.3 * p / n))))
    delays, constants = np.array([fit.delay for fit in fits]), np.array([fit.constant for fit in fits])
    assert abs(delays.mean() - 9.3) < 0.01
    assert abs(constants.mean() - 0.4) < 0.01
    assert 0.6 < delays.std() / np.mean([fit.delay_error for fit in fits]) < 1.6
    assert 0.6 < constants.std() / np.mean([fit.constant_error for fit in fits]) < 1.6
    assert fit_phase_line(np.zeros(16, complex)).coherence == 0
