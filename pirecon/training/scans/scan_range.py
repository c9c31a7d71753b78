"""What simulated scans are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

SMALLEST_MATRIX = 16  # below it there is no room for calibration lines


@dataclass(frozen=True)
class ScanRange:
    """What scans are drawn from; the training range that a checkpoint carries.

    Attributes:
        snr: voxel SNR of the fully sampled image at the acquired resolution, mean over the object.
        acceleration: nominal undersampling factor, at least 1.
        coils: numbers of receive coils.
        super_resolution: reconstruction grid over acquired matrix, per axis, at least 1.
        matrices: reconstruction matrices, at least 16; one axis has this size, the other up to a quarter more.
        rough_phase: share of scans whose phase is not smooth, but follows tissue or varies within a few voxels.
        line_modulation: share of scans whose phase-encode lines differ in gain and phase.
        lost_samples: share of scans that lose single samples, as to a burst of interference.
        averages: 2 gives batches ``kspace2``: the same scan once more, with noise of its own.
        line_window: share of scans whose lines, and their noise, were filtered; the truth is filtered as well.
        noise_profile: share of scans whose noise varies over k-space by a factor that nobody knows.
    """

    snr: tuple[float, float] = (2.0, 40.0)
    acceleration: tuple[float, float] = (1.0, 4.0)
    coils: tuple[int, ...] = (1, 1, 1, 2, 4, 6, 8, 12, 16)
    super_resolution: tuple[float, float] = (1.0, 2.0)
    matrices: tuple[int, ...] = (96, 112, 128, 144, 160, 192)
    rough_phase: float = 0.3
    line_modulation: float = 0.4
    lost_samples: float = 0.2
    averages: int = 1
    line_window: float = 0.0
    noise_profile: float = 0.0

    def __post_init__(self) -> None:
        if self.averages not in (1, 2):
            raise ValueError(f"scans are measured once or twice, but averages is {self.averages}; give 1 or 2")
        if not 0 < self.snr[0] <= self.snr[1] < inf:
            raise ValueError(f"snr is {self.snr}; expected (lowest, highest), finite and above 0")
        for name in ("acceleration", "super_resolution"):
            low, high = getattr(self, name)
            if not 1 <= low <= high < inf:
                raise ValueError(f"{name} is {(low, high)}; expected (lowest, highest), finite and at least 1")
        for name, least in (("coils", 1), ("matrices", SMALLEST_MATRIX)):
            sizes = getattr(self, name)
            if not sizes or min(sizes) < least:
                raise ValueError(f"{name} is {sizes}; expected one or more whole numbers of at least {least}")
        for name in ("rough_phase", "line_modulation", "lost_samples", "line_window", "noise_profile"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a share of the scans, 0 to 1")
