"""Tissue: relaxation times, proton density, spectrum, susceptibility and diffusion at a field strength."""

from bloch.tissue.properties import (
    AIR_SUSCEPTIBILITY,
    WATER_SUSCEPTIBILITY,
    SpectralPeak,
    TissueProperties,
    fat_spectrum,
    mixed_spectrum,
    tissue_properties,
)
from bloch.tissue.published import Deviation, PublishedPoint, deviation_from_published, published_points
from bloch.tissue.relaxation import GYROMAGNETIC_RATIO, RelaxationFit, relaxation_fits
from bloch.tissue.report import TissueReport, tissue_report
from bloch.tissue.tissue import LARGEST_B0, SMALLEST_B0, Tissue, tissue, tissues_at

__all__ = [
    "AIR_SUSCEPTIBILITY",
    "GYROMAGNETIC_RATIO",
    "LARGEST_B0",
    "SMALLEST_B0",
    "WATER_SUSCEPTIBILITY",
    "Deviation",
    "PublishedPoint",
    "RelaxationFit",
    "SpectralPeak",
    "Tissue",
    "TissueProperties",
    "TissueReport",
    "deviation_from_published",
    "fat_spectrum",
    "mixed_spectrum",
    "published_points",
    "relaxation_fits",
    "tissue",
    "tissue_properties",
    "tissue_report",
    "tissues_at",
]
