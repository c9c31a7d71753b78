"""MRzero, an independent simulator, finds the same k-space: signs, phases, places, relaxation and all."""

from __future__ import annotations

import pytest

from experiments.independent import scans
from experiments.independent.part import relative_difference
from experiments.independent.simulators import pair, pair_of_pulseq

SMALL = (9, 8)  # lines, samples
FAMILIES = ["GRE, Cartesian", "GRE, radial", "SE, radial", "TSE, Cartesian", "bSSFP, radial"]


@pytest.fixture(scope="module", autouse=True)
def _mrzero() -> None:
    pytest.importorskip("MRzeroCore", reason="MRzeroCore, the independent simulator, is not installed")


@pytest.mark.parametrize("family", FAMILIES)
def test_kspace_is_that_of_mrzero(family: str) -> None:
    both = pair(scans.sequences(*SMALL)[family](), size=SMALL)
    assert relative_difference(both.ours, both.theirs) < 0.01


@pytest.mark.parametrize("family", ["GRE, radial", "TSE, Cartesian"])
def test_kspace_is_that_of_mrzero_playing_the_pulseq_file(family: str) -> None:
    sequence = scans.sequences(*SMALL, pulse=scans.BRIEF)[family]()
    both = pair_of_pulseq(sequence, size=SMALL)
    assert relative_difference(both.ours, both.theirs) < 0.01


def test_a_wrong_sign_would_be_found() -> None:
    """The limit of 1 % is far below what a flipped axis or a conjugated signal makes."""
    both = pair(scans.sequences(*SMALL)["SE, radial"](), size=SMALL)
    assert relative_difference(both.ours.conj(), both.theirs) > 0.3
    assert relative_difference(both.ours[::-1], both.theirs) > 0.3
    assert relative_difference(-both.ours, both.theirs) > 0.3
