"""What the spins do while a sequence plays."""

from bloch.magnetisation.isochromats import SensitivityStates, acquire, magnetisation_at_samples
from bloch.magnetisation.reference import reference_magnetisation
from bloch.magnetisation.spins import Spins, point_spins, subdivide
from bloch.magnetisation.sufficiency import isochromats_needed
from bloch.magnetisation.timeline import Timeline, timeline

__all__ = [
    "SensitivityStates",
    "Spins",
    "Timeline",
    "acquire",
    "isochromats_needed",
    "magnetisation_at_samples",
    "point_spins",
    "reference_magnetisation",
    "subdivide",
    "timeline",
]
