"""Streams of raw files: what they give is what was measured, whatever the format, the cache and the workers."""

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from bloch import Encoding, Protocol, RawScan, Scanner, loop_array, shepp_logan, write_mrd
from bloch.closed_form import simulate_closed_form
from bloch.sequence import TRANSAXIAL, fully_sampled
from pirecon.encoding import CartesianSense
from pirecon.rawdata import read_mrd, sort_kspace
from pirecon.training.scans.recorded import RecordedScans, RecordedStream
from pirecon.training.scans.recorded_files import group_repetitions
from pirecon.training.scans.scan_range import ScanRange

N = 33, 30
FULL = ScanRange(acceleration=(1.0, 1.0))


@lru_cache
def played(n_averages: int, snr: float, seed: int, B0: float) -> RawScan:
    encoding = Encoding(
        (1, *N), (5e-3, 0.22, 0.22), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, N[0])),
        n_averages=n_averages, noise_readouts=64,
    )  # fmt: skip
    phantom = shepp_logan((1, 2 * N[0], 2 * N[1]), field_of_view=(0.22, 0.22, 0.22))
    protocol, scanner = Protocol("spin_echo", 0.02, 0.5), Scanner(B0, loop_array(3))
    return simulate_closed_form(phantom, protocol, scanner, encoding, snr=snr, seed=seed)


def scan(path: Path, *, n_averages: int = 1, snr: float = 40.0, seed: int = 1, B0: float = 0.3) -> Path:
    write_mrd(path, played(n_averages, snr, seed, B0))
    return path


def stream(path: Path, cache: Path, scans: ScanRange = FULL, **more: object) -> RecordedStream:
    return RecordedStream(replace(RecordedScans((path,), cache=cache), **more), scans, voxels=2 * N[0] * N[1], seed=3)  # type: ignore[arg-type]


def test_a_batch_is_the_whitened_scan(tmp_path: Path) -> None:
    path = scan(tmp_path / "raw.h5")
    batch = stream(path, tmp_path / "cache").batch(0)
    assert batch["kspace"].shape == (2, 3, 1, *N)
    E = CartesianSense(batch["maps"], batch["weights"])
    residual = batch["kspace"] - E(batch["truth"])
    # Of the noise of three coils the image takes a third where there is an object, and nothing in air.
    assert 2 / 3 < residual.abs().square().mean().item() / 2 < 1.05
    assert batch["kspace"].abs().square().mean().item() > 20
    with h5py.File(path) as file:
        image, coils, Psi = (
            torch.from_numpy(file[f"dataset/truth/{name}"][()])
            for name in ("image", "sensitivity_maps", "noise_covariance")
        )
    heard = torch.einsum("czyx,cd,dzyx->zyx", coils[0].conj(), torch.linalg.inv(Psi).to(coils), coils[0]).real.sqrt()
    inside = image[0].abs() > 0.3 * image.abs().max()
    ratio = (batch["truth"][0].abs() / (heard * image[0].abs()))[inside]
    assert ratio.std() / ratio.mean() < 0.1
    # An oversampled line has twice the noise power of the half that is kept; Ψ is estimated from 64 readouts.
    assert ratio.mean().item() == pytest.approx(2**0.5, rel=0.1)


def test_undersampling_is_drawn_and_takes_whole_lines(tmp_path: Path) -> None:
    path = scan(tmp_path / "raw.h5")
    wanted = replace(FULL, acceleration=(2.0, 3.0))
    batch = stream(path, tmp_path / "cache", wanted).batch(1)
    measured = (batch["weights"] > 0).float().mean((1, 2, 4))  # (batch, ky)
    assert set(measured.unique().tolist()) == {0.0, 1.0}
    assert 0.25 < measured.mean() < 0.65
    assert not (batch["kspace"] * (batch["weights"] == 0)).any()
    assert not torch.equal(measured[0], measured[1])


def test_two_averages_have_one_signal_and_independent_noise(tmp_path: Path) -> None:
    path = scan(tmp_path / "raw.h5", n_averages=2)
    batch = stream(path, tmp_path / "cache", replace(FULL, averages=2)).batch(0)
    difference = torch.view_as_real(batch["kspace2"] - batch["kspace"])
    assert difference.std().item() == pytest.approx(2**0.5, rel=0.05)
    once = stream(path, tmp_path / "cache").batch(0)
    both = (batch["kspace"] + batch["kspace2"])[0] / 2**0.5
    assert torch.allclose(both, once["kspace"][0], atol=1e-3)


def test_repetitions_in_files_of_their_own_are_averages(tmp_path: Path) -> None:
    kspace = sort_kspace(read_mrd(scan(tmp_path / "mrd1.h5"))).data.numpy()[:, 0]
    rng = np.random.default_rng(1)
    level = 0.02 * np.abs(kspace).max()
    (tmp_path / "m4raw").mkdir()
    with h5py.File(tmp_path / "mrd1.h5") as file:
        header = file["dataset/xml"][0]
    for repetition in (1, 2):
        noise = level * (rng.standard_normal((1, *kspace.shape, 2)) @ np.array([1, 1j]))
        with h5py.File(tmp_path / "m4raw" / f"2022061003_T10{repetition}.h5", "w") as file:
            file["kspace"] = (kspace[None] + noise).transpose(0, 1, 3, 2).astype(np.complex64)
            file["ismrmrd_header"] = header
    batch = stream(
        tmp_path / "m4raw", tmp_path / "cache", replace(FULL, averages=2), repetitions=True, truth_snr=1e9
    ).batch(0)
    assert "truth" not in batch
    difference = torch.view_as_real(batch["kspace2"] - batch["kspace"])
    assert difference.std().item() == pytest.approx(2**0.5, rel=0.15)  # without a noise scan the noise is estimated


