"""Receive coils and their noise."""

from bloch.receiver.coil_array import CoilArray, loop_array, sensitivities, volume_coil
from bloch.receiver.noise import correlated_noise, noise_covariance, relative_snr

__all__ = [
    "CoilArray",
    "correlated_noise",
    "loop_array",
    "noise_covariance",
    "relative_snr",
    "sensitivities",
    "volume_coil",
]
