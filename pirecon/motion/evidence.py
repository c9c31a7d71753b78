"""Is there motion? Samples that the reconstruction has not seen decide."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from pirecon.motion.gauss_newton import solve_image
from pirecon.motion.problem import Guess, MotionProblem, encoding, still

HELD_OUT = 0.1
"""Part of the samples."""


@dataclass(frozen=True)
class Evidence:
    """How well each of two models predicts samples that it has not seen.

    Attributes:
        still, moved: mean |y − Ex|² / 2 of the held-out samples; 1 is noise alone.
        score: mean of the difference over its standard error; positive speaks for motion.
    """

    still: float
    moved: float
    score: float


def evidence(problem: MotionProblem, guess: Guess, *, weight: float, seed: int = 0) -> Evidence:
    """Predict a random tenth of the samples from the rest, with and without motion.

    More coils than unknowns, and regularisation, make the prediction possible; with one coil it says next to nothing,
    which keeps the decision on the safe side: a model that merely fits its own data better does not win.

    Args:
        problem: data.
        guess: motion to be judged.
        weight: λ of the image.
        seed: of the choice.

    Returns:
        Evidence.
    """
    generator = torch.Generator().manual_seed(seed)
    chance = torch.rand(problem.weights.shape, generator=generator).to(problem.weights)
    hidden = (chance < HELD_OUT) & (problem.weights > 0)
    n_coils = problem.maps.shape[0]
    hidden_samples = hidden.expand(-1, n_coils, -1, -1, -1).flatten(0, 1)
    known = replace(
        problem, weights=problem.weights.masked_fill(hidden, 0), kspace=problem.kspace.masked_fill(hidden_samples, 0)
    )
    misfits = []
    for candidate in (still(problem), guess):
        image = solve_image(known, candidate, weight=weight, n_iterations=25).image
        residual = encoding(problem, candidate).forward(image) - problem.kspace
        misfits.append(residual[hidden_samples].abs().square().double() / 2)
    difference = misfits[0] - misfits[1]
    error = difference.std() / len(difference) ** 0.5
    score = float(difference.mean() / error) if float(error) > 0 else 0.0
    return Evidence(float(misfits[0].mean()), float(misfits[1].mean()), score)
