"""Where a timeline's pulses end and its free evolution begins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from bloch.magnetisation.timeline import Timeline


@dataclass(frozen=True, eq=False)
class Stretches:
    """Steps in rows: each stretch is one pulse, or free evolution between two.

    Attributes:
        first: index of its first step, int64 ``(stretch,)``.
        last: index after its last step, int64 ``(stretch,)``.
        is_pulse: bool ``(stretch,)``.
    """

    first: np.ndarray
    last: np.ndarray
    is_pulse: np.ndarray


def separated(timeline: Timeline) -> Timeline:
    """The same timeline, with a step of no duration after each sample that is taken inside a pulse.

    Samples then belong to free evolution only, where they cost a phase each.

    Args:
        timeline: steps.

    Returns:
        Timeline; the same object where there is no such sample.

    Raises:
        ValueError: the samples are not numbered in the order of time.
    """
    taken = timeline.sample[timeline.sample >= 0]
    if len(taken) != timeline.n_samples or not torch.equal(taken, torch.arange(len(taken), device=taken.device)):
        raise ValueError(
            f"a timeline's samples must be numbered 0, 1, 2, … in the order of time, one for each of the "
            f"{timeline.n_samples} receiver phases; found {len(taken)} samples. Was a step left out or moved?"
        )
    inside = (timeline.sample >= 0) & _plays(timeline)
    if not bool(inside.any()):
        return timeline
    n = len(timeline.sample)
    order = torch.arange(n).repeat_interleave(1 + inside.cpu().long())
    is_new = torch.zeros(len(order), dtype=torch.bool)
    is_new[1:] = order[1:] == order[:-1]
    source = torch.where(is_new, n, order)  # row n is the empty step

    def with_empty(t: torch.Tensor, fill: int = 0) -> torch.Tensor:
        return torch.cat([t, torch.full_like(t[:1], fill)])[source.to(t.device)]

    sample = timeline.sample.cpu()[order]
    sample[:-1][is_new[1:]] = -1
    return replace(
        timeline,
        duration=with_empty(timeline.duration),
        rf=with_empty(timeline.rf),
        moment=with_empty(timeline.moment),
        products=None if timeline.products is None else with_empty(timeline.products),
        sample=sample,
        pulse=with_empty(timeline.pulse, -1),
        cycles=with_empty(timeline.cycles),
        spoils=None if timeline.spoils is None else with_empty(timeline.spoils),
        breathing=None if timeline.breathing is None else with_empty(timeline.breathing),
    )


def stretches(timeline: Timeline) -> Stretches:
    """Group steps: a pulse is a row of steps that turn, with one number in ``timeline.pulse``.

    Args:
        timeline: steps, at least one.

    Returns:
        Stretches.
    """
    plays = _plays(timeline).cpu().numpy()
    pulse = np.where(plays, timeline.pulse.cpu().numpy(), -2)
    starts = np.flatnonzero(np.diff(pulse, prepend=-3))
    return Stretches(starts, np.append(starts[1:], len(pulse)), plays[starts])


def _plays(timeline: Timeline) -> torch.Tensor:
    """Steps of a pulse. One of zero amplitude needs no turn, but has a derivative with respect to its amplitude."""
    turns = timeline.rf.detach() != 0
    return turns | (timeline.pulse >= 0) if timeline.rf.requires_grad else turns
