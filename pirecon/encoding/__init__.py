"""The forward operator E: image → k-space, made of parts that compose with ``@``."""

from pirecon.encoding.coil_sensitivity import CoilSensitivity
from pirecon.encoding.evolution import Evolution, Evolving, Subspace
from pirecon.encoding.fourier import Fourier
from pirecon.encoding.resolution import Resolution
from pirecon.encoding.sampling import Sampling
from pirecon.encoding.sense import CartesianSense

__all__ = [
    "CartesianSense",
    "CoilSensitivity",
    "Evolution",
    "Evolving",
    "Fourier",
    "Resolution",
    "Sampling",
    "Subspace",
]
