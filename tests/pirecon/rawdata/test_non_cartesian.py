"""Readouts on no grid: their trajectories, in whatever unit the file counts them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pirecon.rawdata import RawDataError, is_cartesian, read_mrd, sort_kspace, sort_readouts
from pirecon.rawdata.trajectory_unit import UNITS
from tests.pirecon.rawdata.conftest import Line, make_header, write_file

MATRIX = (1, 20, 24)  # voxels of 3 × 2 × 1 mm: 40 × 24 mm
N_SPOKES, N_SAMPLES = 7, 30


def header(name: str = "radial", matrix=MATRIX) -> str:
    return make_header(matrix).toXML().replace(">cartesian<", f">{name}<")


def spokes() -> np.ndarray:
    """k of spokes that reach what each axis spans, (spoke, sample, [x, y]), 1/m."""
    angles = np.pi * np.arange(N_SPOKES) / N_SPOKES
    radius = (np.arange(N_SAMPLES) - N_SAMPLES // 2) / N_SAMPLES  # −½ to ½ per voxel
    along = np.stack([np.cos(angles) / 1e-3, np.sin(angles) / 2e-3], axis=-1)
    return radius[None, :, None] * along[:, None, :]


IN_UNIT = {
    "1/fov": np.array([0.024, 0.040]),
    "cycles/voxel": np.array([1e-3, 2e-3]),
    "rad/voxel": 2 * np.pi * np.array([1e-3, 2e-3]),
    "1/m": np.ones(2),
    "1/mm": np.full(2, 1e-3),
    "rad/m": np.full(2, 2 * np.pi),
    "rad/mm": np.full(2, 2e-3 * np.pi),
}


def scan(path, complex_normal, trajectory, *, name="radial", **head):
    lines = [Line(complex_normal(3, N_SAMPLES), y=i, trajectory=k, head=head) for i, k in enumerate(trajectory)]
    return write_file(path, header(name), lines), np.stack([line.data for line in lines])


def test_every_unit_is_listed():
    assert set(IN_UNIT) == set(UNITS)


@pytest.mark.parametrize("unit", UNITS)
def test_named_unit_gives_inverse_metres_along_z_y_x(tmp_path, complex_normal, unit):
    path, _ = scan(tmp_path / "scan.h5", complex_normal, spokes() * IN_UNIT[unit])
    k = sort_readouts(read_mrd(path), unit=unit).trajectory.k
    expected = np.concatenate([np.zeros((N_SPOKES, N_SAMPLES, 1)), spokes()[..., ::-1]], axis=-1)
    np.testing.assert_allclose(k.numpy(), expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("unit", ["1/fov", "cycles/voxel", "rad/voxel", "1/m"])
def test_unit_is_found_from_the_reach(tmp_path, complex_normal, unit):
    path, _ = scan(tmp_path / "scan.h5", complex_normal, spokes() * IN_UNIT[unit])
    trajectory = sort_readouts(read_mrd(path)).trajectory
    assert f"unit {unit} " in trajectory.source
    np.testing.assert_allclose(trajectory.k[..., 1:].flip(-1).numpy(), spokes(), rtol=1e-5, atol=1e-3)


def test_reach_that_fits_no_unit_is_refused_with_all_of_them(tmp_path, complex_normal):
    path, _ = scan(tmp_path / "scan.h5", complex_normal, 60 * spokes())
    with pytest.raises(RawDataError, match=r"fits no unit.*1/fov: .*rad/mm: .*--trajectory-unit"):
        sort_readouts(read_mrd(path))


@pytest.mark.parametrize(("factor", "match"), [(0.0, "0 everywhere"), (np.nan, "NaN or infinite")])
def test_trajectory_without_content(tmp_path, complex_normal, factor, match):
    path, _ = scan(tmp_path / "scan.h5", complex_normal, factor * spokes())
    with pytest.raises(RawDataError, match=match):
        sort_readouts(read_mrd(path))


def test_no_trajectory(tmp_path, complex_normal):
    path, _ = scan(tmp_path / "scan.h5", complex_normal, [None] * 4)
    raw = read_mrd(path)
    with pytest.raises(RawDataError, match=r"scan is radial.*no trajectory.*--sequence"):
        sort_readouts(raw)
    with pytest.raises(RawDataError, match=r"trajectory is radial.*Cartesian"):
        sort_kspace(raw)


def test_readouts_stand_in_the_order_of_measurement_by_slice(tmp_path, complex_normal):
    k = spokes() * IN_UNIT["1/fov"]
    lines = [
        Line(complex_normal(2, N_SAMPLES), y=i, trajectory=k[i], counters={"slice": s})
        for i in range(4)
        for s in (1, 0)
    ]
    kspace = sort_readouts(read_mrd(write_file(tmp_path / "scan.h5", header(), lines)))
    assert kspace.batch_axes == ("slice",)
    for s in (0, 1):
        expected = np.stack([line.data for line in lines if line.counters["slice"] == s], axis=1)
        np.testing.assert_allclose(kspace.data[s].numpy(), expected, rtol=1e-6)


def test_slice_with_fewer_readouts_has_weight_0_in_the_gap(tmp_path, complex_normal):
    k = spokes() * IN_UNIT["1/fov"]
    slices = (0, 0, 0, 1, 1)
    lines = [Line(complex_normal(1, N_SAMPLES), trajectory=k[i], counters={"slice": s}) for i, s in enumerate(slices)]
    kspace = sort_readouts(read_mrd(write_file(tmp_path / "scan.h5", header(), lines)))
    assert kspace.weights.sum(dim=(-1, -2, -3)).tolist() == [3 * N_SAMPLES, 2 * N_SAMPLES]
    assert not kspace.data[1, :, 2].any()


def test_discarded_samples_have_weight_0(tmp_path, complex_normal):
    path, _ = scan(tmp_path / "scan.h5", complex_normal, spokes(), discard_pre=2, discard_post=3)
    weights = sort_readouts(read_mrd(path)).weights[0]
    assert torch.equal(weights[0] == 0, (torch.arange(N_SAMPLES) < 2) | (torch.arange(N_SAMPLES) >= N_SAMPLES - 3))


def test_given_trajectory_replaces_the_stored_one(tmp_path, complex_normal):
    path, _ = scan(tmp_path / "scan.h5", complex_normal, [None] * N_SPOKES)
    k = np.concatenate([spokes(), np.zeros((N_SPOKES, N_SAMPLES, 1))], axis=-1)
    found = sort_readouts(read_mrd(path), k=k).trajectory.k
    np.testing.assert_allclose(found.numpy(), k[..., ::-1], rtol=1e-6)
    with pytest.raises(RawDataError, match="sequence that was played"):
        sort_readouts(read_mrd(path), k=k[:-1])


def test_partitions_of_a_stack_of_stars_come_from_their_counter(tmp_path, complex_normal):
    k = spokes() * IN_UNIT["1/fov"]
    lines = [Line(complex_normal(2, N_SAMPLES), z=z, trajectory=k[i]) for z in range(6) for i in range(3)]
    path = write_file(tmp_path / "scan.h5", header(matrix=(6, 20, 24)), lines)
    k_z = sort_readouts(read_mrd(path)).trajectory.k[..., 0]
    expected = np.repeat((np.arange(6) - 3) / 18e-3, 3)[:, None] * np.ones(N_SAMPLES)
    np.testing.assert_allclose(k_z.numpy(), expected, rtol=1e-5)


def test_other_is_cartesian_unless_a_trajectory_is_stored(tmp_path, complex_normal):
    without, _ = scan(tmp_path / "a.h5", complex_normal, [None] * 4, name="other")
    stored, _ = scan(tmp_path / "b.h5", complex_normal, spokes(), name="other")
    assert is_cartesian(read_mrd(without))
    assert not is_cartesian(read_mrd(stored))
