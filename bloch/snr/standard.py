"""Typical scans of a head, the same at every field strength."""

from __future__ import annotations

import math

from bloch.sequence.protocol import Protocol
from bloch.snr.scan_plan import ScanPlan

VOXEL = (5e-3, 2e-3, 2e-3)
"""m: coarse enough for low field, fine enough for high field."""

MATRIX = (1, 112, 112)
N_SLICES = 24
"""12 cm of the head."""

_PROTOCOLS = {
    "spin_echo": Protocol("spin_echo", echo_time=0.015, repetition_time=0.6),
    "turbo_spin_echo": Protocol(
        "turbo_spin_echo", echo_time=0.09, repetition_time=4.0, echo_train_length=16, echo_spacing=0.01
    ),
    "spoiled_gradient_echo": Protocol(
        "spoiled_gradient_echo", echo_time=0.005, repetition_time=0.012, flip_angle=math.radians(20)
    ),
    "balanced_ssfp": Protocol("balanced_ssfp", echo_time=0.004, repetition_time=0.008, flip_angle=math.radians(45)),
}

_PIXEL_BANDWIDTH = {
    "spin_echo": 150.0,
    "turbo_spin_echo": 200.0,
    "spoiled_gradient_echo": 200.0,
    "balanced_ssfp": 200.0,
}


def standard_plan(sequence: str) -> ScanPlan:
    """A head scan of 2 mm × 2 mm × 5 mm voxels: spin echoes of 24 slices, gradient echoes of a slab of 24 partitions.

    Args:
        sequence: ``"spin_echo"`` (T1-weighted), ``"turbo_spin_echo"`` (T2-weighted), ``"spoiled_gradient_echo"``
            (T1-weighted) or ``"balanced_ssfp"``.

    Returns:
        ScanPlan.

    Raises:
        ValueError: the sequence is none of these.

    Source: a choice in the range of clinical head protocols at 1.5 T.
    """
    if sequence not in _PROTOCOLS:
        raise ValueError(f"no standard scan is called {sequence!r}; there are {', '.join(_PROTOCOLS)}")
    slab = sequence in ("spoiled_gradient_echo", "balanced_ssfp")
    return ScanPlan(
        _PROTOCOLS[sequence],
        VOXEL,
        (N_SLICES, *MATRIX[1:]) if slab else MATRIX,
        _PIXEL_BANDWIDTH[sequence],
        n_slices=1 if slab else N_SLICES,
    )
