"""What is mended in the raw samples before they are sorted: interference, and the ghosts of echo-planar trains."""

from __future__ import annotations

from pirecon.calibration.epi_ghost import correct_epi_ghost
from pirecon.calibration.interference import cancel_interference, without_channels
from pirecon.measurement.choices import Choices
from pirecon.rawdata import RawData


def repair(raw: RawData, choices: Choices) -> tuple[RawData, dict[str, str]]:
    """Cancel interference and correct echo-planar lines.

    Args:
        raw: as read.
        choices: what the user wants.

    Returns:
        The raw data, without sensing channels, and notes.

    Raises:
        ValueError: sensing coils that the file does not have, or a correction that was asked for and cannot be done.
    """
    notes: dict[str, str] = {}
    cancelled, found = cancel_interference(raw, sensing=choices.sensing_coils)
    if found is not None:  # sensing channels never belong into the image
        if choices.interference is False:
            raw = without_channels(raw, found.sensing)
            notes["interference"] = f"not cancelled, as asked; channels {list(found.sensing)} hear no patient: left out"
        else:
            raw, notes["interference"] = cancelled, found.source
    if raw.encoding.trajectory == "epi":
        if choices.ghosts is False:
            notes["ghosts"] = "left as they are, as asked"
        else:
            raw, notes["ghosts"] = correct_epi_ghost(raw)
    elif choices.ghosts:
        raise ValueError(
            f"{raw.path}: odd and even lines can be aligned in echo-planar scans only, and the header's trajectory is "
            f"{raw.encoding.trajectory}; leave --ghosts out, or write epi into the header if that is what it was"
        )
    return raw, notes
