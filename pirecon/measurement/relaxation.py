"""Relaxation along the echo train of one scan."""

from __future__ import annotations

from pirecon.encoding import Evolution
from pirecon.encoding.relaxation import relaxation_evolution
from pirecon.measurement.choices import Choices
from pirecon.measurement.measurement import Measurement
from pirecon.rawdata import KSpace, RawData


def relaxation_part(
    measurement: Measurement, raw: RawData, choices: Choices
) -> tuple[tuple[Evolution | None, ...], str | None]:
    """One evolution for each image, by what tissues have at this field, and a note.

    Raises:
        ValueError: asked for, and the file holds no echo train or does not tell its times.
    """
    if choices.relaxation is False:
        return (), "left out, as asked"
    kspace = measurement.kspace
    has_train = int(raw.header.encoding[0].echoTrainLength or 1) > 1
    if not isinstance(kspace, KSpace):
        found: Evolution | str = "only trains of Cartesian lines are known"
    elif choices.relaxation is None and has_train and not raw.readouts["idx"]["segment"][raw.imaging_lines].any():
        # Many converters sort the lines, so their order tells nothing unless the user says that it does.
        found = "no echo counters (segment) in the file; --relaxation takes the order of its lines for the echoes'"
    else:
        found = relaxation_evolution(raw, device=kspace.data.device)
    if isinstance(found, str):
        if choices.relaxation:
            raise ValueError(f"{raw.path}: relaxation along the echo train cannot be put into E: {found}")
        return (), f"left out: {found}" if has_train else None
    return (found,) * measurement.n_images, found.source
