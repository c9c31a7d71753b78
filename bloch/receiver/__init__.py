"""Receive coils, their noise, and interference."""

from bloch.receiver.coil_array import CoilArray, sensitivities, warn_of_deaf_coils
from bloch.receiver.noise import correlated_noise, noise_covariance, relative_snr
from bloch.receiver.surface_array import helmet_array, loop_array
from bloch.receiver.volume_coil import birdcage, solenoid, volume_coil

__all__ = [
    "CoilArray",
    "birdcage",
    "correlated_noise",
    "helmet_array",
    "loop_array",
    "noise_covariance",
    "relative_snr",
    "sensitivities",
    "solenoid",
    "volume_coil",
    "warn_of_deaf_coils",
]
