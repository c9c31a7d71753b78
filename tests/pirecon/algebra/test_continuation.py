"""Regularisation sinks geometrically from its start to its aim and stays there."""

from __future__ import annotations

from itertools import islice, pairwise

import torch

from pirecon.algebra.continuation import START, continuation

IMAGE = torch.tensor([100.0, -40j, 7.0])[None, None, :, None]  # brightest voxel 100


def values(aim: float, n_sinking: int, n: int) -> list[float]:
    return [float(v) for v in islice(continuation(torch.tensor(aim), IMAGE, n_sinking=n_sinking), n)]


def test_sinks_geometrically_and_stays() -> None:
    found = values(0.03, 4, 7)
    torch.testing.assert_close(found[0], 100 * START)
    ratios = [b / a for a, b in pairwise(found[:5])]
    torch.testing.assert_close(ratios, [ratios[0]] * 4)
    torch.testing.assert_close(found[4:], [0.03] * 3)


def test_strong_regularisation_starts_at_its_aim() -> None:
    torch.testing.assert_close(values(50.0, 4, 6), [50.0] * 6)


def test_zero_is_reached() -> None:
    found = values(0.0, 3, 5)
    assert found[0] > found[1] > found[2] > 0
    assert found[3:] == [0, 0]


def test_black_image_has_the_aim_throughout() -> None:
    schedule = continuation(torch.tensor(0.5), torch.zeros(1, 2, 2, dtype=torch.complex64), n_sinking=2)
    assert [float(v) for v in islice(schedule, 3)] == [0.5] * 3


def test_images_of_a_batch_sink_from_their_own_start() -> None:
    images = torch.stack([IMAGE[0], 3 * IMAGE[0]])
    first = next(continuation(torch.tensor(0.01), images, n_sinking=5))
    torch.testing.assert_close(first.flatten(), torch.tensor([100 * START, 300 * START]))