def test_only_last_numbers_of_two_digits_group_files() -> None:
    names = ["a_T101.h5", "a_T102.h5", "a_T201.h5", "brain10.h5", "brain11.h5", "file1000.h5"]
    groups = group_repetitions([Path(name) for name in names])
    assert [len(group) for group in groups] == [2, 1, 1, 1, 1]


def test_a_lower_field_has_less_signal_and_the_same_noise(tmp_path: Path) -> None:
    path = scan(tmp_path / "raw.h5", snr=100.0, B0=1.5)
    now = stream(path, tmp_path / "cache").batch(0)
    low = stream(path, tmp_path / "cache", field_strength=0.15, crossover_field=0.0).batch(0)
    assert (low["truth"].norm() / now["truth"].norm()).item() == pytest.approx(0.1, rel=1e-4)
    residual = low["kspace"] - CartesianSense(low["maps"], low["weights"])(low["truth"])
    assert torch.view_as_real(residual).std().item() == pytest.approx(1.0, rel=0.05)


def test_batches_depend_on_the_seed_alone_and_not_on_workers_or_the_cache(tmp_path: Path) -> None:
    path = scan(tmp_path / "raw.h5")
    wanted = replace(FULL, acceleration=(1.0, 3.0))
    first = stream(path, tmp_path / "cache", wanted)
    again = stream(path, tmp_path / "elsewhere", wanted)
    loaded = list(zip(range(4), DataLoader(again, batch_size=None, num_workers=2), strict=False))
    for index, batch in loaded:
        assert all(torch.equal(batch[name], value) for name, value in first.batch(index).items())


def test_a_damaged_cache_is_noticed(tmp_path: Path) -> None:
    path = scan(tmp_path / "raw.h5")
    stream(path, tmp_path / "cache").batch(0)
    (samples,) = (tmp_path / "cache").glob("*.samples")
    content = bytearray(samples.read_bytes())
    content[len(content) // 2] ^= 1
    samples.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        stream(path, tmp_path / "cache").batch(0)
    samples.write_bytes(content[:-9])
    with pytest.raises(ValueError, match="bytes where its index says"):
        stream(path, tmp_path / "cache")
    samples.with_suffix(".json").unlink()  # interrupted before the index was written
    assert stream(path, tmp_path / "cache").batch(0)["kspace"].isfinite().all()


def test_another_file_of_the_same_name_is_calibrated_anew(tmp_path: Path) -> None:
    before = stream(scan(tmp_path / "raw.h5"), tmp_path / "cache").batch(0)
    after = stream(scan(tmp_path / "raw.h5", seed=2), tmp_path / "cache").batch(0)
    assert not torch.equal(before["kspace"], after["kspace"])


def test_what_cannot_be_trained_on_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no raw file or folder"):
        stream(tmp_path / "absent", tmp_path / "cache")
    with pytest.raises(FileNotFoundError, match="no raw files"):
        stream(tmp_path, tmp_path / "cache")
    path = scan(tmp_path / "raw.h5")
    with (
        pytest.warns(UserWarning, match="1 measured only once"),
        pytest.raises(ValueError, match="1 were measured only once"),
    ):
        stream(path, tmp_path / "cache", replace(FULL, averages=2))


def test_a_distortion_without_a_known_field_is_refused(tmp_path: Path) -> None:
    path = scan(tmp_path / "raw.h5")
    stream(path, tmp_path / "cache")
    (index,) = (tmp_path / "cache").glob("*.json")
    records = json.loads(index.read_text())
    index.write_text(json.dumps([record | {"field_strength": None} for record in records]))
    stream(path, tmp_path / "cache").batch(0)
    with pytest.raises(ValueError, match=r"raw\.h5 does not say its field strength, which the distortion"):
        stream(path, tmp_path / "cache", inhomogeneity=100.0).batch(0)
    with pytest.raises(ValueError, match="field strength, which a lower field starts from"):
        stream(path, tmp_path / "cache", field_strength=0.1).batch(0)


def test_real_low_field_scans_have_unit_noise_and_no_truth(shared_data: Path, tmp_path: Path) -> None:
    found = stream(shared_data / "brain_0.055T_6A_FSE.h5", tmp_path)
    batch = found.batch(0)
    assert "truth" not in batch
    assert batch["maps"].shape[1] == 1
    outer = batch["kspace"][..., :6][batch["weights"].expand_as(batch["kspace"])[..., :6] > 0]
    # Its lines are windowed by the scanner, so that noise is one only on the whole.
    assert 0.3 < torch.view_as_real(outer).std().item() < 3
