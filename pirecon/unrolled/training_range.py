"""Does a scan lie within what a network was trained on?"""

from __future__ import annotations

import math

from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding import CartesianSense, Evolving, NonCartesianSense
from pirecon.unrolled.model_card import ModelCard

MARGIN = 0.1  # relative: estimates of SNR are not better than that


def scan_properties(kspace: Tensor, E: LinearOperator, image: Tensor) -> dict[str, float]:
    """SNR, acceleration, super-resolution and coil count of one scan, defined as in the training simulation.

    Off the grid, and of a body that moved, acceleration and super-resolution have no such definition and are left out.

    Args:
        kspace: ``(coil, *samples)``, SNR units.
        E: its forward operator.
        image: reconstruction ``(z, y, x)`` in SNR units.
    """
    magnitude = image.abs()
    peak = magnitude.flatten().kthvalue(max(1, math.ceil(0.999 * magnitude.numel()))).values
    level = magnitude[magnitude > 0.1 * peak].mean() if peak > 0 else magnitude.mean()
    E = E.encoding if isinstance(E, Evolving) else E
    n_coils = float(kspace.shape[0])
    if not isinstance(E, CartesianSense):
        return {"snr": float(level), "coils": n_coils}
    grid, acquired = E.domain_shape, E.codomain_shape[-3:]
    finer = math.prod(grid) / math.prod(acquired)
    measured = int((E.weights != 0).sum())
    return {
        "snr": float(level) * math.sqrt(finer),
        "acceleration": math.prod(acquired) / max(1, measured),
        "super_resolution": max(n / a for n, a in zip(grid, acquired, strict=True)),
        "coils": n_coils,
    }


def outside_training_range(
    card: ModelCard, kspace: Tensor, E: LinearOperator, image: Tensor, *, field_strength: float | None = None
) -> list[str]:
    """One sentence for each property of the scan that the checkpoint was not trained for; empty where all fits."""
    found = scan_properties(kspace, E, image)
    if field_strength is not None:
        found["field_strength"] = field_strength
    messages = []
    for name, (low, high) in card.training_range.items():
        if name in found and not low * (1 - MARGIN) <= found[name] <= high * (1 + MARGIN):
            messages.append(
                f"{name.replace('_', ' ')} outside the training range: found {found[name]:.3g}, "
                f"trained on {low:g} to {high:g}; compare with --method cg-sense before trusting detail"
            )
    if isinstance(E.encoding if isinstance(E, Evolving) else E, NonCartesianSense):
        messages.append(
            "trajectory outside the training range: found samples off the grid, trained on Cartesian lines; compare "
            "with --method cg-sense before trusting detail"
        )
    return messages
