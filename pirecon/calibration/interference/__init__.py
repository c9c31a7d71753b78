"""Radio-frequency interference: cancelled by coils that hear it alone, or known as noise of some columns."""

from pirecon.calibration.interference.cancel import CancelledInterference, cancel_interference
from pirecon.calibration.interference.channels import sensing_channels, without_channels
from pirecon.calibration.interference.line_noise import ReadoutNoise, noise_along_readout, remove_line_noise
from pirecon.calibration.interference.signal_free_noise import noise_without_signal

__all__ = [
    "CancelledInterference",
    "ReadoutNoise",
    "cancel_interference",
    "noise_along_readout",
    "noise_without_signal",
    "remove_line_noise",
    "sensing_channels",
    "without_channels",
]
