"""Off-resonance of one scan: its field map, and what it does to the samples."""

from __future__ import annotations

import warnings

import ismrmrd
import numpy as np
from torch import Tensor

from pirecon.calibration import FieldMap, field_map_from_echoes, field_map_from_nifti, undistort_field_map
from pirecon.encoding import Evolution, SampleTimes, cartesian_times, non_cartesian_times, off_resonance_evolution
from pirecon.measurement.choices import Choices
from pirecon.measurement.echo_images import echo_images
from pirecon.measurement.lines import lines_of_image
from pirecon.measurement.measurement import Measurement
from pirecon.rawdata import KSpace, RawData
from pirecon.rawdata.streams import has_flag

WHOLE = 0.9  # of the voxels; a map that covers less is pointed out
SMALLEST_SHIFT = 0.1
"""Turns of phase over the readout, which are voxels of displacement; less than that changes no image."""


def off_resonance_part(
    measurement: Measurement, raw: RawData, choices: Choices
) -> tuple[tuple[Evolution | None, ...], str | None]:
    """One evolution for each image, from a given field map or from the echoes of the scan itself, and a note.

    Raises:
        ValueError: asked for, and there is neither a map nor echoes to take it from, or the times are not known.
    """
    if choices.off_resonance is False:
        return (), "left out, as asked"
    several = "contrast" in measurement.kspace.batch_axes
    if choices.off_resonance is None and choices.field_map is None:
        # Echoes leave a map open by whole turns between them, which moves everything where it goes wrong.
        return (), "left out: no field map (--field-map; --off-resonance takes it from the echoes)" if several else None
    found = _field_map(measurement, raw, choices)
    if isinstance(found, str):
        if choices.off_resonance:
            raise ValueError(f"{raw.path}: off-resonance cannot be put into E: {found}; give a map (--field-map)")
        return (), f"left out: {found}" if several else None
    if raw.dwell_time is None:
        if choices.off_resonance or choices.field_map is not None:
            raise ValueError(
                f"{raw.path}: the readouts have no sample time, and what off-resonance does depends on it; give the "
                "bandwidth of the readout (--bandwidth)"
            )
        return (), "left out: the readouts have no sample time"
    field = found.off_resonance.to(measurement.kspace.data.device)
    on = found.reliability.to(field) > 0
    covered = float(on.float().mean())
    if choices.field_map is not None and covered < WHOLE:
        warnings.warn(
            f"the field map {choices.field_map.name} covers {100 * covered:.0f} % of the voxels; beyond it the nearest "
            "known value is taken. Is it of this scan?",
            stacklevel=2,
        )
    largest = float(field[on].abs().double().quantile(0.99)) if bool(on.any()) else 0.0
    turns = largest * max(float(t.times.max() - t.times.min()) for t in [_times(measurement, raw, 0)])
    if turns < SMALLEST_SHIFT:
        return (), f"{found.source}; moves nothing by {SMALLEST_SHIFT} voxel, left out"
    parts = tuple(_of_image(measurement, raw, field, index) for index in range(measurement.n_images))
    what = "voxels along the readout" if isinstance(measurement.kspace, KSpace) else "turns over a readout"
    fat = "" if choices.field_map is not None else "; fat's chemical shift counts as off-resonance"
    return parts, f"{found.source}{fat}; up to {turns:.2g} {what}; {parts[0].source}"


def _of_image(measurement: Measurement, raw: RawData, field: Tensor, index: int) -> Evolution:
    slices = field.reshape(-1, *field.shape[-3:])
    own = slices[min(measurement.counter(index, "slice"), len(slices) - 1)]
    return off_resonance_evolution(own, _times(measurement, raw, index).times.to(own))


def _times(measurement: Measurement, raw: RawData, index: int) -> SampleTimes:
    kspace = measurement.kspace
    if isinstance(kspace, KSpace):
        return cartesian_times(raw, lines=lines_of_image(raw, measurement, index))
    return non_cartesian_times(kspace, raw.dwell_time or 0.0)


def _field_map(measurement: Measurement, raw: RawData, choices: Choices) -> FieldMap | str:
    """The map on the reconstruction grid, or why there is none."""
    if choices.field_map is not None:
        geometry = measurement.kspace.geometry.with_matrix(measurement.matrix)
        return field_map_from_nifti(choices.field_map, geometry, unit="Hz")
    return field_map_of_echoes(measurement, raw)


def field_map_of_echoes(measurement: Measurement, raw: RawData) -> FieldMap | str:
    """The field map from the echoes of a scan, at its true place, or a sentence that says why there is none.

    Args:
        measurement: of the scan, without evolutions.
        raw: the raw file.
    """
    geometry = measurement.kspace.geometry.with_matrix(measurement.matrix)
    axes, times = measurement.kspace.batch_axes, raw.physics.echo_times
    if "contrast" not in axes:
        return "no field map, and one echo alone"
    n_echoes = measurement.batch[axes.index("contrast")]
    if not set(axes) <= {"contrast", "slice"} or len(times) != n_echoes:
        return f"{n_echoes} contrasts with {len(times)} echo times in the header; a field map needs as many"
    chosen = _same_direction(measurement, raw, n_echoes)
    if len(chosen) < 2:
        return "no two echoes are read in the same direction"
    images = echo_images(measurement).movedim(axes.index("contrast"), -4)[..., chosen, :, :, :]
    field = field_map_from_echoes(images.unsqueeze(-4), [times[i] for i in chosen], geometry=geometry)
    if isinstance(measurement.kspace, KSpace) and raw.dwell_time is not None:
        readout = _times(measurement, raw, 0).times
        step = abs(float((readout[..., 1] - readout[..., 0]).flatten()[0]))
        field = undistort_field_map(field, hertz_per_voxel=1 / (step * measurement.matrix[-1]))
    return field


def _same_direction(measurement: Measurement, raw: RawData, n_echoes: int) -> list[int]:
    """Echoes read as the first one is."""
    n_slices = measurement.n_images // n_echoes
    contrast_first = measurement.kspace.batch_axes[0] == "contrast"
    reverse = []
    for echo in range(n_echoes):
        lines = lines_of_image(raw, measurement, echo * n_slices if contrast_first else echo)
        reverse.append(bool(np.mean(has_flag(raw.readouts["flags"][lines], ismrmrd.ACQ_IS_REVERSE)) > 0.5))
    return [i for i, r in enumerate(reverse) if r == reverse[0]]
