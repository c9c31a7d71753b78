"""Motion from the data themselves: rigid poses of each shot, and breathing.

The way: ``separate_lines`` → ``stacked`` → ``estimate_motion`` → ``moving_encoding``.
"""

from pirecon.motion.estimate import MotionSettings, estimate_motion
from pirecon.motion.lines import SeparateLines, separate_lines, stacked
from pirecon.motion.motion import Motion, moving_encoding
from pirecon.motion.write import write_motion

__all__ = [
    "Motion",
    "MotionSettings",
    "SeparateLines",
    "estimate_motion",
    "moving_encoding",
    "separate_lines",
    "stacked",
    "write_motion",
]
