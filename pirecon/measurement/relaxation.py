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
    """One evolution for each image, by the T2 map or, where asked for, by what tissues have at this field, and a note.

    Without a map one curve for all tissues sharpens edges and over-corrects what decays more slowly, lesions among it
    (experiments/echo_train): it is not taken without being asked for.

    Raises:
        ValueError: asked for, and the file holds no echo train or does not tell its times; or no map of T2 in seconds.
    """
    if choices.relaxation is False:
        return (), "left out, as asked"
    if choices.relaxation is None and choices.T2_map is None:
        return (), "left out: no T2 map (--t2-map; --relaxation corrects all tissues alike)" if _has_train(
            raw
        ) else None
    slices: list[Evolution] = []
    for T2 in _T2_of_slices(measurement, choices.T2_map):
        found = _of_slice(measurement, raw, T2)
        if isinstance(found, str):
            raise ValueError(f"{raw.path}: relaxation along the echo train cannot be put into E: {found}")
        slices.append(found)
    of_image = (measurement.counter(i, "slice") % len(slices) for i in range(measurement.n_images))
    return tuple(slices[i] for i in of_image), slices[0].source


def _has_train(raw: RawData) -> bool:
    return raw.encoding.trajectory == "cartesian" and int(raw.header.encoding[0].echoTrainLength or 1) > 1


def _of_slice(measurement: Measurement, raw: RawData, T2: Tensor | None) -> Evolution | str:
    kspace = measurement.kspace
    if not isinstance(kspace, KSpace):
        return "only trains of Cartesian lines are known"
    return relaxation_evolution(raw, T2=T2, kspace=kspace.data, device=kspace.data.device)


def _T2_of_slices(measurement: Measurement, path: Path | None) -> list[Tensor | None]:
    """The map ``(z, y, x)`` of each slice on the reconstruction grid, NaN where unknown; one None without a file."""
    if path is None:
        return [None]
    geometry = measurement.kspace.geometry.with_matrix(measurement.matrix)
    values, known = map_from_nifti(path, geometry)
    values = np.where(known & (values > 0), values, np.nan)
    largest = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    if largest == 0:
        raise ValueError(f"{path}: no T2 above 0 within the scan; give a map of T2 in seconds")
    if largest > LONGEST_T2:
        raise ValueError(
            f"{path}: the map's largest value is {largest:.4g}; T2 in seconds is above 0 and at most {LONGEST_T2:g}. "
            "Was it written in milliseconds? Divide it by 1000"
        )
    return [torch.from_numpy(s).to(measurement.kspace.data.device, torch.float32) for s in values]
