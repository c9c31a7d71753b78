"""When samples are taken: the times that the simulator played them at, found again from the raw file."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bloch.phantom import MapPhantom
from bloch.play import sample_times
from bloch.rawfile import write_mrd
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import (
    HARD_PULSE,
    TRANSAXIAL,
    Encoding,
    Sequence,
    echo_planar,
    fully_sampled,
    gradient_echo,
    spiral_readings,
)
from bloch.simulate import Conditions, simulate
from pirecon.encoding import (
    cartesian_times,
    moments_of_header,
    moments_of_sequence,
    non_cartesian_times,
    sorted_moments,
)
from pirecon.rawdata import read_mrd, sort_readouts
from pirecon.rawdata.raw_data import RawData

N, FOV, DWELL = 16, 0.16, 10e-6
SCANNER = Scanner(0.05, volume_coil())
ENCODING = Encoding((1, N, N), (5e-3, FOV, FOV), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, N)), sample_time=DWELL)


def scanned(sequence: Sequence, folder: Path) -> RawData:
    voxel = torch.zeros(1, N, N)
    voxel[0, 8, 8] = 1.0
    phantom = MapPhantom(voxel, voxel + 0.3, voxel + 0.2, (5e-3, FOV / N, FOV / N))
    scan = simulate(phantom, sequence, SCANNER, conditions=Conditions(noise=True, snr=50.0, variation=0.0))
    write_mrd(folder / "scan.h5", scan)
    return read_mrd(folder / "scan.h5")


def lines() -> Sequence:
    return gradient_echo(ENCODING, SCANNER, repetition_time=0.02, echo_time=6e-3, flip_angle=0.5, pulse=HARD_PULSE)


def train() -> Sequence:
    return echo_planar(ENCODING, SCANNER, echo_time=0.02, repetition_time=0.1, n_shots=4, pulse=HARD_PULSE)


def test_a_line_is_read_about_its_echo(tmp_path) -> None:
    raw = scanned(lines(), tmp_path)
    times = cartesian_times(raw).times
    played = sample_times(lines())[0]
    assert times.shape == (1, 1, N)
    torch.testing.assert_close(times[0, 0], (played - played[N])[::2], rtol=0, atol=1e-9)
    torch.testing.assert_close(cartesian_times(raw, from_excitation=True).times, times + 6e-3)
    torch.testing.assert_close(cartesian_times(raw, shift=-1e-3).times, times - 1e-3)


def test_echo_planar_lines_have_their_own_time_and_direction(tmp_path) -> None:
    raw, played = scanned(train(), tmp_path), sample_times(train())
    labels = [b.readout.label for b in train().blocks if b.readout is not None]
    first = [i for i, label in enumerate(labels) if not label.phase_correction]
    spacing = float((played[first[3]] - played[first[0]]).mean()) / 3
    times = cartesian_times(raw, echo_spacing=spacing).times
    assert times.shape == (1, N, N)
    central = next(i for i in first if labels[i].ky == N // 2)
    echo = played[central][N - 1 if labels[central].is_reversed else N]
    for i in first:
        shot_start = 0.1 * labels[i].shot - 0.1 * labels[central].shot
        own = played[i] - shot_start
        expected = (own.flip(0) if labels[i].is_reversed else own)[::2] - echo
        # k = 0 of lines read backwards comes one sample earlier; blips begin on the raster.
        torch.testing.assert_close(times[0, labels[i].ky], expected, rtol=0, atol=2.01 * DWELL)


def test_a_train_without_a_spacing_is_said(tmp_path) -> None:
    raw = scanned(train(), tmp_path)
    raw.header.sequenceParameters.echo_spacing = []
    with pytest.warns(UserWarning, match="no echo spacing"):
        cartesian_times(raw)


def test_what_the_file_does_not_tell_is_asked_for(tmp_path) -> None:
    raw = scanned(lines(), tmp_path)
    with pytest.raises(ValueError, match="no echo time"):
        cartesian_times(replace(raw, physics=replace(raw.physics, echo_times=())), from_excitation=True)
    silent = raw.readouts.copy()
    silent["sample_time_us"] = 0
    with pytest.raises(ValueError, match="how long a sample takes"):
        cartesian_times(replace(raw, readouts=silent))


def test_a_spiral_counts_from_the_centre_of_k_space(tmp_path) -> None:
    readings = spiral_readings(ENCODING, SCANNER, n_interleaves=3)
    spiral = gradient_echo(ENCODING, SCANNER, repetition_time=0.05, flip_angle=0.5, pulse=HARD_PULSE, readings=readings)
    raw = scanned(spiral, tmp_path)
    times = non_cartesian_times(sort_readouts(raw), DWELL).times
    assert times.shape[0] == 1
    assert float(times[0, 0]) == 0.0
    torch.testing.assert_close(times[0].diff(), torch.full((times.shape[1] - 1,), DWELL, dtype=torch.float64))
    with pytest.raises(ValueError, match="dwell time"):
        non_cartesian_times(sort_readouts(raw), math.nan)


def test_moments_of_a_sequence_find_their_place_on_the_grid(tmp_path) -> None:
    raw, moments = scanned(lines(), tmp_path), moments_of_sequence(lines())
    found = sorted_moments(raw, moments).moments
    assert found.shape == (6, 1, N, N)
    torch.testing.assert_close(found[:, 0, 5], moments.moments[:, 5, ::2])
    with pytest.raises(ValueError, match="another scan"):
        sorted_moments(raw, moments_of_sequence(train()))


def test_the_header_tells_the_readout_gradient(tmp_path) -> None:
    raw = scanned(lines(), tmp_path)
    found, played = moments_of_header(raw).moments, sorted_moments(raw, moments_of_sequence(lines())).moments
    assert float(found[0].abs().max()) > 0
    torch.testing.assert_close(found[0, 0, 0].diff(), played[0, 0, 3].diff(), rtol=1e-4, atol=0)
