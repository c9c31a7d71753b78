"""Which contrast a raw file holds: what its header says of the sequence."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import torch

from pirecon.encoding import refocused_train
from pirecon.quantitative.contrast_fit import deviation, maps_of, typical
from pirecon.quantitative.contrasts import Contrasts, contrast_signals
from pirecon.rawdata import RawData

NOT_MODELLED = {
    "a steady state that is not spoiled": "ssfp|fisp|trufi|fiesta|balanced|bffe|btfe|ciss|dess",
    "a train of gradient echoes after a preparation": r"mp2?.?rage|(?<![a-z])mpr|turbo.?flash|tfl|bravo",
    "an echo-planar readout": "epi|ep[23]d|planar",
    "spin and gradient echoes in one train": "grase",
}
"""Parts of names, as regular expressions in lower case, as the two below."""
GRADIENT = "flash|spgr|gre|gradient|t1.?ffe"
SPIN = "spin|inversion|tse|fse|rare|flair|(?<![a-z])se(?![a-z])"
LARGEST_GRADIENT_FLIP = math.radians(75)
ASKED_SNR = 30.0  # of the brightest contrast, at which a parameter must be known to within
ENOUGH = 0.3  # this relative deviation
FIXES = (
    "a scale: give a contrast with signal",
    "T1: add a contrast with another repetition time, inversion time or flip angle, so that T1 weighs differently",
    "T2: add a contrast with another echo time, about the T2 of tissue (0.1 s) longer",
)


@dataclass(frozen=True)
class ContrastProtocol:
    """One contrast as its header describes it; fields as in :class:`Contrasts`.

    Attributes:
        source: what was read and what was assumed.
    """

    echo_time: float
    repetition_time: float
    inversion_time: float = 0.0
    flip_angle: float = math.pi / 2
    train_duration: float = 0.0
    is_gradient_echo: bool = False
    source: str = ""


def protocols_of_file(raw: RawData) -> tuple[ContrastProtocol, ...]:
    """The protocol of every contrast (echo) of a raw file.

    Raises:
        ValueError: the header lacks the repetition time, or an echo time for each contrast, or names a sequence whose
            signal :func:`pirecon.quantitative.contrasts.contrast_signals` does not know.
    """
    physics, lines = raw.physics, raw.imaging_lines
    n_contrasts = int(raw.readouts["idx"]["contrast"][lines].max()) + 1
    if not physics.repetition_times or len(physics.echo_times) != n_contrasts:
        raise ValueError(
            f"{raw.path}: maps need the repetition time and the echo time of each of the {n_contrasts} contrasts; the "
            f"header has {len(physics.repetition_times)} TR and {len(physics.echo_times)} TE. Add TR and TE (ms, one "
            "TE for each contrast) to its sequenceParameters"
        )
    kind, said = _is_gradient_echo(raw)
    found = []
    for contrast, echo_time in enumerate(physics.echo_times):
        train = None if kind else refocused_train(raw, contrast=contrast)
        duration = 0.0 if train is None or isinstance(train, str) else train.n_echoes * train.echo_spacing
        notes = said if not duration else f"{said}, {1e3 * duration:.0f} ms of echoes taken as refocused by 180 degrees"
        found.append(
            ContrastProtocol(
                echo_time,
                physics.repetition_times[min(contrast, len(physics.repetition_times) - 1)],
                physics.inversion_times[0] if physics.inversion_times else 0.0,
                physics.flip_angles[0] if kind and physics.flip_angles else math.pi / 2,
                duration,
                kind,
                notes,
            )
        )
    return tuple(found)


def contrasts_of(protocols: list[ContrastProtocol], gains: list[float]) -> Contrasts:
    """Protocols as tensors ``(contrast,)``, float32."""
    rows = torch.tensor(
        [
            (p.echo_time, p.repetition_time, p.inversion_time, p.flip_angle, p.train_duration, p.is_gradient_echo, g)
            for p, g in zip(protocols, gains, strict=True)
        ],
        dtype=torch.float32,
    )
    return Contrasts(*rows.T.unbind(0))


def undetermined(contrasts: Contrasts, field_strength: float) -> list[str]:
    """What these contrasts do not tell of typical tissue, a sentence each with what to add; empty where they tell all.

    The Cramér–Rao bounds of PD, T1 and T2 at an SNR of 30 of the brightest contrast must lie below 30 per cent.

    Args:
        contrasts: ``(contrast,)``.
        field_strength: B0, T.
    """
    centre = typical(contrasts.gain, field_strength)
    maps = maps_of(centre)
    brightest = contrast_signals(contrasts, maps.T1, maps.T2).value.abs().flatten() * contrasts.gain
    scale = math.log(ASKED_SNR / max(float(brightest.max()), 1e-9))
    maps = maps_of(centre + centre.new_tensor([scale, 0, 0])[:, None, None, None])
    bounds = deviation(contrasts, maps).flatten().tolist()
    messages = []
    for bound, fix in zip(bounds, FIXES, strict=True):
        if bound > ENOUGH:
            messages.append(f"{contrasts.n_contrasts} contrast(s) do not tell {fix} (bound {100 * bound:.0f} %)")
    return messages


def _is_gradient_echo(raw: RawData) -> tuple[bool, str]:
    """Whether it is a spoiled gradient echo, else a spin echo, and how that is known."""
    sequence = raw.header.sequenceParameters
    written = (sequence.sequence_type or "").strip() if sequence is not None else ""
    name = written.lower()
    for why, names in NOT_MODELLED.items():
        if re.search(names, name):
            raise ValueError(
                f"{raw.path}: the sequence_type {written!r} names {why}, whose signal is not modelled; maps are made "
                "of spin echoes, turbo spin echoes, inversion recoveries and spoiled gradient echoes. Leave it out"
            )
    for names, kind, called in ((GRADIENT, True, "spoiled gradient echo"), (SPIN, False, "spin echo")):
        if re.search(names, name):
            return kind, f"{called} (sequence_type {written!r})"
    unknown = f"the sequence_type {written!r} is not known" if written else "the header names no sequence"
    angles = raw.physics.flip_angles
    if angles and angles[0] < LARGEST_GRADIENT_FLIP:
        angle = math.degrees(angles[0])
        return True, f"spoiled gradient echo assumed from the flip angle of {angle:.0f} degrees: {unknown}"
    return False, f"spin echo assumed: {unknown}, and no flip angle below 75 degrees is given"
