"""The magnitude must not depend on the phase: linear phases of several wraps on the same data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from experiments.quality.real_data import brain_files
from pirecon.algebra.fft import centred_fft
from pirecon.encoding import CartesianSense
from pirecon.methods import Method, choose_method
from pirecon.training.evaluation.benchmark import BenchmarkConfig, make_cases, scan_case
from pirecon.training.evaluation.held_out import load_held_out

# Turns over the field of view along (y, x).
WRAPS = ((1.0, 0.0), (0.0, 3.0), (5.0, -2.0), (0.5, 0.0), (2.37, -4.61), (-7.25, 6.5), (12.0, 9.4))


def phase_invariance(checkpoint: str, simulated: BenchmarkConfig) -> dict[str, dict[str, float]]:
    """By data set: largest and root-mean-square change of the magnitude over all wraps, relative to its maximum.

    The phase multiplies the image of fully sampled data, noise included, so that nothing but the phase differs.
    """
    solve = choose_method("unrolled", checkpoint=checkpoint)
    case = next(
        c for c in make_cases(simulated, load_held_out(simulated.images)) if c.snr == 10 and c.acceleration == 1
    )
    scan = scan_case(case)
    images = {f"simulated: {case.held_out.name}, SNR 10": CartesianSense(scan.maps, scan.weights).adjoint(scan.kspace)}
    for file in brain_files("*[67]A_[FG]*.h5"):
        slice_ = file.slices[2]
        images[f"real: {file.name}, slice 2"] = slice_.E.adjoint(slice_.samples)
    return {name: largest_change(image, solve) for name, image in images.items()}


def largest_change(image: Tensor, solve: Method) -> dict[str, float]:
    """Reconstruct an image's k-space with and without linear phases.

    Args:
        image: complex ``(1, y, x)``, SNR units.
        solve: the method.
    """
    without = _magnitude(image, solve)
    changes = [(_magnitude(image * linear_phase(image, *turns), solve) - without) / without.max() for turns in WRAPS]
    stacked = torch.stack(changes)
    return {"largest": float(stacked.abs().max()), "rms": float(stacked.square().mean().sqrt())}


def linear_phase(image: Tensor, turns_y: float, turns_x: float) -> Tensor:
    """exp(2πi (turns_y y/n_y + turns_x x/n_x)), shape ``(y, x)``."""
    y, x = (torch.arange(n) - n // 2 for n in image.shape[-2:])
    turns = turns_y * y[:, None] / image.shape[-2] + turns_x * x / image.shape[-1]
    return torch.polar(torch.ones_like(turns), 2 * math.pi * turns)


def _magnitude(image: Tensor, solve: Method) -> Tensor:
    ones = torch.ones(1, *image.shape)
    E = CartesianSense(ones.to(image.dtype), ones)
    return solve(centred_fft(image, (-2, -1))[None], E).abs()
