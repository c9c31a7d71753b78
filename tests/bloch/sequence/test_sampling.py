"""Which lines are measured."""

import numpy as np
import pytest

from bloch.sequence import central_block, equispaced, partial_fourier, variable_density


@pytest.mark.parametrize("n", [16, 21, 96])
@pytest.mark.parametrize("acceleration", [1, 2, 3, 4])
def test_equispaced_lines_hold_the_centre(n: int, acceleration: int) -> None:
    mask = equispaced((1, n), (1, acceleration))[0]
    assert mask[n // 2]
    assert set(np.diff(np.flatnonzero(mask))) <= {acceleration}
    assert mask.sum() in (n // acceleration, -(-n // acceleration))


def test_equispaced_on_two_axes_is_a_lattice() -> None:
    mask = equispaced((5, 7), (2, 3))
    assert np.argwhere(mask).tolist() == [[z, y] for z in (0, 2, 4) for y in (0, 3, 6)]


@pytest.mark.parametrize("shape", [(1, 96), (12, 33)])
def test_variable_density_has_the_lines_asked_for_most_of_them_near_the_centre(shape: tuple[int, int]) -> None:
    count = np.zeros(shape)
    for seed in range(60):
        mask = variable_density(shape, 3, rng=np.random.default_rng(seed))
        assert mask.sum() == round(mask.size / 3)
        count += mask
    eighth, middle = shape[1] // 8, shape[1] // 2
    assert count[:, middle - eighth : middle + eighth].mean() > 1.5 * count[:, : 2 * eighth].mean()


def test_variable_density_follows_its_seed() -> None:
    first, again, other = (variable_density((1, 64), 2, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(("n", "lines"), [(16, 6), (21, 6), (21, 7), (16, 7)])
def test_central_block_is_centred_like_the_fourier_transform(n: int, lines: int) -> None:
    index = np.flatnonzero(central_block((1, n), lines)[0])
    assert len(index) == lines
    assert index[lines // 2] == n // 2


def test_central_block_takes_all_of_a_short_axis_and_may_be_empty() -> None:
    assert central_block((3, 16), 8).sum() == 3 * 8
    assert central_block((1, 16), 0).sum() == 0


@pytest.mark.parametrize("n", [16, 21])
@pytest.mark.parametrize("fraction", [0.51, 0.625, 0.75, 1.0])
def test_partial_fourier_keeps_the_centre_and_about_the_fraction(n: int, fraction: float) -> None:
    mask = partial_fourier((1, n), fraction)[0]
    assert mask[n // 2 :].all()
    assert 0 <= mask.mean() - fraction < 1 / n


@pytest.mark.parametrize("fraction", [0.5, 0.0, 1.2])
def test_impossible_partial_fourier_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="more than half"):
        partial_fourier((1, 16), fraction)
