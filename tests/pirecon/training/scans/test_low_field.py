"""High-field data made low-field ones against scans that bloch plays at the low field."""

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from bloch import Conditions, Encoding, Phantom, Protocol, RawScan, Scanner, simulate, volume_coil, write_mrd
from bloch.sequence import TRANSAXIAL, fully_sampled
from bloch.standard.sequences import Playing, sequence_for
from pirecon.calibration import covariance_from_noise_scan
from pirecon.cli.main import app
from pirecon.rawdata import RawData, noise_samples, read_mrd, sort_kspace
from pirecon.training.scans.low_field import (
    LowField,
    degrade_raw,
    degrade_to_low_field,
    distort_along_readout,
    relaxation_factor,
    snr_factor,
)

N = 20
HIGH, LOW = 1.5, 0.1
SPIN_ECHO = Protocol("spin_echo", 0.03, 0.6)


def bottle(tissue: str, *, offset: float = 0.0) -> Phantom:
    """An ellipse of one tissue; ``offset`` ppm at its rim along y and x."""
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, 2 * N),) * 2, indexing="ij")
    inside = ((y / 0.7) ** 2 + (x / 0.55) ** 2 < 1).float()[None, None]
    field = (offset * (x + 0.5 * y))[None] if offset else None
    return Phantom(inside, (tissue,), (1e-3, 0.2 / (2 * N), 0.2 / (2 * N)), field_offset=field)


@lru_cache
def scan(tissue: str, B0: float, *, offset: float = 0.0, noise: bool = True) -> RawScan:
    scanner = Scanner(B0, volume_coil())
    encoding = Encoding(
        (1, N, N),
        (1e-3, 0.2, 0.2),
        np.zeros((1, 3)),
        TRANSAXIAL,
        fully_sampled((1, N)),
        noise_readouts=200,
        sample_time=1e-4,
    )
    sequence = sequence_for(SPIN_ECHO, encoding, scanner, playing=Playing(selective=False))
    wanted = Conditions(noise=noise, variation=0.0, concomitant=False)
    return simulate(bottle(tissue, offset=offset), sequence, scanner, conditions=wanted, seed=3)


@pytest.mark.parametrize("tissue", ["white_matter", "csf"])
def test_signal_and_snr_are_those_of_a_scan_played_at_the_low_field(tissue: str) -> None:
    high, low = (scan(tissue, B0) for B0 in (HIGH, LOW))
    f = relaxation_factor(SPIN_ECHO, SPIN_ECHO, (HIGH, LOW), tissue)
    signals = [float(np.abs(played.truth["image"]).max()) for played in (high, low)]
    assert f == pytest.approx(signals[1] / signals[0], rel=0.03)
    r = snr_factor(LowField(LOW), HIGH, relaxation=f)
    assert r == pytest.approx(float(low.truth["snr"] / high.truth["snr"]), rel=0.05)


