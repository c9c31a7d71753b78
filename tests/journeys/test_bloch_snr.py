"""SNR over repeated played scans is the SNR of the model, which knows coils, body, voxel, bandwidth and field only."""

from __future__ import annotations

import pytest

from experiments.independent.replicas import measure


@pytest.mark.parametrize(("B0", "n_averages"), [(0.064, 2), (0.55, 1)])
def test_snr_of_repeated_scans(B0: float, n_averages: int) -> None:
    """125 voxels, two parts, 9 degrees of freedom: the ratio has a standard error of 1 %."""
    assert measure(B0, n_averages=n_averages, n_replicas=10).ratio == pytest.approx(1, abs=0.03)
