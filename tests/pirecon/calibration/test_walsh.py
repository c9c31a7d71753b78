"""Adaptive maps against the coils that made the images."""

from __future__ import annotations

import pytest
import torch

from pirecon.algebra.fft import centred_ifft
from pirecon.calibration import walsh

AXES = (-3, -2, -1)


@pytest.mark.parametrize(
    ("n_coils", "matrix", "snr", "median"),
    [(8, (1, 96, 91), 20, 0.05), (8, (1, 96, 91), 5, 0.1), (4, (15, 44, 47), 20, 0.1), (2, (1, 45, 46), 20, 0.05)],
)
def test_maps_are_parallel_to_the_true_coils_within_the_head(scan, n_coils, matrix, snr, median):
    kspace, truth, head = scan(n_coils, matrix, snr)
    maps = walsh(centred_ifft(kspace.data, AXES))[0]
    assert maps.shape == truth.shape
    torch.testing.assert_close(maps.norm(dim=0), torch.ones(matrix))
    cosine = (maps.conj() * truth).sum(dim=0).abs().clamp(max=1)
    assert float((1 - cosine.square()).sqrt()[head].median()) < median


def test_uniform_coils_without_noise_are_found_exactly(generator):
    vector = torch.randn(5, 1, 1, 1, dtype=torch.complex128, generator=generator)
    image = torch.randn(1, 3, 9, 14, dtype=torch.complex128, generator=generator)
    maps = walsh(vector * image)[0]
    cosine = (maps.conj() * vector).sum(dim=0).abs() / vector.norm()
    torch.testing.assert_close(cosine, torch.ones_like(cosine))


def test_a_batch_equals_a_loop_and_nothing_has_no_maps(scan):
    images = torch.stack([centred_ifft(scan(3, (1, 40, 41), snr)[0].data, AXES) for snr in (5, 50)])
    images = torch.cat([images, torch.zeros_like(images[:1])])
    together = walsh(images)
    assert together.shape == (3, 1, 3, 1, 40, 41)
    torch.testing.assert_close(together[1], walsh(images[1]))
    assert float(together[2].abs().max()) == 0


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"complex coil images \(\*batch, coil, z, y, x\)"):
        walsh(torch.ones(4, 1, 8, 8))
    with pytest.raises(ValueError, match="width of 0"):
        walsh(torch.ones(4, 1, 8, 8, dtype=torch.complex64), width=0)
