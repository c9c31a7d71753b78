"""Coil compression."""

from __future__ import annotations

import pytest
import torch

from pirecon.calibration import compress_coils, compression_matrix


def test_all_virtual_coils_keep_all_energy(scan):
    kspace, _, _ = scan(6, (1, 45, 48), 20)
    assert float(compress_coils(kspace, 6).data.norm()) == pytest.approx(float(kspace.data.norm()), rel=1e-5)


def test_a_few_virtual_coils_keep_most_energy_and_the_strongest_come_first(scan):
    kspace, _, _ = scan(8, (1, 45, 48), 50)
    energy = compress_coils(kspace, 5).data.abs().square().sum(dim=(-3, -2, -1))
    assert float(energy.sum()) > 0.97 * float(kspace.data.abs().square().sum())
    assert torch.equal(energy.argsort(descending=True), torch.arange(5))


def test_no_other_projection_of_that_rank_keeps_more(scan, generator):
    kspace, _, _ = scan(6, (1, 45, 48), 20)
    best = float(compress_coils(kspace, 3).data.norm())
    for _ in range(20):
        random = torch.linalg.qr(torch.complex(*torch.randn(2, 6, 3, generator=generator)))[0]
        assert float(torch.einsum("dc,dzyx->czyx", random.conj(), kspace.data).norm()) < best


def test_rows_are_orthonormal_so_white_noise_stays_white(scan):
    matrix = compression_matrix(scan(8, (1, 45, 48), 20)[0], 4)
    torch.testing.assert_close(matrix @ matrix.mH, torch.eye(4) + 0j, rtol=0, atol=1e-5)


def test_more_coils_than_there_are_changes_nothing_but_the_basis(scan):
    assert compress_coils(scan(3, (1, 20, 21), 20)[0], 8).data.shape == (3, 1, 20, 21)


def test_no_coils_are_refused(scan):
    with pytest.raises(ValueError, match="0 virtual coils"):
        compress_coils(scan(3, (1, 20, 21), 20)[0], 0)
