"""Losses by name, and weighted sums of them."""

from __future__ import annotations

from pirecon.training.losses.kspace import measured_misfit, true_misfit
from pirecon.training.losses.perceptual import Perceptual
from pirecon.training.losses.pixelwise import l1, l1_relative, l2, log_squared_error
from pirecon.training.losses.structural_similarity import ssim_loss
from pirecon.training.losses.weighted_sum import LOSSES, WeightedSum, build_loss

__all__ = [
    "LOSSES",
    "Perceptual",
    "WeightedSum",
    "build_loss",
    "l1",
    "l1_relative",
    "l2",
    "log_squared_error",
    "measured_misfit",
    "ssim_loss",
    "true_misfit",
]
