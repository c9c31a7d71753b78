"""Receive coils, their noise, and interference."""

from bloch.receiver.coil_array import CoilArray, sensitivities, warn_of_deaf_coils
from bloch.receiver.conducting_body import ConductingBody, ellipsoid_body, head_body, voxel_body
from bloch.receiver.copper import expected_crossover_field
from bloch.receiver.interference import add_interference, interference_at
from bloch.receiver.interference_source import BroadBand, NarrowBand, random_sources
from bloch.receiver.noise import correlated_noise, noise_covariance, noise_covariance_density, relative_snr
from bloch.receiver.signal_to_noise import Acquisition, equilibrium_magnetisation, signal_factor, voxel_snr
from bloch.receiver.surface_array import helmet_array, loop_array
from bloch.receiver.volume_coil import birdcage, solenoid, volume_coil

__all__ = [
    "Acquisition",
    "BroadBand",
    "CoilArray",
    "ConductingBody",
    "NarrowBand",
    "add_interference",
    "birdcage",
    "correlated_noise",
    "ellipsoid_body",
    "equilibrium_magnetisation",
    "expected_crossover_field",
    "head_body",
    "helmet_array",
    "interference_at",
    "loop_array",
    "noise_covariance",
    "noise_covariance_density",
    "random_sources",
    "relative_snr",
    "sensitivities",
    "signal_factor",
    "solenoid",
    "volume_coil",
    "voxel_body",
    "voxel_snr",
    "warn_of_deaf_coils",
]
