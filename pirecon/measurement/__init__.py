"""From raw data to everything that a reconstruction method needs: samples in SNR units and their forward operator."""

from pirecon.measurement.calibrate import calibrate
from pirecon.measurement.choices import Choices
from pirecon.measurement.grid import Matrix, choose_matrix
from pirecon.measurement.measurement import Measurement

__all__ = ["Choices", "Matrix", "Measurement", "calibrate", "choose_matrix"]
