"""The centre of spokes tells breathing from the effects of their direction."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bloch.phantom import RespiratoryMotion
from bloch.phantom.abdomen import abdomen, breathing_motion
from bloch.rawfile import write_mrd
from bloch.receiver import loop_array
from bloch.scanner import Scanner
from bloch.sequence import Encoding, fully_sampled, gradient_echo, ideally_spoiled
from bloch.sequence.pulses import HARD_PULSE
from bloch.sequence.radial import GOLDEN_ANGLE, radial_readings
from bloch.simulate import Conditions, simulate
from pirecon.motion import breathing_during, gated_weights
from pirecon.motion.self_gating import centre_features
from pirecon.rawdata import RawData, read_mrd
from pirecon.rawdata.non_cartesian import sort_readouts

MATRIX, VOXEL, N = (36, 1, 36), (11e-3, 10e-3, 11e-3), 16
CORONAL = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


def scan(path: Path, motion: RespiratoryMotion | None) -> RawData:
    """A coarse body along 200 golden-angle spokes in 16 s, with the concomitant fields of 0.3 T."""
    scanner = Scanner(0.3, loop_array(4, head_radius=0.17))
    encoding = Encoding((1, N, N), (10e-3, 0.4, 0.4), np.zeros((1, 3)), CORONAL, fully_sampled((1, N)), oversampling=1)
    readings = radial_readings(encoding, scanner, n_spokes=200, angle_increment=GOLDEN_ANGLE)
    sequence = gradient_echo(
        encoding, scanner, echo_time=6e-3, repetition_time=0.08, flip_angle=0.5, pulse=HARD_PULSE, n_dummies=10,
        readings=readings,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing is left for isochromats to dephase
        conditions = Conditions(snr=400.0, n_isochromats=1)  # of voxels of 25 mm
        phantom = replace(abdomen(MATRIX, voxel_size=VOXEL), motion=motion)
        write_mrd(path, simulate(phantom, ideally_spoiled(sequence), scanner, conditions=conditions))
    return read_mrd(path)


def test_the_breath_of_a_played_scan(tmp_path: Path) -> None:
    way = breathing_motion(MATRIX, VOXEL, period=3.2)
    raw = scan(tmp_path / "moved.h5", way)
    kspace = sort_readouts(raw)
    found = breathing_during(raw, kspace)
    assert found.found, found.source
    assert found.period == pytest.approx(3.2, rel=0.1)
    start = 10 * 0.08 + 6e-3  # of the first readout, after the dummies
    truth = way.at(torch.from_numpy(found.times - found.times[0] + start)).numpy()
    assert np.corrcoef(found.amplitude, truth)[0, 1] > 0.9
    gate, source = gated_weights(raw, kspace)
    assert gate is not None
    assert gate.shape == (1, 200, 1)
    assert truth[gate.flatten().numpy() == 1].mean() < 0.25 * truth.mean()
    assert "centre of k-space" in source
    assert "about expiration" in source


def test_at_rest_all_data_are_used(tmp_path: Path) -> None:
    raw = scan(tmp_path / "still.h5", None)
    gate, source = gated_weights(raw, sort_readouts(raw))
    assert gate is None
    assert "all data are used" in source


def test_only_readouts_through_the_centre_count() -> None:
    """Every second spoke belongs to another partition; its direction's functions are those of the angle."""
    angle = torch.arange(40) * GOLDEN_ANGLE
    radius = torch.arange(8) - 4.0
    k = torch.stack([torch.zeros(40, 8), torch.outer(angle.sin(), radius), torch.outer(angle.cos(), radius)], -1)
    k[1::2, :, 0] = 3.0
    data = torch.zeros(2, 40, 8, dtype=torch.complex64)
    data[:, :, 4] = torch.arange(40.0)
    found = centre_features(k, data, reach=0.5)
    assert found is not None
    moments, values, functions = found
    assert moments.tolist() == list(range(0, 40, 2))
    assert np.array_equal(values[:, 1].real, moments)
    np.testing.assert_allclose(functions[:, 1], np.sin(moments * GOLDEN_ANGLE), atol=1e-5)
    np.testing.assert_allclose(functions[:, 7], np.sin(2 * moments * GOLDEN_ANGLE) / 2, atol=1e-5)  # y · x
    assert centre_features(k[1::2], data[:, 1::2], reach=0.5) is None
    assert math.isfinite(functions.sum())
