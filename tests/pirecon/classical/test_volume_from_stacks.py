"""Combining stacks: against the truth, in the limits of noise and gaps, and with bad input.

The stacks are sums over a fine body by definition (no operator of pirecon's makes them).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pirecon.classical.stack_intensity import brightness, noise_level, without_noise_bias
from pirecon.classical.volume_from_stacks import volume_from_stacks
from pirecon.encoding.slice_profile import box_profile
from pirecon.encoding.thick_slices import ThickSlices
from pirecon.rawdata.geometry import Geometry

N, VOXEL, THICK = 30, 2e-3, 3  # volume, and voxels in the thickness of a slice
WAYS = [np.eye(3)[::-1], np.eye(3)[[1, 2, 0]], np.eye(3)[[0, 2, 1]]]  # normals S, P, L; rows, columns


def body() -> Tensor:
    """Boxes and rods that are thinner than a slice, in air, real ``(z, y, x)``."""
    x = torch.zeros(N, N, N, dtype=torch.float64)
    x[5:25, 4:26, 6:24] = 10
    x[9:21, 9:13, 9:20] = 16
    x[6:24, 16:17, 14:15] = 3
    x[13:14, 18:23, 9:20] = 20
    return x


def geometry_of(axis: int, step: int = THICK) -> Geometry:
    """Slices side by side along z, y or x of the volume."""
    directions = WAYS[axis]
    middles = np.arange(THICK // 2, N - THICK // 2, step) - N // 2
    return Geometry((1, N, N), (THICK * VOXEL, VOXEL, VOXEL), middles[:, None] * VOXEL * directions[0], directions)


def slices_of(x: Tensor, axis: int, step: int = THICK) -> Tensor:
    """Means over ``THICK`` planes, ``(slice, 1, row, column)`` as the directions have it."""
    along = x.movedim(axis, 0)  # rows and columns in the order of z, y, x
    means = along.unfold(0, THICK, step).mean(dim=-1)
    return means.unsqueeze(1)


def volume() -> Geometry:
    return Geometry((N, N, N), (VOXEL, VOXEL, VOXEL), np.zeros((1, 3)), np.eye(3)[::-1])


def scan(axes: tuple[int, ...] = (0, 1, 2), *, noise: float = 0.0, step: int = THICK) -> tuple[list[Tensor], list]:
    generator = torch.Generator().manual_seed(3)
    stacks = [slices_of(body(), axis, step) for axis in axes]
    stacks = [y + noise * torch.randn(y.shape, dtype=torch.float64, generator=generator) for y in stacks]
    return stacks, [ThickSlices(volume(), geometry_of(axis, step), box_profile()) for axis in axes]


def error(x: Tensor) -> float:
    return float((x - body()).norm() / body().norm())


def spread(stacks: list[Tensor]) -> Tensor:
    """The mean of stacks whose slices are repeated through their thickness."""
    each = [y[:, 0].repeat_interleave(THICK, dim=0).movedim(0, axis) for axis, y in enumerate(stacks)]
    return torch.stack(each).mean(dim=0)


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_three_ways_are_better_than_their_mean(noise: float) -> None:
    stacks, operators = scan(noise=noise)
    found = volume_from_stacks(stacks, operators, noise=[max(noise, 0.02)] * 3)
    assert error(found) < (0.5 if noise < 1 else 0.8) * error(spread(stacks))
    assert found.dtype == torch.float64


def test_a_second_and_third_way_each_add_something() -> None:
    errors = []
    for axes in ((0,), (0, 1), (0, 1, 2)):
        stacks, operators = scan(axes, noise=0.3)
        errors.append(error(volume_from_stacks(stacks, operators, noise=[0.3] * len(axes))))
    assert errors[0] > 1.3 * errors[1] > 1.3 * 1.1 * errors[2]


def test_a_brighter_and_noisier_stack_is_scaled_and_counts_less() -> None:
    stacks, operators = scan(noise=0.2)
    plain = volume_from_stacks(stacks, operators, noise=[0.2] * 3)
    ruined = stacks[2] + 5 * torch.randn(
        stacks[2].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(9)
    )
    levels = [0.2, 0.2, math.hypot(0.2, 5) * 4]
    found = volume_from_stacks([*stacks[:2], 4 * ruined], operators, noise=levels, gains=[1, 1, 4])
    two = volume_from_stacks(stacks[:2], operators[:2], noise=levels[:2])
    assert error(found) < 1.05 * error(two)
    assert error(plain) < error(found)


def test_gaps_are_bridged_and_places_without_slices_stay_empty() -> None:
    stacks, operators = scan((0,), step=5)  # slices of 3 voxels, 2 between them
    found = volume_from_stacks(stacks, operators, noise=[0.05])
    column = found[6:22, 6, 10]
    assert float((column - 10).abs().max()) < 1.5
    assert float(found[-1].abs().max()) == 0


def test_nothing_measured_gives_nothing() -> None:
    stacks, operators = scan()
    found = volume_from_stacks([torch.zeros_like(y) for y in stacks], operators, noise=[1.0] * 3)
    assert torch.equal(found, torch.zeros(N, N, N, dtype=torch.float64))


def test_the_noise_is_found_in_an_object_with_edges() -> None:
    y = slices_of(body(), 0)
    for sigma in (0.3, 1.0):
        noise = torch.randn(2, *y.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4)) * sigma
        assert noise_level(torch.hypot(y + noise[0], noise[1])) == pytest.approx(sigma, rel=0.12)


def test_the_bias_of_magnitudes_is_taken_out() -> None:
    parts = torch.randn(2, 400_000, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    for signal in (3.0, 5.0, 10.0):
        magnitude = torch.hypot(signal + parts[0], parts[1])
        before, after = float(magnitude.mean()) - signal, float(without_noise_bias(magnitude, 1.0).mean()) - signal
        assert abs(after) < 0.25 * before
    air = torch.hypot(parts[0], parts[1])
    assert float(without_noise_bias(air, 1.0).mean()) < 0.7 * float(air.mean())


def test_brightness_is_compared_where_stacks_overlap() -> None:
    stacks, operators = scan(noise=0.3)
    ratios, alike = brightness([stacks[0], 2.5 * stacks[1], 0.4 * stacks[2]], operators)
    np.testing.assert_allclose(ratios, [1, 2.5, 0.4], rtol=0.05)
    assert min(alike) > 0.8
    other = stacks[1].amax() - stacks[1] + torch.rand(stacks[1].shape, dtype=torch.float64)
    assert brightness([stacks[0], other], operators[:2])[1][1] < 0


def test_stacks_that_do_not_overlap_are_refused() -> None:
    y = slices_of(body(), 0)
    ends = [geometry_of(0), geometry_of(0)]
    halves = [
        Geometry(g.matrix, g.voxel_size, np.asarray(g.centres)[part], g.directions)
        for g, part in zip(ends, (slice(0, 4), slice(6, 10)), strict=True)
    ]
    operators = [ThickSlices(volume(), g, box_profile()) for g in halves]
    with pytest.raises(ValueError, match="stack 2 does not overlap"):
        brightness([y[:4], y[6:]], operators)


def test_wrong_arguments_are_refused() -> None:
    stacks, operators = scan((0, 1))
    with pytest.raises(ValueError, match="each stack needs one of each"):
        volume_from_stacks(stacks, operators, noise=[1.0])
    with pytest.raises(ValueError, match="must be above 0"):
        volume_from_stacks(stacks, operators, noise=[1.0, 0.0])
    with pytest.raises(ValueError, match="strength -1"):
        volume_from_stacks(stacks, operators, noise=[1.0, 1.0], strength=-1)
    with pytest.raises(ValueError, match="nothing but zeros"):
        noise_level(torch.zeros(3, 1, 8, 8))
