"""Repeated lines stay apart, and the poses are written and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from pirecon.motion import Motion, separate_lines, stacked, write_motion
from pirecon.rawdata import RawData, sort_kspace
from pirecon.report.motion_figure import motion_figure

if TYPE_CHECKING:
    from conftest import Prepared


@pytest.fixture
def some_motion() -> Motion:
    d = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1e-3, -2e-3]])
    angles = torch.tensor([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]])
    states, zero = torch.zeros(1, 1, 4, dtype=torch.long), torch.zeros(1, dtype=torch.complex64)
    return Motion(True, d, angles, states, torch.tensor([0, 3]), zero, 0, "motion: made up")


def test_averages_in_different_shots_stay_apart(measured_twice: RawData) -> None:
    raw = measured_twice
    lines = separate_lines(raw)
    assert lines.shots.shape == (2, 1, 48)
    n_shots = 6
    assert set(lines.shots[0].flatten().tolist()) == set(range(n_shots))
    assert set(lines.shots[1].flatten().tolist()) == set(range(n_shots, 2 * n_shots))
    mean = (lines.measurements[0].data + lines.measurements[1].data) / 2
    averaged = sort_kspace(raw)
    torch.testing.assert_close(mean, averaged.data, rtol=1e-5, atol=1e-6 * float(mean.abs().max()))
    kspace, weights = stacked(lines.measurements)
    assert kspace.shape[0] == 2 * raw.n_coils
    torch.testing.assert_close(weights.square().sum(0), averaged.weights)  # the same image unit as the averaged data


def test_lines_measured_once(moved: Prepared) -> None:
    lines = separate_lines(moved.raw)
    assert len(lines.measurements) == 1
    torch.testing.assert_close(lines.measurements[0].data, sort_kspace(moved.raw).data)
    assert lines.source == "segment counter"


def test_the_table_has_millimetres_and_degrees(some_motion: Motion, tmp_path: Path) -> None:
    write_motion(tmp_path / "motion.csv", some_motion)
    comment, head, _, row = (tmp_path / "motion.csv").read_text(encoding="utf-8").splitlines()
    assert comment == "# motion: made up"
    values = dict(zip(head.split(","), row.split(","), strict=True))
    assert values["first_shot"] == "3"
    assert float(values["d_y_mm"]) == pytest.approx(1.0)
    assert float(values["d_x_mm"]) == pytest.approx(-2.0)
    assert float(values["angle_z_deg"]) == pytest.approx(5.72958, rel=1e-4)
    write_motion(tmp_path / "motion.json", some_motion)
    assert json.loads((tmp_path / "motion.json").read_text(encoding="utf-8"))["states"][1]["d_x_mm"] == pytest.approx(
        -2
    )
    with pytest.raises(ValueError, match=r"\.csv or \.json"):
        write_motion(tmp_path / "motion.txt", some_motion)


def test_the_picture_is_a_png(some_motion: Motion, tmp_path: Path) -> None:
    motion_figure(tmp_path / "motion.png", some_motion)
    assert (tmp_path / "motion.png").read_bytes().startswith(b"\x89PNG")
