"""The table of ``pirecon info``."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from rich.console import Console

from pirecon.rawdata import read_mrd, sort_kspace
from pirecon.report.info_table import describe, estimate_snr
from tests.pirecon.rawdata.conftest import Line, lines_of, make_header, measure, write_file

NOISE_FLAG = 19  # ISMRMRD_ACQ_IS_NOISE_MEASUREMENT


@pytest.fixture
def complex_normal() -> Callable[..., np.ndarray]:
    """White noise with standard deviation 1 in the real and in the imaginary part."""
    rng = np.random.default_rng(11)
    return lambda *shape: rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def shown(raw) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(describe(raw))
    return console.file.getvalue()


def scan(tmp_path, complex_normal, *, snr: float, noise_scan: bool = True, n_averages: int = 1, dwell: float = 10.0):
    """A bright rectangle with the voxel SNR |m| / σ (σ of the real part) in each of two equal coils."""
    image = np.zeros((2, 1, 32, 64), dtype=complex)
    image[:, :, 8:24, 16:48] = snr / np.sqrt(n_averages)
    full = measure(image, 64)
    lines = []
    for number in range(n_averages):
        lines += lines_of(full + complex_normal(*full.shape))
        for line in lines[-32:]:
            line.counters = {"average": number}
    if noise_scan:
        data = complex_normal(2, 4096) * np.sqrt(10.0 / dwell)  # white noise: variance in proportion to the bandwidth
        lines.append(Line(data, flags=(NOISE_FLAG,), head={"sample_time_us": dwell}))
    return read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 32, 64)), lines))


@pytest.mark.parametrize("snr", [5.0, 40.0])
@pytest.mark.parametrize(("n_averages", "dwell"), [(1, 10.0), (3, 10.0), (1, 2.5)])
def test_snr_is_that_of_the_object(tmp_path, complex_normal, snr, n_averages, dwell):
    raw = scan(tmp_path, complex_normal, snr=snr, n_averages=n_averages, dwell=dwell)
    estimate, source = estimate_snr(raw, sort_kspace(raw))
    assert estimate == pytest.approx(np.sqrt(2) * snr, rel=0.1)  # two coils
    assert source == "noise scan"


def test_without_a_noise_scan_the_outer_kspace_serves(tmp_path, complex_normal):
    raw = scan(tmp_path, complex_normal, snr=10.0, noise_scan=False)
    estimate, source = estimate_snr(raw, sort_kspace(raw))
    assert estimate == pytest.approx(np.sqrt(2) * 10, rel=0.15)
    assert "outer k-space" in source


def test_the_table_shows_header_dimensions_sampling_and_audit(tmp_path, complex_normal):
    text = shown(scan(tmp_path, complex_normal, snr=10.0, noise_scan=False))
    for part in ("raw.h5", "0.1 T", "4.2577 MHz", "12.5 ms", "500 ms", "90°", "64 × 32 × 1", "1 × 2 × 3 mm"):
        assert part in text
    for part in ("x to left", "32 imaging", "32 of 32", "1 × 1, net 1.00", "noise scan missing"):
        assert part in text


def test_a_clean_file_says_so(tmp_path, complex_normal):
    assert "Audit: nothing found." in shown(scan(tmp_path, complex_normal, snr=40.0))


def test_brackets_in_names_are_not_markup(tmp_path, complex_normal):
    header = make_header((1, 8, 8))
    header.measurementInformation.protocolName = "[bold]T2[/bold]"
    raw = read_mrd(write_file(tmp_path / "raw.h5", header, lines_of(complex_normal(1, 1, 8, 8))))
    assert "[bold]T2[/bold]" in shown(raw)
