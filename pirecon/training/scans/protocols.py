"""Protocols of an examination with several contrasts, drawn so that together they tell PD, T1 and T2."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from bloch.sequence import Protocol
from bloch.tissue import tissue

KEYS = ("echo_time", "repetition_time", "inversion_time", "flip_angle", "train_duration", "gradient_echo")
"""What a batch says of its protocols, float32 ``(batch, contrast)`` each: s and rad; 0 without inversion or train;
``gradient_echo`` is 1 for spoiled gradient echoes and 0 for spin echoes. ``train_duration`` is ETL · echo spacing."""

Rng = np.random.Generator


def random_protocols(n_contrasts: int, field_strength: float, rng: Rng) -> list[Protocol]:
    """T1-weighted, T2-weighted, proton-density-weighted, FLAIR, then any of these again.

    Ranges around the 0.055 T protocols of Liu et al., Nat Commun 12:7238 (2021).

    Args:
        n_contrasts: at least 1.
        field_strength: B0, T.
        rng: draws times and kinds.

    Raises:
        ValueError: no contrast asked for.
    """
    if n_contrasts < 1:
        raise ValueError(f"{n_contrasts} contrasts: at least 1 is needed")
    draws = (t1_weighted, t2_weighted, density_weighted, inverted)
    first = [draw(field_strength, rng) for draw in draws[:n_contrasts]]
    more = [draws[int(rng.integers(4))](field_strength, rng) for _ in range(n_contrasts - len(first))]
    return first + more


def t1_weighted(field_strength: float, rng: Rng) -> Protocol:
    """Short repetition: a spin echo, or a spoiled gradient echo well above its Ernst angle."""
    T1 = tissue("white_matter", field_strength).T1
    if rng.random() < 0.5:
        echo_time = _between(rng, 0.008, 0.025)
        return Protocol("spin_echo", echo_time, max(_between(rng, 0.5, 2.0) * T1, 2 * echo_time))
    repetition_time, echo_time = _between(rng, 0.015, 0.06), _between(rng, 0.003, 0.01)
    ernst = math.acos(math.exp(-repetition_time / T1))
    flip_angle = min(_between(rng, 1.2, 3.0) * ernst, math.pi / 2)
    return Protocol("spoiled_gradient_echo", echo_time, repetition_time, flip_angle=flip_angle)


def t2_weighted(field_strength: float, rng: Rng) -> Protocol:
    """A turbo spin echo with a late effective echo."""
    return _turbo(field_strength, rng, _between(rng, 0.08, 0.2))


def density_weighted(field_strength: float, rng: Rng) -> Protocol:
    """A turbo spin echo with an early effective echo and a long repetition time."""
    return _turbo(field_strength, rng, _between(rng, 0.01, 0.03))


def inverted(field_strength: float, rng: Rng) -> Protocol:
    """An inversion recovery that nulls fluid (half of them) or is T1-weighted."""
    fluid = rng.random() < 0.5
    T1 = tissue("csf" if fluid else "white_matter", field_strength).T1
    echo_time = _between(rng, 0.01, 0.1)
    repetition_time = T1 * (_between(rng, 0.7, 1.5) if fluid else _between(rng, 5.0, 10.0))
    rest = 1 + 2 * math.exp(-(repetition_time - echo_time / 2) / T1) - math.exp(-repetition_time / T1)
    null = T1 * math.log(2 / rest)
    inversion_time = null * (_between(rng, 0.92, 1.08) if fluid else _between(rng, 1.3, 3.0))
    repetition_time = max(repetition_time, 1.2 * (inversion_time + echo_time))
    return Protocol("inversion_recovery", echo_time, repetition_time, inversion_time=inversion_time)


def protocol_tensors(protocols: list[Protocol]) -> dict[str, Tensor]:
    """``KEYS`` of one examination, float32 ``(contrast,)`` each."""
    rows = [
        (
            p.echo_time,
            p.repetition_time,
            p.inversion_time or 0.0,
            p.flip_angle,
            p.echo_train_length * p.echo_spacing if p.echo_spacing else 0.0,
            float(p.name == "spoiled_gradient_echo"),
        )
        for p in protocols
    ]
    columns = torch.tensor(rows, dtype=torch.float32).T
    return dict(zip(KEYS, columns.unbind(0), strict=True))


def protocols_of(batch: dict[str, Tensor], index: int) -> list[Protocol]:
    """The protocols of one examination of a batch, from ``KEYS``.

    An echo train comes back as its duration in one spacing: closed forms ask for no more.
    """
    rows = zip(*(batch[key][index].tolist() for key in KEYS), strict=True)
    protocols = []
    for echo_time, repetition_time, inversion_time, flip_angle, train, is_gradient_echo in rows:
        if is_gradient_echo:
            protocol = Protocol("spoiled_gradient_echo", echo_time, repetition_time, flip_angle=flip_angle)
        elif inversion_time > 0:
            protocol = Protocol("inversion_recovery", echo_time, repetition_time, inversion_time=inversion_time)
        elif train > 0:
            protocol = Protocol("turbo_spin_echo", echo_time, repetition_time, echo_train_length=1, echo_spacing=train)
        else:
            protocol = Protocol("spin_echo", echo_time, repetition_time)
        protocols.append(protocol)
    return protocols


def _turbo(field_strength: float, rng: Rng, echo_time: float) -> Protocol:
    length = int(rng.integers(4, 17))
    spacing = max(0.008, echo_time / int(rng.integers(1, length + 1)))
    echo_time = spacing * max(1, round(echo_time / spacing))
    length = max(length, round(echo_time / spacing))
    rest = _between(rng, 2.5, 8.0) * tissue("grey_matter", field_strength).T1
    repetition_time = length * spacing + rest
    return Protocol("turbo_spin_echo", echo_time, repetition_time, echo_train_length=length, echo_spacing=spacing)


def _between(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