def test_a_raw_file_gets_the_snr_of_the_low_field(tmp_path: Path) -> None:
    high, low = (scan("white_matter", B0) for B0 in (HIGH, LOW))
    write_mrd(tmp_path / "high.h5", high)
    raw = read_mrd(tmp_path / "high.h5")
    noise_scan = noise_samples(raw)
    assert noise_scan is not None
    covariance = covariance_from_noise_scan(noise_scan)
    change = LowField(LOW)
    r = snr_factor(change, HIGH, relaxation=relaxation_factor(SPIN_ECHO, SPIN_ECHO, (HIGH, LOW), "white_matter"))
    made = degrade_raw(raw, r, covariance, np.random.default_rng(1), change=change)
    kspace = sort_kspace(made).data[0, 0]
    write_mrd(tmp_path / "silent.h5", scan("white_matter", HIGH, noise=False))
    noise = kspace - r * sort_kspace(read_mrd(tmp_path / "silent.h5")).data[0, 0]
    snr = kspace.abs().max().item() / torch.view_as_real(noise).std().item()
    truth = low.truth["image"][0, 0].sum() / N
    sensitivity = np.abs(low.truth["sensitivity_maps"][0, 0, 0, N // 2, N // 2])
    # Sorting takes half of an oversampled line's noise with the half of the field of view that it cuts off.
    expected = 2**0.5 * abs(truth) * sensitivity / float(low.truth["noise_covariance"][0, 0].real) ** 0.5
    assert snr == pytest.approx(expected, rel=0.07)
    assert made.field_strength == LOW
    assert np.array_equal(noise_samples(made), noise_scan)


def test_snr_grows_with_the_field_as_body_or_copper_has_it() -> None:
    body, copper = LowField(0.5, crossover_field=0.0), LowField(0.5, crossover_field=1e6)
    assert snr_factor(body, 1.5) == pytest.approx(1 / 3, rel=1e-6)  # Wu et al., body noise alone
    assert snr_factor(copper, 1.5) == pytest.approx(3**-1.75, rel=1e-6)
    assert snr_factor(replace(body, bandwidth_ratio=0.25), 1.5) == pytest.approx(2 / 3, rel=1e-6)


def test_noise_stays_one_and_the_signal_falls_by_the_factor() -> None:
    rng = np.random.default_rng(2)
    signal = torch.full((3, 1, 41, 37), 50.0 + 20j)
    weights = (torch.rand(1, 1, 41, 37, generator=torch.Generator().manual_seed(1)) > 0.3).float()
    kspace = weights * (
        signal + torch.view_as_complex(torch.from_numpy(rng.standard_normal((3, 1, 41, 37, 2)))).cfloat()
    )
    low = degrade_to_low_field(kspace, 0.2, rng, weights=weights)
    measured = weights.expand_as(low).bool()
    noise = (low - 0.2 * weights * signal)[measured]
    assert torch.view_as_real(noise).std().item() == pytest.approx(1, rel=0.03)
    assert torch.view_as_real(noise).mean().abs().item() < 0.05
    assert not low[~measured].any()


def test_distortion_is_that_of_a_played_inhomogeneous_magnet(tmp_path: Path) -> None:
    ppm, B0 = 40.0, 0.1
    played = {}
    for name, offset in (("even", 0.0), ("odd", ppm)):
        write_mrd(tmp_path / f"{name}.h5", scan("white_matter", B0, offset=offset, noise=False))
        played[name] = sort_kspace(read_mrd(tmp_path / f"{name}.h5")).data
        dwell = read_mrd(tmp_path / f"{name}.h5").dwell_time
    place = torch.linspace(-1, 1, 2 * N)[::2]  # where the voxels of the image lie among those of the bottle
    field = ppm * 1e-6 * 42.577e6 * B0 * (place + 0.5 * place[:, None])  # Hz
    assert dwell is not None
    assert field.abs().max() * 2 * dwell * N > 1  # it moves by more than a voxel
    made = distort_along_readout(played["even"], field[None], 2 * dwell)  # two-fold oversampled
    inner = slice(1, -1)  # a stretched image needs samples beyond the outermost
    moved = torch.linalg.vector_norm((played["odd"] - played["even"])[..., inner]).item()
    assert torch.linalg.vector_norm((made - played["odd"])[..., inner]).item() < 0.2 * moved


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="noise can only be added"):
        snr_factor(LowField(3.0), 1.5)
    with pytest.raises(ValueError, match=r"0.01–7 T"):
        LowField(550.0)
    with pytest.raises(ValueError, match="no tissue 'brain'"):
        relaxation_factor(SPIN_ECHO, SPIN_ECHO, (HIGH, LOW), "brain")


def test_the_command_writes_what_the_low_field_would_have_measured(tmp_path: Path) -> None:
    high, low, there = scan("white_matter", HIGH), tmp_path / "low.h5", tmp_path / "high.h5"
    write_mrd(there, high)
    options = ["--field", str(LOW), "--sequence", "spin_echo"]
    done = run("degrade", there, "-o", low, *options)
    assert done.exit_code == 0, done.stderr
    found = read_mrd(low)
    assert found.field_strength == pytest.approx(LOW)
    assert found.centre_frequency == pytest.approx(42.577e6 * LOW, rel=1e-4)
    before = read_mrd(there)
    for name in before.readouts.dtype.names:  # every counter, flag and direction
        np.testing.assert_array_equal(found.readouts[name], before.readouts[name])
    f = relaxation_factor(SPIN_ECHO, SPIN_ECHO, (HIGH, LOW), "white_matter")
    r = snr_factor(LowField(LOW), HIGH, relaxation=f)
    assert f"SNR is {r:.3g} times" in done.stderr
    silent = sort_kspace(read_silent(tmp_path)).data
    noise = [float((sort_kspace(raw).data - part * silent).std()) for raw, part in ((before, 1.0), (found, r))]
    assert noise[1] == pytest.approx(noise[0], rel=0.07)
    again = ["--field", str(LOW), "--sequence", "spin-echo"]  # as `bloch simulate` spells it
    assert run("degrade", there, "-o", tmp_path / "again.h5", *again).exit_code == 0
    np.testing.assert_array_equal(read_mrd(tmp_path / "again.h5").samples, found.samples)


def read_silent(folder: Path) -> RawData:
    write_mrd(folder / "silent.h5", scan("white_matter", HIGH, noise=False))
    return read_mrd(folder / "silent.h5")


def test_the_command_says_what_cannot_be(tmp_path: Path) -> None:
    there, low = tmp_path / "high.h5", tmp_path / "low.h5"
    write_mrd(there, scan("white_matter", HIGH))
    for options, said in (
        (["--field", "3"], "noise can only be added"),
        (["--field", "0.1", "--sequence", "spin_ecko"], "did you mean 'spin_echo'?"),
        (["--field", "0.1", "--sequence", "spin_echo", "--tissue", "wood"], "there is no tissue 'wood'"),
    ):
        done = run("degrade", there, "-o", low, *options)
        assert done.exit_code == 1
        assert said in str(done.exception)
    assert run("degrade", there, "-o", tmp_path / "low.dat", "--field", "0.1").exit_code == 2
    assert run("degrade", there, "-o", low, "--field", "0.1", "--tissue", "csf").exit_code == 2  # whose relaxation?
    measured = there.read_bytes()
    (tmp_path / "link.h5").symlink_to(there)
    for itself in (there, tmp_path / "link.h5"):
        assert "is the scan itself" in str(run("degrade", there, "-o", itself, "--field", "0.1").exception)
    assert there.read_bytes() == measured
    (tmp_path / "link.h5").unlink()
    with h5py.File(there, "r+") as file:
        xml = file["dataset/xml"][0].decode()
        for tag in ("systemFieldStrength_T", "H1resonanceFrequency_Hz"):
            xml = re.sub(f"(<{tag}>)[^<]*", r"\g<1>0", xml)
        file["dataset/xml"][0] = xml
    done = run("degrade", there, "-o", low, "--field", "0.1")
    assert "does not say its field strength" in str(done.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["high.h5"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])
