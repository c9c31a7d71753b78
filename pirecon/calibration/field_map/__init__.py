"""The off-resonance of every voxel: from echoes, from shifted readouts, from a file, and as a magnet's model."""

from pirecon.calibration.field_map.distortion import undistort_field_map
from pirecon.calibration.field_map.echoes import field_map_from_echoes
from pirecon.calibration.field_map.field_map import FieldMap
from pirecon.calibration.field_map.model import FieldModel, evaluate_field_model, fit_polynomial, fit_solid_harmonics
from pirecon.calibration.field_map.nifti import field_map_from_nifti
from pirecon.calibration.field_map.phase_unwrapping import unwrap_phase
from pirecon.calibration.field_map.shift_pair import field_map_from_shift_pair

__all__ = [
    "FieldMap",
    "FieldModel",
    "evaluate_field_model",
    "field_map_from_echoes",
    "field_map_from_nifti",
    "field_map_from_shift_pair",
    "fit_polynomial",
    "fit_solid_harmonics",
    "undistort_field_map",
    "unwrap_phase",
]
