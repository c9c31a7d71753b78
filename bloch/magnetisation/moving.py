"""Motion as the gradients see it: a moving body in fixed gradients is a resting body in other gradients."""

from __future__ import annotations

from dataclasses import replace

import torch

from bloch.magnetisation.gradient_moments import turned_products
from bloch.magnetisation.timeline import Timeline
from bloch.phantom import RespiratoryMotion, RigidMotion


def moved(timeline: Timeline, motion: RigidMotion | RespiratoryMotion) -> Timeline:
    """The timeline that a moving phantom's spins meet at the places where they rest.

        m · (R r + d) = (Rᵀ m) · r + m · d         rigid: turned moments, and a phase that all spins share
        m · (r + u(r) s) = m · r + (s m) · u(r)    breathing

    for the moment m of each step and the pose at its middle. The object keeps its own field offset. The
    concomitant field is that of the turned gradients at the place of rest.

    Args:
        timeline: of the sequence.
        motion: of the phantom.

    Returns:
        Timeline of the same steps; a pose that changes within a step is taken at its middle.
    """
    middle = timeline.end - timeline.duration / 2
    if isinstance(motion, RespiratoryMotion):
        amplitude = motion.at(middle).to(timeline.moment)
        return replace(timeline, breathing=timeline.moment * amplitude.unsqueeze(1))
    R, d = (v.to(timeline.moment) for v in motion.at(middle))
    turned = torch.einsum("sji,sj->si", R, timeline.moment)
    products = None if timeline.products is None else turned_products(timeline.products, R.mT)
    cycles = timeline.cycles + (timeline.moment * d).sum(1)
    return replace(timeline, moment=turned, products=products, cycles=cycles)
