"""The fully sampled block is found wherever it lies."""

from __future__ import annotations

import pytest
import torch

from pirecon.calibration.calibration_region import find_calibration_region, find_peak


def accelerated(shape: tuple[int, int, int], lines: slice) -> torch.Tensor:
    weights = torch.zeros(1, *shape)
    weights[:, :, ::3] = 1
    weights[:, :, lines] = 1
    return weights


def test_block_of_neighbouring_lines_is_found(scan, kspace_of):
    kspace, _, _ = scan(3, (1, 63, 64), 30)
    found = find_calibration_region(kspace_of(kspace.data, accelerated((1, 63, 64), slice(24, 39))))
    assert found == (slice(0, 1), slice(24, 40), slice(found[2].start, found[2].start + 24))  # line 39 = 3 · 13
    assert found[2].start <= 32 < found[2].stop


def test_block_follows_the_peak_not_the_header(scan, kspace_of):
    kspace, _, _ = scan(3, (1, 63, 64), 30)
    moved = kspace.data.roll(9, dims=-2)
    found = find_calibration_region(kspace_of(moved, accelerated((1, 63, 64), slice(34, 48))))
    assert found[1] == slice(33, 49)
    before = find_peak(kspace)
    assert find_peak(kspace_of(moved)) == (before[0], before[1] + 9, before[2])


def test_a_single_spike_is_not_the_peak(scan, kspace_of):
    kspace, _, _ = scan(3, (1, 63, 64), 30)
    spiked = kspace.data.clone()
    spiked[:, 0, 3, 5] = 1.2 * kspace.data.abs().max()
    assert find_peak(kspace_of(spiked)) == find_peak(kspace)


def test_three_dimensions(scan, kspace_of):
    kspace, _, _ = scan(2, (12, 20, 21), 30)
    weights = torch.zeros(1, 12, 20, 21)
    weights[:, ::2, ::2] = 1
    weights[:, 3:9, 5:14] = 1
    found = find_calibration_region(kspace_of(kspace.data, weights))
    assert found[:2] == (slice(3, 9), slice(5, 14))


@pytest.mark.parametrize("largest", [8, 24])
def test_block_is_no_larger_than_asked(scan, largest):
    found = find_calibration_region(scan(2, (1, 40, 41), 30)[0], largest=largest)
    assert [s.stop - s.start for s in found] == [1, largest, largest]


def test_interleaved_repetitions_have_no_common_sample(kspace_of):
    weights = torch.zeros(2, 1, 1, 16, 16)
    weights[0, ..., ::2, :] = 1
    weights[1, ..., 1::2, :] = 1
    data = torch.ones(2, 2, 1, 16, 16, dtype=torch.complex64)
    assert find_calibration_region(kspace_of(data, weights, batch_axes=("repetition",))) is None
