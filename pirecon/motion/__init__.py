"""Motion from the data themselves: rigid poses of each shot, and breathing.

The way: ``separate_lines`` → ``stacked`` → ``estimate_motion`` → ``moving_encoding``.
"""

from pirecon.motion.estimate import MotionSettings, estimate_motion
from pirecon.motion.lines import SeparateLines, separate_lines, stacked
from pirecon.motion.motion import Motion, moving_encoding
from pirecon.motion.respiratory import (
    RespiratorySignal,
    gated,
    gating_weights,
    navigator_features,
    readout_times,
    respiratory_bins,
    respiratory_signal,
)
from pirecon.motion.self_gating import breathing_during, gated_weights
from pirecon.motion.write import write_motion

__all__ = [
    "Motion",
    "MotionSettings",
    "RespiratorySignal",
    "SeparateLines",
    "breathing_during",
    "estimate_motion",
    "gated",
    "gated_weights",
    "gating_weights",
    "moving_encoding",
    "navigator_features",
    "readout_times",
    "respiratory_bins",
    "respiratory_signal",
    "separate_lines",
    "stacked",
    "write_motion",
]
