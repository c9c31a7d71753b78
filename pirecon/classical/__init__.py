"""The honest baselines: zero-filled, CG-SENSE, l1-wavelet and total variation."""

from pirecon.classical.adjoint import adjoint, root_sum_of_squares
from pirecon.classical.cg_sense import cg_sense
from pirecon.classical.total_variation import total_variation
from pirecon.classical.wavelet import l1_wavelet

__all__ = ["adjoint", "cg_sense", "l1_wavelet", "root_sum_of_squares", "total_variation"]
