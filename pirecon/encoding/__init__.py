"""The forward operator E: image → k-space, made of parts that compose with ``@``."""

from pirecon.encoding.chemical_shift import ChemicalShift, FatSpectrum, FatWaterEncoding, fat_spectrum_at
from pirecon.encoding.coil_sensitivity import CoilSensitivity
from pirecon.encoding.concomitant import concomitant_evolution
from pirecon.encoding.evolution import Evolution, Evolving, Subspace
from pirecon.encoding.evolution_product import product
from pirecon.encoding.fourier import Fourier
from pirecon.encoding.maxwell_moments import (
    MaxwellMoments,
    moments_of_header,
    moments_of_sequence,
    moments_of_trajectory,
    sorted_moments,
)
from pirecon.encoding.non_cartesian import NonCartesianSense, grid_points
from pirecon.encoding.off_resonance import off_resonance_basis, off_resonance_evolution, off_resonance_in
from pirecon.encoding.phase_evolution import TemporalBasis, phase_evolution
from pirecon.encoding.resolution import Resolution
from pirecon.encoding.sample_times import SampleTimes, cartesian_times, non_cartesian_times
from pirecon.encoding.sampling import Sampling
from pirecon.encoding.sense import CartesianSense
from pirecon.encoding.stack_of_stars import StackOfStars

__all__ = [
    "CartesianSense",
    "ChemicalShift",
    "CoilSensitivity",
    "Evolution",
    "Evolving",
    "FatSpectrum",
    "FatWaterEncoding",
    "Fourier",
    "MaxwellMoments",
    "NonCartesianSense",
    "Resolution",
    "SampleTimes",
    "Sampling",
    "StackOfStars",
    "Subspace",
    "TemporalBasis",
    "cartesian_times",
    "concomitant_evolution",
    "fat_spectrum_at",
    "grid_points",
    "moments_of_header",
    "moments_of_sequence",
    "moments_of_trajectory",
    "non_cartesian_times",
    "off_resonance_basis",
    "off_resonance_evolution",
    "off_resonance_in",
    "phase_evolution",
    "product",
    "sorted_moments",
]
