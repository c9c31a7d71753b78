"""Noise of columns from noise scans and averages, on scans by the simulator and the real files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bloch.closed_form import simulate_closed_form
from bloch.rawfile import RawScan, write_mrd
from bloch.receiver import add_interference
from bloch.receiver.interference_source import NarrowBand
from bloch.scanner import Scanner
from bloch.standard.coils import CoilChoice, coils_for
from bloch.standard.encodings import ReadoutRequest, SliceRequest, encoding_for
from bloch.standard.phantoms import PhantomChoice, phantom_for
from bloch.standard.protocols import SequenceChoice, standard_protocol
from bloch.standard.sampling import SamplingRequest
from pirecon.calibration import covariance_from_kspace, noise_without_signal
from pirecon.rawdata import RawData, read_mrd, sort_kspace

N, DWELL, COLUMN = 48, 25e-6, 10


def with_line(scan: RawScan, frequency: float, strength: float) -> RawScan:
    """A line in noise scan and image, of unknown phase from readout to readout."""
    heard = torch.from_numpy(np.concatenate([scan.noise, scan.samples])).movedim(1, 0)
    generator = torch.Generator().manual_seed(0)
    starts = torch.rand(heard.shape[1], 1, dtype=torch.float64, generator=generator).cumsum(0)
    times = starts + scan.encoding.sample_time * torch.arange(heard.shape[2], dtype=torch.float64)
    level = torch.from_numpy(scan.truth["noise_covariance"]).diagonal().real.sqrt()
    line = NarrowBand(strength * torch.ones(len(heard), dtype=torch.complex128), frequency)
    added = add_interference(heard, (line,), times, noise_level=level, generator=generator)
    samples = added.movedim(0, 1).to(torch.complex64).numpy()
    return replace(scan, noise=samples[: len(scan.noise)], samples=samples[len(scan.noise) :])


@pytest.fixture
def scanned(tmp_path: Path) -> Callable[..., RawData]:
    """``scanned(n_averages, noise_scan, strength)`` of a head of SNR 200, whose edges fill k-space."""
    scanner = Scanner(0.1, coils_for(CoilChoice.volume, 1, (0.0, 0.0, 1.0)))

    def make(*, n_averages: int, noise_scan: bool, strength: float) -> RawData:
        encoding = encoding_for(
            SliceRequest((1, N, N), 1, 0.25, 8e-3), SamplingRequest(), ReadoutRequest(1 / DWELL), scanner, seed=1
        )
        encoding = replace(encoding, n_averages=n_averages)
        phantom = phantom_for(PhantomChoice.brain, encoding, B0=0.1, seed=1)
        protocol = standard_protocol(SequenceChoice.gre, 0.1)
        scan = simulate_closed_form(phantom, protocol, scanner, encoding, snr=200.0, seed=1)
        place = (COLUMN - N // 2) / N  # of the field of view, from its middle
        band = 1 / (encoding.oversampling * scan.encoding.sample_time)
        scan = with_line(scan, place * band, strength)
        path = tmp_path / f"{n_averages}{noise_scan}{strength}.h5"
        write_mrd(path, scan if noise_scan else replace(scan, noise=scan.noise[:0]))
        return read_mrd(path)

    return make


@pytest.mark.parametrize(("n_averages", "noise_scan"), [(1, True), (2, False)])
def test_a_line_is_found_in_its_column_whatever_the_object(
    scanned: Callable[..., RawData], n_averages: int, *, noise_scan: bool
) -> None:
    raw = scanned(n_averages=n_averages, noise_scan=noise_scan, strength=3.0)
    noise = noise_without_signal(raw, covariance_from_kspace(sort_kspace(raw)))
    assert noise is not None
    assert int(noise.power.argmax()) == COLUMN
    assert int((noise.power > 1).sum()) <= 3
    assert ("noise scan" if noise_scan else "two averages") in noise.source


@pytest.mark.parametrize(("n_averages", "noise_scan"), [(1, True), (2, False)])
def test_no_object_is_taken_for_interference(
    scanned: Callable[..., RawData], n_averages: int, *, noise_scan: bool
) -> None:
    raw = scanned(n_averages=n_averages, noise_scan=noise_scan, strength=0.0)
    noise = noise_without_signal(raw, covariance_from_kspace(sort_kspace(raw)))
    assert noise is not None
    assert bool((noise.power == 1).all())


def test_without_noise_scan_and_averages_there_is_no_answer(scanned: Callable[..., RawData]) -> None:
    raw = scanned(n_averages=1, noise_scan=False, strength=3.0)
    assert noise_without_signal(raw, covariance_from_kspace(sort_kspace(raw))) is None


def test_the_cage_keeps_interference_out(shared_data: Path) -> None:
    power = {}
    for name in ("uncaged", "caged"):
        raw = read_mrd(shared_data / f"brain_0.055T_interference_{name}.h5")
        noise = noise_without_signal(raw, covariance_from_kspace(sort_kspace(raw)))
        assert noise is not None
        power[name] = noise.power
    assert float(power["uncaged"].max()) > 10 * float(power["caged"].max())
    assert int((power["uncaged"] > 1).sum()) > 20
    assert int((power["caged"] > 1).sum()) < 5  # a line through the head is heard in the cage as well
