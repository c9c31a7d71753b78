"""What the compiled engine plays: every different phase, pulse and readout of a timeline once, and their order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bloch.magnetisation.stretches import Stretches
from bloch.magnetisation.timeline import Timeline

ANCHOR = 32
"""Samples after which a row of equal steps starts anew from an exact phase, so that rounding does not add up."""

SHORTEST_ROW = 4
"""Equal steps that are worth a recurrence."""

WORTH_AN_OPERATOR = 5
"""Repeats of a pulse above which its effect on every isochromat is computed once (at four times the cost) and kept."""


class Plan(NamedTuple):
    """Segments: a pulse (or none), then free evolution with its samples; compiled code reads it, so all are arrays.

    Attributes:
        pulse: of each segment, int64 ``(segment,)``; −1 for none.
        pulse_phase: cosine and sine, float64 ``(segment, 2)``.
        update: row that leads from the pulse to the next one, int64 ``(segment,)``; −1 where there is no time.
        first_sample: of each segment, and the number of all, int64 ``(segment + 1,)``.
        sample_row: row that leads to a sample, int64 ``(sample,)``.
        is_step: the row leads from the sample before, not from the pulse, bool ``(sample,)``.
        rows: terms of the precession, float64 ``(row, term)``.
        row_time: float64 ``(row,)``, s.
        row_spoils: spoilers on the way, float64 ``(row,)``.
        row_uses: how often each row is used, int64 ``(row,)``.
        first_step: of each pulse, and the number of all, int64 ``(pulse + 1,)``.
        turn: complex rotation of the steps as two numbers, of phase 0 in the first step, float64 ``(step, 2)``, rad.
        step_time: float64 ``(step,)``, s.
        step_rows: float64 ``(step, term)``.
        pulse_uses: int64 ``(pulse,)``.
    """

    pulse: np.ndarray
    pulse_phase: np.ndarray
    update: np.ndarray
    first_sample: np.ndarray
    sample_row: np.ndarray
    is_step: np.ndarray
    rows: np.ndarray
    row_time: np.ndarray
    row_spoils: np.ndarray
    row_uses: np.ndarray
    first_step: np.ndarray
    turn: np.ndarray
    step_time: np.ndarray
    step_rows: np.ndarray
    pulse_uses: np.ndarray


class _Rows:
    """Different rows by their bytes."""

    def __init__(self) -> None:
        self.index: dict[bytes, int] = {}
        self.found: list[np.ndarray] = []

    def number(self, row: np.ndarray) -> int:
        key = row.tobytes()
        if key not in self.index:
            self.index[key] = len(self.found)
            self.found.append(row)
        return self.index[key]


def plan_of(timeline: Timeline, parts: Stretches, steps: np.ndarray, *, tolerance: float) -> Plan:
    """Find what repeats.

    Args:
        timeline: steps, separated.
        parts: its stretches.
        steps: terms of the precession, float64 ``(step, term)``.
        tolerance: difference of two steps, over the largest, below which they are equal in a row of samples.

    Returns:
        Plan.
    """
    spoils = np.zeros(len(steps)) if timeline.spoils is None else timeline.spoils.numpy()
    timed = np.column_stack([steps, spoils, timeline.duration.numpy()]) + 0.0  # +0: no −0 among the bytes
    takes = timeline.sample.numpy() >= 0
    slack = tolerance * abs(timed).max(0)
    rows, known = _Rows(), {}
    pulses = _Pulses(timed, timeline.rf.numpy())
    segments: list[tuple[int, complex]] = []
    update: list[int] = []
    sample_rows, is_steps, counts = [np.zeros(0, int)], [np.zeros(0, bool)], [0]
    waiting = False  # a pulse whose free evolution has not come yet
    for first, last, is_pulse in zip(parts.first.tolist(), parts.last.tolist(), parts.is_pulse.tolist(), strict=True):
        if is_pulse or not waiting:
            segments.append(pulses.number(first, last) if is_pulse else (-1, 1.0))
            update.append(-1)
            counts.append(counts[-1])
        waiting = is_pulse
        if not is_pulse:
            part, taken = timed[first:last], takes[first:last]
            key = part.tobytes() + taken.tobytes()
            if key not in known:
                known[key] = _free(part, taken, rows, slack)
            update[-1], found, is_step = known[key]
            sample_rows.append(found)
            is_steps.append(is_step)
            counts[-1] += len(found)
    sample_row, updates = np.concatenate(sample_rows), np.array(update)
    phase = np.array([turn for _, turn in segments])
    which = np.array([index for index, _ in segments])
    table = np.array(rows.found).reshape(len(rows.found), timed.shape[1])
    uses = np.bincount(np.concatenate([sample_row, updates[updates >= 0]]), minlength=len(table))
    return Plan(
        pulse=which,
        pulse_phase=np.stack([phase.real, phase.imag], -1),
        update=updates,
        first_sample=np.array(counts),
        sample_row=sample_row,
        is_step=np.concatenate(is_steps),
        rows=np.ascontiguousarray(table[:, :-2]),
        row_time=np.ascontiguousarray(table[:, -1]),
        row_spoils=np.ascontiguousarray(table[:, -2]),
        row_uses=uses,
        pulse_uses=np.bincount(which[which >= 0], minlength=len(pulses.turns)),
        **pulses.arrays(),
    )


def _free(part: np.ndarray, taken: np.ndarray, rows: _Rows, slack: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Row to the end, rows to the samples, and which of these lead from the sample before."""
    ends = np.flatnonzero(taken)
    starts = np.unique(np.append(0, ends + 1))
    between = np.add.reduceat(part, starts[starts < len(part)], axis=0)
    until = np.cumsum(between, axis=0)
    end = rows.number(until[-1])
    between, until = between[: len(ends)], until[: len(ends)]
    is_step = np.zeros(len(ends), bool)
    numbers = np.zeros(len(ends), int)
    if len(ends) > SHORTEST_ROW:
        new = np.append(True, (abs(np.diff(between, axis=0)) > slack).any(1))
        new[1] = True  # the first step may hold anything before the first sample
        first = np.flatnonzero(new)
        length = np.diff(np.append(first, len(new)))
        since = np.arange(len(new)) - np.repeat(first, length)
        is_step = (np.repeat(length, length) >= SHORTEST_ROW) & (since % ANCHOR > 0)
        for start, n in zip(first[length >= SHORTEST_ROW], length[length >= SHORTEST_ROW], strict=True):
            numbers[start : start + n] = rows.number(between[start])
    for j in np.flatnonzero(~is_step):
        numbers[j] = rows.number(until[j])
    return end, numbers, is_step


