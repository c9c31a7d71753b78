"""View ordering: permutations, the echo of k = 0, and nothing lost."""

from __future__ import annotations

import numpy as np
import pytest

from bloch.sequence import Line, Reading, centric_order, linear_order
from bloch.sequence.view_order import trains


@pytest.mark.parametrize("order", [linear_order, centric_order])
@pytest.mark.parametrize("n", [1, 5, 8])
def test_every_band_has_an_echo_and_the_centre_has_its_own(order, n: int) -> None:
    for band in range(n):
        for echo in range(n):
            echoes = order(n, band, echo)
            assert sorted(echoes.tolist()) == list(range(n))
            assert echoes[band] == echo


def test_linear_runs_through_k_space_without_a_jump_where_the_echo_is_in_its_place() -> None:
    assert linear_order(6, 2, 2).tolist() == [0, 1, 2, 3, 4, 5]


def test_centric_goes_from_in_to_out() -> None:
    echoes = centric_order(7, 3, 0)
    distance = np.abs(np.arange(7) - 3)
    assert (np.diff(distance[np.argsort(echoes)]) >= 0).all()


@pytest.mark.parametrize("n_lines", [7, 12, 13])
@pytest.mark.parametrize("n_echoes", [1, 4, 5])
@pytest.mark.parametrize("order", [linear_order, centric_order])
def test_lines_fall_in_one_train_each_and_the_middle_in_its_echo(n_lines, n_echoes, order, encoding_of) -> None:
    encoding = encoding_of((3, n_lines, 8))
    readings = [
        Reading(Line(kz, ky, 0, average), (), np.zeros(3), np.zeros(3), 0.0)
        for average in range(2)
        for kz in range(3)
        for ky in range(n_lines)
    ]
    central = n_echoes // 2
    shots = trains(readings, encoding, n_echoes=n_echoes, central_echo=central, order=order)
    placed = [reading for shot in shots for reading in shot if reading is not None]
    assert len(placed) == len({id(reading) for reading in placed}) == len(readings)
    assert all(len({r.line.average for r in shot if r is not None}) == 1 for shot in shots)
    echoes = {
        echo
        for shot in shots
        for echo, reading in enumerate(shot)
        if reading is not None and (reading.line.kz, reading.line.ky) == (1, n_lines // 2)
    }
    assert echoes == {central}


def test_an_echo_that_the_train_does_not_have_is_refused(encoding_of) -> None:
    with pytest.raises(ValueError, match="echo 6 cannot read k = 0 in a train of 5"):
        trains([], encoding_of(), n_echoes=5, central_echo=5, order=linear_order)
