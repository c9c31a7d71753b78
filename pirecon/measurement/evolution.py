"""What happens to the signal while it is sampled: relaxation, off-resonance and Maxwell terms of one scan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

from pirecon.encoding import Evolution, product
from pirecon.measurement.choices import Choices
from pirecon.measurement.concomitant import concomitant_part
from pirecon.measurement.measurement import Measurement
from pirecon.measurement.off_resonance import off_resonance_part
from pirecon.measurement.relaxation import relaxation_part
from pirecon.rawdata import RawData

Parts = tuple[Evolution | None, ...]
Effect = Callable[[Measurement, RawData, Choices], tuple[Parts, str | None]]
EFFECTS: dict[str, Effect] = {
    "relaxation": relaxation_part,
    "off-resonance": off_resonance_part,
    "concomitant fields": concomitant_part,
}
"""By the name of the note; each gives one evolution for each image, or none at all, and a sentence."""


def evolutions_of(measurement: Measurement, raw: RawData, choices: Choices) -> Measurement:
    """Put every effect that is known, and not refused, into the forward operators.

    Args:
        measurement: without evolutions.
        raw: the raw file.
        choices: what the user wants.

    Returns:
        The measurement with its evolutions and one note for each effect.

    Raises:
        ValueError: an effect was asked for and cannot be had.
    """
    notes = dict(measurement.notes)
    whole: list[Evolution | None] = [None] * measurement.n_images
    for name, effect in EFFECTS.items():
        parts, note = effect(measurement, raw, choices)
        if note is not None:
            notes[name] = note
        for i, part in enumerate(parts):
            whole[i] = reduce(product, [e for e in (whole[i], part) if e is not None]) if part else whole[i]
    evolutions = tuple(whole) if any(e is not None for e in whole) else ()
    return replace(measurement, notes=notes, evolutions=evolutions)
