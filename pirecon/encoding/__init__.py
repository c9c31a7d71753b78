"""The forward operator E: image → k-space, made of parts that compose with ``@``."""

from pirecon.encoding.chemical_shift import ChemicalShift, FatSpectrum, FatWaterEncoding, fat_spectrum_at
from pirecon.encoding.coil_sensitivity import CoilSensitivity
from pirecon.encoding.concomitant import concomitant_evolution
from pirecon.encoding.distortion import Distortion, displacement, undistort
from pirecon.encoding.evolution import Evolution, Evolving, Subspace
from pirecon.encoding.evolution_product import product
from pirecon.encoding.fourier import Fourier
from pirecon.encoding.imperfect_refocusing import with_imperfect_refocusing
from pirecon.encoding.maxwell_moments import (
    MaxwellMoments,
    moments_of_header,
    moments_of_sequence,
    moments_of_trajectory,
    sorted_moments,
)
from pirecon.encoding.motion_sense import MotionSense
from pirecon.encoding.non_cartesian import NonCartesianSense, grid_points
from pirecon.encoding.off_resonance import off_resonance_basis, off_resonance_evolution, off_resonance_in
from pirecon.encoding.phase_evolution import TemporalBasis, phase_evolution
from pirecon.encoding.relaxation import mapped_evolution, prior_evolution, relaxation_evolution
from pirecon.encoding.relaxation_dictionary import EchoDictionary, echo_dictionary, temporal_basis
from pirecon.encoding.relaxation_maps import (
    ContrastSubspace,
    RelaxationMap,
    decay_basis,
    fit_relaxation,
    subspace_images,
)
from pirecon.encoding.relaxation_train import RefocusedTrain, refocused_train
from pirecon.encoding.resolution import Resolution
from pirecon.encoding.rigid_motion import RigidMotion
from pirecon.encoding.sample_times import SampleTimes, cartesian_times, non_cartesian_times
from pirecon.encoding.sampling import Sampling
from pirecon.encoding.sense import CartesianSense
from pirecon.encoding.slice_profile import SliceProfile, box_profile, pulse_profile
from pirecon.encoding.stack_of_stars import StackOfStars
from pirecon.encoding.thick_slices import ThickSlices

__all__ = [
    "CartesianSense",
    "ChemicalShift",
    "CoilSensitivity",
    "ContrastSubspace",
    "Distortion",
    "EchoDictionary",
    "Evolution",
    "Evolving",
    "FatSpectrum",
    "FatWaterEncoding",
    "Fourier",
    "MaxwellMoments",
    "MotionSense",
    "NonCartesianSense",
    "RefocusedTrain",
    "RelaxationMap",
    "Resolution",
    "RigidMotion",
    "SampleTimes",
    "Sampling",
    "SliceProfile",
    "StackOfStars",
    "Subspace",
    "TemporalBasis",
    "ThickSlices",
    "box_profile",
    "cartesian_times",
    "concomitant_evolution",
    "decay_basis",
    "displacement",
    "echo_dictionary",
    "fat_spectrum_at",
    "fit_relaxation",
    "grid_points",
    "mapped_evolution",
    "moments_of_header",
    "moments_of_sequence",
    "moments_of_trajectory",
    "non_cartesian_times",
    "off_resonance_basis",
    "off_resonance_evolution",
    "off_resonance_in",
    "phase_evolution",
    "prior_evolution",
    "product",
    "pulse_profile",
    "refocused_train",
    "relaxation_evolution",
    "sorted_moments",
    "subspace_images",
    "temporal_basis",
    "undistort",
    "with_imperfect_refocusing",
]