class _Pulses:
    """Different pulses: alike but for their phase is the same."""

    def __init__(self, timed: np.ndarray, rf: np.ndarray) -> None:
        self.timed, self.rf = timed, rf
        self.index: dict[bytes, int] = {}
        self.turns: list[np.ndarray] = []
        self.steps: list[np.ndarray] = []

    def number(self, first: int, last: int) -> tuple[int, complex]:
        rf = self.rf[first:last]
        phase = rf[0] / abs(rf[0])
        turn = rf * phase.conjugate()
        largest = abs(turn).max()
        key = (
            ((turn / largest).round(10) + 0.0).tobytes()
            + largest.round(12).tobytes()
            + self.timed[first:last].tobytes()
        )
        if key not in self.index:
            self.index[key] = len(self.turns)
            self.turns.append(turn)
            self.steps.append(self.timed[first:last])
        return self.index[key], phase

    def arrays(self) -> dict[str, np.ndarray]:
        turn = np.concatenate([np.zeros(0, complex), *self.turns])
        steps = np.concatenate([self.timed[:0], *self.steps])
        return {
            "first_step": np.cumsum([0] + [len(t) for t in self.turns]),
            "turn": np.stack([turn.real, turn.imag], -1),
            "step_time": np.ascontiguousarray(steps[:, -1]),
            "step_rows": np.ascontiguousarray(steps[:, :-2]),
        }
