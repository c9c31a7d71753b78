"""Scans played by bloch: what the truth is, and what is drawn on top of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bloch import Encoding, Protocol, Scanner, simulate, volume_coil
from bloch.phantom import random_brain_slice
from bloch.sequence import TRANSAXIAL, fully_sampled
from bloch.standard.sequences import Playing, sequence_for
from pirecon.encoding import CartesianSense
from pirecon.training.scans.played import QUIET, ideal_image, scan_and_truth
from pirecon.training.scans.played_stream import PlayedScans, PlayedStream
from pirecon.training.scans.scan_range import ScanRange

N = 20


def misfit(protocol: Protocol) -> torch.Tensor:
    """Of every sample ``(ky, kx)`` of a played scan to what the truth predicts, over the norm of all samples."""
    scanner = Scanner(0.1, volume_coil())
    encoding = Encoding((1, N, N), (5e-3, 0.25, 0.25), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, N)))
    sequence = sequence_for(protocol, encoding, scanner, playing=Playing(selective=False))
    phantom = random_brain_slice(3, matrix=(2 * N, 2 * N), orientation="transaxial")
    played = simulate(phantom, sequence, scanner, conditions=QUIET)
    scan = scan_and_truth(played, ideal_image(phantom, protocol, sequence, scanner=scanner, matrix=N))
    predicted = CartesianSense(scan["maps"], torch.ones(1, 1, N, N))(scan["truth"])
    return ((scan["signal"] - predicted) / predicted.norm())[0, 0].abs()


def test_without_an_echo_train_the_truth_explains_what_is_played() -> None:
    assert misfit(Protocol("spin_echo", 0.02, 0.4)).norm() < 0.05


def test_an_echo_train_blurs_what_is_played_and_not_the_truth() -> None:
    train = misfit(Protocol("turbo_spin_echo", 0.06, 1.5, echo_train_length=5, echo_spacing=0.02))
    assert train[N // 2].norm() < 0.03  # the line through the centre is measured at the truth's echo time
    assert train.norm() > 0.1


def test_noise_lines_and_averages_are_drawn_on_scans_played_once(tmp_path: Path) -> None:
    data = PlayedScans(count=1, matrix=16, inhomogeneity=0.0, cache=tmp_path)
    scans = ScanRange(snr=(20.0, 20.0), acceleration=(1.0, 2.0), averages=2)
    stream = PlayedStream(data, scans, voxels=4 * 16**2, seed=1)
    written = sorted(tmp_path.glob("*.samples"))
    batch, again = stream.batch(3), PlayedStream(data, scans, voxels=4 * 16**2, seed=1).batch(3)
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    assert sorted(tmp_path.glob("*.samples")) == written
    assert batch["truth"].shape == (4, 1, 16, 16)
    magnitude = batch["truth"][0].abs()
    assert magnitude[magnitude > 0.1 * magnitude.max()].mean().item() == pytest.approx(20.0, rel=1e-4)
    measured = batch["weights"].expand_as(batch["kspace"]) > 0
    difference = torch.view_as_real((batch["kspace2"] - batch["kspace"])[measured])
    assert difference.std().item() == pytest.approx(2**0.5, rel=0.05)
    assert not batch["kspace"][~measured].any()


def test_nothing_to_play_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 scan"):
        PlayedScans(count=0)
