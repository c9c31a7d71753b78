"""Maps of what tissue is made of, from several images of it."""

from pirecon.quantitative.contrast_fit import ParameterMaps, fit_contrasts
from pirecon.quantitative.contrasts import Contrasts, contrast_signals
from pirecon.quantitative.dixon import DixonSettings, FatWater, separate_fat_and_water
from pirecon.quantitative.fat_fraction import correct_T1_weighting, fat_fraction
from pirecon.quantitative.measured import fat_and_water
from pirecon.quantitative.parameter_network import ParameterNetwork
from pirecon.quantitative.precision import expected_deviation
from pirecon.quantitative.tissue_parameters import TissueParameters, synthetic_contrast, tissue_parameters

__all__ = [
    "Contrasts",
    "DixonSettings",
    "FatWater",
    "ParameterMaps",
    "ParameterNetwork",
    "TissueParameters",
    "contrast_signals",
    "correct_T1_weighting",
    "expected_deviation",
    "fat_and_water",
    "fat_fraction",
    "fit_contrasts",
    "separate_fat_and_water",
    "synthetic_contrast",
    "tissue_parameters",
]
