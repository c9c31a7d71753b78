"""Phantoms: which tissue is where."""

from bloch.phantom.brain import brain_volume, random_brain_slice
from bloch.phantom.contrast import magnetisation_image, tissue_signal
from bloch.phantom.phantom import LESIONS, Phantom, lesion_mask, tissue_fraction
from bloch.phantom.shapes import asymmetric, shepp_logan

__all__ = [
    "LESIONS",
    "Phantom",
    "asymmetric",
    "brain_volume",
    "lesion_mask",
    "magnetisation_image",
    "random_brain_slice",
    "shepp_logan",
    "tissue_fraction",
    "tissue_signal",
]
