"""pirecon and bloch share no code, so what both must know is written twice and compared here."""

from __future__ import annotations

import pytest
import scipy.constants

import bloch.tissue
from pirecon.rawdata.gyromagnetic_ratio import GYROMAGNETIC_RATIO


def test_both_packages_have_the_protons_gyromagnetic_ratio() -> None:
    assert bloch.tissue.GYROMAGNETIC_RATIO == GYROMAGNETIC_RATIO
    recommended = scipy.constants.value("proton gyromag. ratio in MHz/T") * 1e6
    # CODATA's adjustments of 2014, 2018 and 2022 differ by 2e-9.
    assert pytest.approx(recommended, rel=1e-8) == GYROMAGNETIC_RATIO
