"""Fat and water of a raw file whose echoes have been reconstructed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import fields, replace

import ismrmrd
import numpy as np
import torch
from torch import Tensor

from pirecon.quantitative.dixon import DixonSettings, FatWater, separate_fat_and_water
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.streams import has_flag


def fat_and_water(
    raw: RawData, images: Tensor, batch_axes: Sequence[str], *, settings: DixonSettings | None = None
) -> FatWater:
    """Water, fat, fat fraction, R2* and field from the reconstructed echoes of a raw file.

    Echo times, field strength, voxel size and readout times come from the file. The slices of a stack help each other;
    repetitions, phases and sets are separated one by one.

    Args:
        raw: the file.
        images: of all contrasts, complex ``(*batch, z, y, x)``, SNR units, all with the same maps and regularisation.
        batch_axes: names of the leading axes, ``contrast`` among them.
        settings: replaces what the file says.

    Returns:
        FatWater with the axes of ``images`` without ``contrast``.

    Raises:
        ValueError: no contrasts, or the file lacks their echo times or the field strength.
    """
    if "contrast" not in batch_axes:
        raise ValueError(f"{raw.path}: several echoes tell fat from water, but the file has one contrast only")
    echoes = images.movedim(list(batch_axes).index("contrast"), 0)
    times = raw.physics.echo_times
    if raw.field_strength is None or len(times) != len(echoes):
        raise ValueError(
            f"{raw.path}: fat and water need the echo time of each of the {len(echoes)} contrasts and the field "
            f"strength; the header has {len(times)} TE and the field {raw.field_strength} T. Add TE (ms, one for each "
            "contrast) and systemFieldStrength_T to the header"
        )
    settings = settings or settings_of(raw, images.shape[-3:])
    others = [name for name in batch_axes if name != "contrast"]
    stacked = others[-1:] == ["slice"]
    flat = echoes.flatten(-4, -3) if stacked else echoes  # (echo, *others, z, y, x)
    series = flat.flatten(1, -4) if flat.ndim > 4 else flat.unsqueeze(1)
    found = [separate_fat_and_water(one, times, raw.field_strength, settings=settings) for one in series.unbind(1)]
    shape = echoes.shape[1:]
    maps = {
        field.name: torch.stack([getattr(one, field.name) for one in found]).reshape(shape)
        for field in fields(FatWater)
        if field.name != "source"
    }
    return FatWater(**maps, source=found[0].source)


def settings_of(raw: RawData, matrix: Sequence[int]) -> DixonSettings:
    """Voxel size and readout times of a file, for images of this matrix (z, y, x).

    Warns:
        UserWarning: echoes are read in both directions.
    """
    z, y, x = (length / n for length, n in zip(raw.encoding.recon_field_of_view, matrix, strict=True))
    index = raw.readouts["idx"]["slice"][raw.imaging_lines]
    if matrix[0] == 1 and index.max() > 0:
        positions = raw.readouts["position"][raw.imaging_lines].astype(float)
        centres = np.stack([positions[index == s].mean(0) for s in np.unique(index)])
        gaps = np.linalg.norm(np.diff(centres, axis=0), axis=1) * 1e-3
        z = float(np.median(gaps)) or z
    return replace(DixonSettings(), voxel_size=(z, y, x), readout_steps=readout_steps(raw))


def readout_steps(raw: RawData) -> tuple[float, ...] | None:
    """Time from one kx to the next of each echo, s, negative where lines are read backwards.

    Without readout oversampling a step is as many dwell times as the encoded field of view is longer than the image.
    None where the file has no dwell time, k-space is not Cartesian, or an echo is read in both directions.
    """
    if raw.dwell_time is None or raw.encoding.trajectory != "cartesian":
        return None
    lines = raw.imaging_lines
    step = raw.dwell_time * raw.encoding.field_of_view[2] / raw.encoding.recon_field_of_view[2]
    contrast = raw.readouts["idx"]["contrast"][lines]
    backwards = has_flag(raw.readouts["flags"][lines], ismrmrd.ACQ_IS_REVERSE)
    shares = [float(backwards[contrast == c].mean()) for c in np.unique(contrast)]
    if any(0 < share < 1 for share in shares):
        return None
    if 0 < sum(shares) < len(shares):
        warnings.warn(
            "the echoes are read forwards and backwards (bipolar): fat is put back on both sides, but phases that eddy "
            "currents and delays leave between odd and even echoes are not corrected and may change the fat fraction; "
            "measure with monopolar echoes, or correct the phases first",
            stacklevel=3,
        )
    return tuple(-step if share else step for share in shares)
