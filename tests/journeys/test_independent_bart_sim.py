"""``bart sim`` finds the same signal of single spins, its phase and the sign of off-resonance included."""

from __future__ import annotations

import pytest

from experiments.independent import bart_sim
from experiments.speed import bart

pytestmark = pytest.mark.skipif(not bart.installed(), reason=bart.MISSING)


@pytest.mark.parametrize(("offset", "inverted"), [(20.0, False), (0.0, True)])
def test_balanced_steady_state_and_its_transient(offset: float, inverted: bool) -> None:
    assert bart_sim.balanced_difference(offset, inverted=inverted) < 0.005


def test_flash() -> None:
    assert bart_sim.flash_difference() < 0.005
