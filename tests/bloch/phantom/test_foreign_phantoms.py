"""Phantom files of KomaMRI and MRzero, written here by their documented layout."""

from __future__ import annotations

import json
import math
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest
import torch

from bloch.phantom import read_bifti, read_koma, read_mrzero_npz
from bloch.phantom.map_expression import evaluate
from bloch.tissue import GYROMAGNETIC_RATIO

SCHEMA = "https://example.org/bifti-phantom-v1.schema.json"


def write_koma(path: Path, positions: dict[str, np.ndarray], **contrast: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["Version"], file.attrs["Name"] = "0.9.1", "spins"
        file.attrs["Ns"], file.attrs["Dims"] = len(positions["x"]), 3
        for group, arrays in (("position", positions), ("contrast", contrast)):
            for name, values in arrays.items():
                file.create_group(group) if group not in file else None
                file[group][name] = values
    return path


@pytest.fixture
def koma_grid() -> dict[str, np.ndarray]:
    """A grid of 5 × 4 × 3 voxels about the origin, in random order and with some spins missing."""
    x, y, z = (
        v.ravel() for v in np.meshgrid((np.arange(5) - 2) * 2e-3, (np.arange(4) - 2) * 3e-3, (np.arange(3) - 1) * 4e-3)
    )
    order = np.random.default_rng(0).permutation(60)[:55]
    return {"x": x[order], "y": y[order], "z": z[order]}


def contrast_of(positions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    n = len(positions["x"])
    return {
        "ρ": np.linspace(0.5, 1, n),
        "T1": 1 + 100 * positions["x"],
        "T2": 0.1 + 10 * positions["y"],
        "T2s": 0.03 + np.zeros(n),
        "Δw": 2 * math.pi * 1e3 * positions["z"],
    }


def test_koma_spins_come_back_at_their_positions(tmp_path: Path, koma_grid) -> None:
    contrast = contrast_of(koma_grid)
    phantom = read_koma(write_koma(tmp_path / "a.phantom", koma_grid, **contrast), B0=1.5)
    assert phantom.matrix == (3, 4, 5)
    assert phantom.voxel_size == pytest.approx((4e-3, 3e-3, 2e-3))
    assert int((phantom.proton_density > 0).sum()) == 55
    assert phantom.field_offset is not None
    for i in range(55):
        x, y, z = (koma_grid[axis][i] for axis in "xyz")
        voxel = (1 + round(z / 4e-3), 2 + round(y / 3e-3), 2 + round(x / 2e-3))
        assert float(phantom.proton_density[voxel]) == pytest.approx(contrast["ρ"][i])
        assert float(phantom.T1[voxel]) == pytest.approx(1 + 100 * x)
        assert float(phantom.T2[voxel]) == pytest.approx(0.1 + 10 * y)
        hertz = float(phantom.field_offset[voxel]) * 1e-6 * 1.5 * GYROMAGNETIC_RATIO
        assert hertz == pytest.approx(1e3 * z, rel=1e-5)


def test_a_koma_slice_asks_for_its_thickness_and_says_when_it_moves(tmp_path: Path) -> None:
    x, y = (v.ravel() for v in np.meshgrid(np.linspace(-0.1, 0.1, 6), np.linspace(-0.1, 0.1, 6)))
    times = dict.fromkeys(("ρ", "T1", "T2"), 1 + 0 * x)
    path = write_koma(tmp_path / "a.phantom", {"x": x, "y": y, "z": 0 * x}, **times)
    with pytest.warns(UserWarning, match="shifted"):
        phantom = read_koma(path, B0=3.0, thickness=5e-3)
    assert phantom.voxel_size == pytest.approx((5e-3, 0.04, 0.04))
    with pytest.warns(UserWarning, match="shifted"), pytest.warns(UserWarning, match="thickness"):
        assert read_koma(path, B0=3.0).voxel_size[0] == pytest.approx(0.04)


def test_times_that_koma_was_not_given_are_infinite(tmp_path: Path, koma_grid) -> None:
    unset = dict.fromkeys(("T1", "T2", "T2s"), np.full(55, 1e6))
    never = read_koma(write_koma(tmp_path / "a.phantom", koma_grid, **{**contrast_of(koma_grid), **unset}), B0=3.0)
    assert never.T2_star is not None
    spins = never.proton_density > 0
    for times in (never.T1, never.T2, never.T2_star):
        assert bool(torch.isinf(times[spins]).all())


def test_koma_errors_teach(tmp_path: Path, koma_grid) -> None:
    contrast = contrast_of(koma_grid)
    scattered = {**koma_grid, "x": koma_grid["x"] + np.random.default_rng(1).uniform(0, 1e-3, 55)}
    twice = {k: np.concatenate([v, v[:1]]) for k, v in koma_grid.items()}
    (tmp_path / "text.phantom").write_text("no HDF5")
    with h5py.File(tmp_path / "other.phantom", "w") as file:
        file["kspace"] = [1, 2]
    cases = [
        (write_koma(tmp_path / "b.phantom", scattered, **contrast), "regular grid"),
        (write_koma(tmp_path / "c.phantom", koma_grid, T1=contrast["T1"]), "lacks"),
        (write_koma(tmp_path / "d.phantom", twice, **contrast), "must be as long"),
        (write_koma(tmp_path / "e.phantom", twice, **contrast_of(twice)), "several spins"),
        (write_koma(tmp_path / "f.phantom", koma_grid, **{**contrast, "T1": 1e3 * contrast["T1"]}), "ms"),
        (tmp_path / "text.phantom", "no HDF5 file"),
        (tmp_path / "other.phantom", "no group 'position'"),
    ]
    for path, cause in cases:
        with pytest.raises(ValueError, match=cause):
            read_koma(path, B0=3.0)
    with pytest.raises(ValueError, match="B0"):
        read_koma(tmp_path / "b.phantom", B0=0.0)
    with pytest.raises(FileNotFoundError):
        read_koma(tmp_path / "none.phantom", B0=3.0)


def write_bifti(folder: Path, tissues: dict, *, affine=None, **more) -> Path:
    """Density of two tissues and a dB0 map, 4 × 5 × 3 voxels along R, A, S."""
    affine = np.diag([2.0, 3.0, 4.0, 1.0]) if affine is None else affine
    density = np.zeros((4, 5, 3, 2), dtype=np.float32)
    density[3, 0, 2, 0] = 0.25  # right, posterior, superior
    density[..., 1] = 0.5
    ramp = np.broadcast_to(np.arange(4, dtype=np.float32)[:, None, None, None], (4, 5, 3, 1)) * 10  # Hz, grows to R
    nib.save(nib.Nifti1Image(density, affine), folder / "head.nii.gz")
    nib.save(nib.Nifti1Image(ramp.copy(), affine), folder / "head_dB0.nii")
    config = {"$schema": SCHEMA, "units": {}, "system": {"B0": 3.0, "gyro": 42.5764}, "tissues": tissues, **more}
    path = folder / "head.json"
    path.write_text(json.dumps(config))
    return path


GREY = {
    "density": "head.nii.gz[0]",
    "T1": 1.5,
    "T2": 0.08,
    "T2'": 0.08,
    "ADC": 0.8,
    "dB0": {"file": "head_dB0.nii[0]", "func": "(x - x_min) / 2 - 420"},
    "B1+": [0.9],
}
FAT = {"density": "head.nii.gz:1", "T1": 0.4, "T2": 0.1}


def test_bifti_tissues_come_in_LPS_with_our_units(tmp_path: Path) -> None:
    phantoms = read_bifti(write_bifti(tmp_path, {"gm": GREY, "fat": FAT}))
    assert list(phantoms) == ["gm", "fat"]
    grey = phantoms["gm"]
    assert grey.matrix == (3, 5, 4)
    assert grey.voxel_size == pytest.approx((4e-3, 3e-3, 2e-3))
    assert grey.proton_density.nonzero().tolist() == [[2, 4, 0]]  # superior, posterior, right: +z, +y, −x
    assert grey.T2_star is not None
    assert grey.field_offset is not None
    assert float(grey.T2_star[0, 0, 0]) == pytest.approx(0.04)
    ppm = grey.field_offset[0, 0] * 3.0 * 42.5764
    torch.testing.assert_close(ppm, torch.tensor([-405.0, -410.0, -415.0, -420.0]))  # Hz; falls towards the left
    assert grey.diffusion is not None
    assert float(grey.diffusion[0, 0, 0]) == pytest.approx(0.8e-9)
    assert grey.transmit_field is not None
    assert float(grey.transmit_field[0, 0, 0]) == pytest.approx(0.9)
    assert float(phantoms["fat"].proton_density.mean()) == pytest.approx(0.5)


def test_a_bifti_grid_stored_along_LPS_gives_the_same_phantom(tmp_path: Path) -> None:
    (tmp_path / "flipped").mkdir()
    straight = read_bifti(write_bifti(tmp_path, {"gm": GREY}))["gm"]
    path = write_bifti(tmp_path / "flipped", {"gm": GREY})
    for name in ("head.nii.gz", "head_dB0.nii"):
        image = nib.load(tmp_path / "flipped" / name)
        data = np.asarray(image.dataobj)[::-1, ::-1].copy()
        nib.save(nib.Nifti1Image(data, np.diag([-2.0, -3.0, 4.0, 1.0])), tmp_path / "flipped" / name)
    flipped = read_bifti(path)["gm"]
    torch.testing.assert_close(flipped.proton_density, straight.proton_density)
    torch.testing.assert_close(flipped.field_offset, straight.field_offset)


def test_bifti_says_what_it_cannot_take_over(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="2 transmit channels"):
        phantom = read_bifti(write_bifti(tmp_path, {"gm": {**GREY, "B1+": [0.5, 0.5]}}))["gm"]
    assert phantom.transmit_field is None
    with pytest.warns(UserWarning, match="no T2"):
        wm = read_bifti(write_bifti(tmp_path, {"wm": {"density": "head.nii.gz[0]", "T1": 0.8}}))["wm"]
    assert float(wm.T2[0, 0, 0]) == pytest.approx(1.6)
    angle = 0.2
    turn = [[2 * math.cos(angle), -3 * math.sin(angle), 0], [2 * math.sin(angle), 3 * math.cos(angle), 0], [0, 0, 4]]
    oblique = np.eye(4)
    oblique[:3, :3] = turn
    with pytest.warns(UserWarning, match="oblique"):
        read_bifti(write_bifti(tmp_path, {"fat": FAT}, affine=oblique))


@pytest.mark.parametrize(
    ("tissues", "more", "cause"),
    [
        ({"gm": {**GREY, "density": 1.0}}, {}, "density map"),
        ({"gm": {**GREY, "density": "head.nii.gz"}}, {}, "reference"),
        ({"gm": {**GREY, "density": "../head.nii.gz[0]"}}, {}, "beside the JSON"),
        ({"gm": {**GREY, "density": "head.nii.gz[7]"}}, {}, "volume 7 of 2"),
        ({"gm": {**GREY, "T1": 1500.0}}, {}, "ms"),
        ({"gm": {**GREY, "dB0": {"file": "head_dB0.nii[0]", "func": "__import__('os')"}}}, {}, "not allowed"),
        ({"gm": {**GREY, "dB0": {"file": "head_dB0.nii[0]"}}}, {}, "both file and func"),
        ({}, {}, "no tissues"),
        ({"gm": GREY}, {"$schema": "other-v2"}, "version 1"),
        ({"gm": GREY}, {"reslice_to": {}}, "resampled"),
        ({"gm": GREY}, {"system": {}}, "B0"),
    ],
)
def test_bifti_errors_teach(tmp_path: Path, tissues, more, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        read_bifti(write_bifti(tmp_path, tissues, **more))


def test_a_nifti_in_place_of_the_json_or_a_missing_file_is_named(tmp_path: Path) -> None:
    write_bifti(tmp_path, {"gm": GREY})
    with pytest.raises(ValueError, match=r"give the \.json"):
        read_bifti(tmp_path / "head.nii.gz")
    (tmp_path / "head_dB0.nii").unlink()
    with pytest.raises(FileNotFoundError, match="head_dB0"):
        read_bifti(tmp_path / "head.json")


def test_an_old_mrzero_archive_is_turned_and_converted(tmp_path: Path) -> None:
    shape = (4, 3, 2)  # x, y, z
    rng = np.random.default_rng(0)
    maps = {
        "PD_map": rng.uniform(0.5, 1, shape),
        "T1_map": rng.uniform(1, 2, shape),
        "T2_map": rng.uniform(0.05, 0.1, shape),
        "T2dash_map": np.full(shape, 0.03),
        "D_map": np.ones(shape),
        "B0_map": np.full(shape, 30.0),
        "B1_map": np.full((1, *shape), 0.8),
        "FOV": np.array([0.2, 0.15, 0.01]),
    }
    np.savez(tmp_path / "a.npz", **maps)
    phantom = read_mrzero_npz(tmp_path / "a.npz", B0=3.0)
    assert phantom.voxel_size == pytest.approx((5e-3, 0.05, 0.05))
    assert float(phantom.T1[1, 2, 3]) == pytest.approx(maps["T1_map"][3, 2, 1])
    assert phantom.T2_star is not None
    assert float(1 / phantom.T2_star[1, 2, 3]) == pytest.approx(1 / maps["T2_map"][3, 2, 1] + 1 / 0.03, rel=1e-5)
    assert phantom.field_offset is not None
    assert float(phantom.field_offset.mean()) == pytest.approx(30.0 / (3.0 * GYROMAGNETIC_RATIO) * 1e6)
    assert phantom.transmit_field is not None
    assert phantom.transmit_field.shape == phantom.matrix
    del maps["T2_map"]
    np.savez(tmp_path / "b.npz", **maps)
    with pytest.raises(ValueError, match="T2_map"):
        read_mrzero_npz(tmp_path / "b.npz", B0=3.0)


def test_expressions_are_arithmetic() -> None:
    x = torch.tensor([1.0, 2.0, 3.0, 6.0])
    torch.testing.assert_close(evaluate("-(x - x_min) * 2e0 / (x_max - x_min)", x), -2 * (x - 1) / 5)
    torch.testing.assert_close(evaluate("(x - x_mean) * 3 / x_std + x_mean", x).std(correction=0), torch.tensor(3.0))
    torch.testing.assert_close(evaluate(".5", x), torch.full((4,), 0.5))
    for bad in ("x ** 2", "abs(x)", "x.T", "y", "x +", "x if x else 1", "True", "1/0"):
        with pytest.raises(ValueError, match="expression"):
            evaluate(bad, x)
