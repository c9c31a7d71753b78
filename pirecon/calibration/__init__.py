"""What the receive channels are: their noise, and where each of them is sensitive."""

from pirecon.calibration.channels import mix_kspace_channels
from pirecon.calibration.coil_compression import compress_coils, compression_matrix
from pirecon.calibration.espirit import Espirit, espirit
from pirecon.calibration.field_map import FieldMap
from pirecon.calibration.noise_covariance import (
    NoiseCovariance,
    covariance_from_kspace,
    covariance_from_noise_scan,
    covariance_from_outer_samples,
)
from pirecon.calibration.prewhitening import prewhiten
from pirecon.calibration.sensitivity_maps import SensitivityMaps, estimate_sensitivity_maps

__all__ = [
    "Espirit",
    "FieldMap",
    "NoiseCovariance",
    "SensitivityMaps",
    "compress_coils",
    "compression_matrix",
    "covariance_from_kspace",
    "covariance_from_noise_scan",
    "covariance_from_outer_samples",
    "espirit",
    "estimate_sensitivity_maps",
    "mix_kspace_channels",
    "prewhiten",
]
