"""Phantoms: which tissue is where."""

from bloch.phantom.brain import brain_volume, random_brain_slice
from bloch.phantom.contrast import magnetisation_image, tissue_signal
from bloch.phantom.phantom import LESIONS, Phantom, lesion_mask, tissue_fraction

__all__ = [
    "LESIONS",
    "Phantom",
    "brain_volume",
    "lesion_mask",
    "magnetisation_image",
    "random_brain_slice",
    "tissue_fraction",
    "tissue_signal",
]
