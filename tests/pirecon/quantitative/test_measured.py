"""Fat and water of raw files that were played by the simulator: header, slices, bipolar readouts."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bloch.phantom import Phantom
from bloch.rawfile import write_mrd
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import HARD_PULSE, TRANSAXIAL, Encoding, fully_sampled, multi_echo_gradient_echo
from bloch.simulate import Conditions, simulate
from pirecon.pipeline import calibrate
from pirecon.quantitative import fat_and_water
from pirecon.quantitative.measured import readout_steps, settings_of
from pirecon.rawdata import RawData, read_mrd

N, B0 = 20, 0.3
TIMES = tuple(0.004 + 0.004 * i for i in range(5))


def scanned(path: Path, *, bipolar: bool = False) -> RawData:
    """A block of muscle beside a block of fat, without noise but for the noise scan's."""
    fractions = torch.zeros(2, 1, N, N)
    fractions[0, :, 5:15, 4:9] = 1
    fractions[1, :, 5:15, 11:16] = 1
    edge = 0.2 / N
    encoding = Encoding(
        (1, N, N), (5e-3, 0.2, 0.2), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, N)), sample_time=30e-6
    )
    scanner = Scanner(B0, volume_coil())
    sequence = multi_echo_gradient_echo(
        encoding, scanner, echo_times=TIMES, repetition_time=0.05, flip_angle=math.radians(5), bipolar=bipolar,
        pulse=HARD_PULSE,
    )  # fmt: skip
    phantom = Phantom(fractions, ("muscle", "fat"), (5e-3, edge, edge))
    conditions = Conditions(snr=80, variation=0.0)
    write_mrd(path, simulate(phantom, sequence, scanner, conditions=conditions))
    return read_mrd(path)


def images_of(raw: RawData) -> tuple[Tensor, tuple[str, ...]]:
    measurement = calibrate(raw)
    pairs = [measurement.encoding(i) for i in range(len(TIMES))]
    return torch.stack([E.adjoint(y) for y, E in pairs]), measurement.kspace.batch_axes


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> RawData:
    return scanned(tmp_path_factory.mktemp("raw") / "raw.h5")


def test_the_file_says_all_that_is_needed(raw: RawData) -> None:
    images, axes = images_of(raw)
    found = fat_and_water(raw, images, axes)
    assert found.fat_fraction.shape == (1, N, N)
    assert float(found.fat_fraction[0, 7:13, 5:8].mean()) == pytest.approx(0, abs=0.03)
    assert float(found.fat_fraction[0, 7:13, 12:15].mean()) == pytest.approx(1, abs=0.03)
    assert "5 echoes (4, 8, 12, 16, 20 ms" in found.source


def test_readout_times_and_voxels_are_those_of_the_scan(raw: RawData) -> None:
    """Two dwell times of 30 us to a step, since the readout is oversampled by two."""
    settings = settings_of(raw, (1, N, 2 * N))
    assert settings.readout_steps == pytest.approx((60e-6,) * 5)
    assert settings.voxel_size == pytest.approx((5e-3, 0.01, 0.005))


def test_slices_and_repetitions_keep_their_axes(raw: RawData) -> None:
    images, _ = images_of(raw)
    many = images[None, :, None].expand(2, 5, 2, 1, N, N)
    found = fat_and_water(raw, many, ("repetition", "contrast", "slice"))
    assert found.R2_star.shape == (2, 2, 1, N, N)
    torch.testing.assert_close(found.fat_fraction[0], found.fat_fraction[1])


def test_bipolar_echoes_are_announced(tmp_path: Path) -> None:
    raw = scanned(tmp_path / "bipolar.h5", bipolar=True)
    with pytest.warns(UserWarning, match="bipolar"):
        assert readout_steps(raw) == pytest.approx((60e-6, -60e-6, 60e-6, -60e-6, 60e-6))


def test_missing_contrasts_or_echo_times_are_refused(raw: RawData) -> None:
    images, _ = images_of(raw)
    with pytest.raises(ValueError, match="one contrast only"):
        fat_and_water(raw, images, ("repetition",))
    poor = replace(raw, physics=replace(raw.physics, echo_times=TIMES[:1]))
    with pytest.raises(ValueError, match="header has 1 TE"):
        fat_and_water(poor, images, ("contrast",))
