"""From acquisition headers to patient coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from pirecon.rawdata import audit, read_mrd, sort_kspace
from tests.pirecon.rawdata.conftest import Line, make_header, write_file

READ, PHASE = np.array([0.6, 0.64, 0.48]), np.array([-0.8, 0.48, 0.36])
SLICE = np.cross(READ, PHASE)


def read(tmp_path, heads: list[dict[str, object]], matrix=(1, 3, 6)):
    lines = [
        Line(np.full((1, 6), 1 + y), y=y, counters={"slice": s}, head={k: tuple(v) for k, v in head.items()})
        for s, head in enumerate(heads)
        for y in range(3)
    ]
    return read_mrd(write_file(tmp_path / "raw.h5", make_header(matrix), lines))


def directions(read_dir=READ, phase_dir=PHASE, slice_dir=SLICE) -> dict[str, object]:
    return {"read_dir": read_dir, "phase_dir": phase_dir, "slice_dir": slice_dir}


def found(raw) -> dict[str, str]:
    return {finding.name: finding.found for finding in audit(raw)}


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (1, -1, -1), (-1, -1, 1), (1, 1, -1)])
def test_oblique_directions_and_positions_arrive_as_written(tmp_path, signs):
    said = directions(signs[0] * READ, signs[1] * PHASE, signs[2] * SLICE)
    positions = [np.array([10.0, -20, 30]) + 7 * s * SLICE for s in range(3)]
    raw = read(tmp_path, [{**said, "position": p} for p in positions])
    geometry = sort_kspace(raw).geometry
    assert np.allclose(geometry.directions, [said["slice_dir"], said["phase_dir"], said["read_dir"]], atol=1e-6)
    assert np.allclose(geometry.centres, np.array(positions) * 1e-3, atol=1e-8)
    assert "degenerate directions" not in found(raw)


def test_without_directions_the_slice_is_axial(tmp_path):
    zero = np.zeros(3)
    raw = read(tmp_path, [directions(zero, zero, zero)])
    assert np.array_equal(sort_kspace(raw).geometry.directions, [[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    assert "zero" in found(raw)["degenerate directions"]


@pytest.mark.parametrize("missing", ["read_dir", "phase_dir", "slice_dir"])
def test_one_missing_direction_follows_from_the_others(tmp_path, missing):
    raw = read(tmp_path, [{**directions(), missing: np.zeros(3)}])
    assert np.allclose(sort_kspace(raw).geometry.directions, [SLICE, PHASE, READ], atol=1e-6)
    assert missing in found(raw)["degenerate directions"]


@pytest.mark.parametrize("spoil", [lambda d: 3 * d, lambda d: d + 0.1 * READ, lambda d: d + 0.05 * SLICE])
def test_repaired_directions_are_orthonormal_and_near(tmp_path, spoil):
    raw = read(tmp_path, [directions(phase_dir=spoil(PHASE))])
    repaired = sort_kspace(raw).geometry.directions
    assert np.allclose(repaired @ repaired.T, np.eye(3), atol=1e-6)
    assert np.abs(repaired - [SLICE, PHASE, READ]).max() < 0.11
    assert "degenerate directions" in found(raw)


def test_parallel_directions_are_replaced_by_an_axial_slice(tmp_path):
    raw = read(tmp_path, [directions(phase_dir=READ)])
    assert np.array_equal(sort_kspace(raw).geometry.directions, np.eye(3)[::-1])
    assert "parallel" in found(raw)["degenerate directions"]


def test_slices_that_all_claim_one_place_are_put_side_by_side(tmp_path):
    raw = read(tmp_path, [directions()] * 3)
    centres = sort_kspace(raw).geometry.centres
    assert np.allclose(np.diff(centres, axis=0), 3e-3 * SLICE, atol=1e-8)  # the header's slices are 3 mm thick
    assert np.allclose(centres.mean(axis=0), 0, atol=1e-8)
    assert "slice positions missing" in found(raw)


def test_slices_that_are_not_parallel_are_said(tmp_path):
    raw = read(tmp_path, [directions(), {**directions(PHASE, -READ), "position": (0, 0, 5)}])
    assert "slices not parallel" in found(raw)
    assert np.allclose(sort_kspace(raw).geometry.directions, [SLICE, PHASE, READ], atol=1e-6)
