"""What the receive channels are: their noise, and where each of them is sensitive."""

from pirecon.calibration.channels import mix_kspace_channels
from pirecon.calibration.coil_compression import compress_coils, compression_matrix
from pirecon.calibration.espirit import Espirit, espirit
from pirecon.calibration.field_map import (
    FieldMap,
    FieldModel,
    evaluate_field_model,
    field_map_from_echoes,
    field_map_from_nifti,
    field_map_from_shift_pair,
    fit_polynomial,
    fit_solid_harmonics,
    undistort_field_map,
    unwrap_phase,
)
from pirecon.calibration.interference import (
    CancelledInterference,
    ReadoutNoise,
    cancel_interference,
    noise_along_readout,
    noise_without_signal,
    remove_line_noise,
)
from pirecon.calibration.joint_estimation import JointEstimation, joint_estimation
from pirecon.calibration.noise_covariance import (
    NoiseCovariance,
    covariance_from_kspace,
    covariance_from_noise_scan,
    covariance_from_outer_samples,
)
from pirecon.calibration.prewhitening import prewhiten
from pirecon.calibration.sensitivity_maps import SensitivityMaps, estimate_sensitivity_maps
from pirecon.calibration.walsh import walsh

__all__ = [
    "CancelledInterference",
    "Espirit",
    "FieldMap",
    "FieldModel",
    "JointEstimation",
    "NoiseCovariance",
    "ReadoutNoise",
    "SensitivityMaps",
    "cancel_interference",
    "compress_coils",
    "compression_matrix",
    "covariance_from_kspace",
    "covariance_from_noise_scan",
    "covariance_from_outer_samples",
    "espirit",
    "estimate_sensitivity_maps",
    "evaluate_field_model",
    "field_map_from_echoes",
    "field_map_from_nifti",
    "field_map_from_shift_pair",
    "fit_polynomial",
    "fit_solid_harmonics",
    "joint_estimation",
    "mix_kspace_channels",
    "noise_along_readout",
    "noise_without_signal",
    "prewhiten",
    "remove_line_noise",
    "undistort_field_map",
    "unwrap_phase",
    "walsh",
]
