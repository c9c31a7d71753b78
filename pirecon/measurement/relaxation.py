"""Relaxation along the echo train of one scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pirecon.calibration.nifti_map import map_from_nifti
from pirecon.encoding import Evolution, relaxation_evolution
from pirecon.measurement.choices import Choices
from pirecon.measurement.measurement import Measurement
from pirecon.rawdata import KSpace, RawData

LONGEST_T2 = 10.0  # s; more is a map in ms


def relaxation_part(
    measurement: Measurement, raw: RawData, choices: Choices
) -> tuple[tuple[Evolution | None, ...], str | None]:
    """One evolution for each image, by the T2 map or by what tissues have at this field, and a note.

    Raises:
        ValueError: asked for, and the file holds no echo train or does not tell its times; or no map of T2 in seconds.
    """
    if choices.relaxation is False:
        return (), "left out, as asked"
    asked = bool(choices.relaxation) or choices.T2_map is not None
    why_not = _why_not(measurement, raw, asked=asked)
    slices: list[Evolution] = []
    if why_not is None:
        for T2 in _T2_of_slices(measurement, choices.T2_map):
            found = relaxation_evolution(raw, T2=T2, device=measurement.kspace.data.device)
            if isinstance(found, str):
                why_not = found
                break
            slices.append(found)
    if why_not is not None:
        if asked:
            raise ValueError(f"{raw.path}: relaxation along the echo train cannot be put into E: {why_not}")
        return (), f"left out: {why_not}" if _has_train(raw) else None
    of_image = (measurement.counter(i, "slice") % len(slices) for i in range(measurement.n_images))
    return tuple(slices[i] for i in of_image), slices[0].source


def _has_train(raw: RawData) -> bool:
    return raw.encoding.trajectory == "cartesian" and int(raw.header.encoding[0].echoTrainLength or 1) > 1


def _why_not(measurement: Measurement, raw: RawData, *, asked: bool) -> str | None:
    if not isinstance(measurement.kspace, KSpace):
        return "only trains of Cartesian lines are known"
    if not asked and _has_train(raw) and not raw.readouts["idx"]["segment"][raw.imaging_lines].any():
        # Many converters sort the lines, so their order tells nothing unless the user says that it does.
        return "no echo counters (segment) in the file; --relaxation takes the order of its lines for the echoes'"
    return None


def _T2_of_slices(measurement: Measurement, path: Path | None) -> list[Tensor | None]:
    """The map ``(z, y, x)`` of each slice on the reconstruction grid, NaN where unknown; one None without a file."""
    if path is None:
        return [None]
    geometry = measurement.kspace.geometry.with_matrix(measurement.matrix)
    values, known = map_from_nifti(path, geometry)
    values = np.where(known & (values > 0), values, np.nan)
    largest = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    if not 0 < largest <= LONGEST_T2:
        raise ValueError(
            f"{path}: the map's largest value is {largest:.4g}; T2 in seconds is above 0 and at most {LONGEST_T2:g}. "
            "Was it written in milliseconds? Divide it by 1000"
        )
    return [torch.from_numpy(s).to(measurement.kspace.data.device, torch.float32) for s in values]
