"""Maps of what tissue is made of, from several images of it."""

from pirecon.quantitative.dixon import DixonSettings, FatWater, separate_fat_and_water
from pirecon.quantitative.fat_fraction import correct_T1_weighting, fat_fraction, fat_fraction_by_magnitude
from pirecon.quantitative.measured import fat_and_water
from pirecon.quantitative.precision import effective_averages, expected_deviation

__all__ = [
    "DixonSettings",
    "FatWater",
    "correct_T1_weighting",
    "effective_averages",
    "expected_deviation",
    "fat_and_water",
    "fat_fraction",
    "fat_fraction_by_magnitude",
    "separate_fat_and_water",
]
