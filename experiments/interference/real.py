"""The real files outside and inside the cage, average by average."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from pirecon.algebra.fft import centred_ifft
from pirecon.calibration import (
    ReadoutNoise,
    noise_along_readout,
    noise_without_signal,
    remove_line_noise,
)
from pirecon.encoding import CartesianSense
from pirecon.measurement import Choices, Measurement, calibrate
from pirecon.measurement.calibrate import noise_covariance
from pirecon.measurement.columns import weigh_columns, whiten_columns
from pirecon.methods import Method, choose_method
from pirecon.rawdata import KSpace, RawData, read_mrd, sort_kspace

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FILES = ("uncaged", "caged")
METHODS = ("cg-sense", "tv", "unrolled")
HEAD_COLUMNS = slice(32, 98)
QUIET = slice(8, 28)
DISTURBED = slice(105, 128)  # outside the head
SMOOTH = 5  # samples
UNTOUCHED = Choices(interference=False)  # what is compared here, the pipeline does by itself
HEADING = (
    "| file | method | noise as | disturbed columns | quiet air | head | χ² all | χ² head |\n"
    "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"
)

Handling = Callable[[Measurement, ReadoutNoise | None], Measurement]


def as_measured(measurement: Measurement, _: ReadoutNoise | None) -> Measurement:
    """Nothing done."""
    return measurement


def weighted(measurement: Measurement, noise: ReadoutNoise | None) -> Measurement:
    """Columns divided by their noise."""
    kspace = _cartesian(measurement)
    noise = noise or noise_along_readout(kspace)
    maps = weigh_columns(measurement.maps, noise)
    return replace(measurement, kspace=whiten_columns(kspace, noise), maps=maps)


def weighted_by_outer_lines(measurement: Measurement, _: ReadoutNoise | None) -> Measurement:
    """The same, with noise from the outer lines."""
    return weighted(measurement, None)


def samples_too(measurement: Measurement, noise: ReadoutNoise | None) -> Measurement:
    """Samples along the readout divided by their noise as well, which the outer lines show once columns are white."""
    measurement = weighted(measurement, noise)
    kspace = _cartesian(measurement)
    lines = kspace.data[..., 0, :, :].flatten(0, -3)  # (slice, y, x)
    y = torch.nonzero(lines.abs().sum(dim=(0, 2))).squeeze(1)
    outer = torch.cat((y[: len(y) // 8], y[-(len(y) // 8) :]))
    power = lines[:, outer].abs().square().mean(dim=(0, 1))
    padded = torch.nn.functional.pad(power[None, None], (SMOOTH // 2, SMOOTH // 2), mode="replicate")
    power = torch.nn.functional.avg_pool1d(padded, SMOOTH, 1)[0, 0]
    weights = kspace.weights * (power / power.median()).rsqrt()
    return replace(measurement, kspace=replace(kspace, weights=weights))


def removed(measurement: Measurement, _: ReadoutNoise | None) -> Measurement:
    """Columns lowered."""
    return replace(measurement, kspace=remove_line_noise(_cartesian(measurement))[0])


HANDLINGS: dict[str, Handling] = {
    "measured": as_measured,
    "weights of columns (outer lines)": weighted_by_outer_lines,
    "weights of columns (averages)": weighted,
    "weights of columns and samples": samples_too,
    "lower columns": removed,
}


def noise_of(raw: RawData) -> ReadoutNoise:
    """From the difference of the averages."""
    found = noise_without_signal(raw, noise_covariance(raw, sort_kspace(raw)))
    if found is None:
        raise ValueError(f"{raw.path} holds no averages")
    return found


def rows(file: str) -> tuple[list[str], dict[str, Tensor]]:
    """Of the table, and the unrolled network's images of the first average by handling, ``(slice, y, x)``."""
    raw = read_mrd(DATA / f"brain_0.055T_interference_{file}.h5")
    averages = [calibrate(raw, choices=UNTOUCHED, average=number) for number in (0, 1)]
    noise, found, pictures = noise_of(raw), [], {}
    for method in METHODS:
        solve = choose_method(method, field_strength=raw.field_strength)
        for name, handling in HANDLINGS.items():
            handled = [handling(a, noise) for a in averages]
            images = [_images(h, solve) for h in handled]
            values = [*_noise(images, averages), *_prediction(images, averages)]
            found.append("| " + " | ".join([file, method, name, *(f"{v:.3f}" for v in values)]) + " |")
            if method == "unrolled":
                pictures[name] = images[0].abs().squeeze(1) * averages[0].noise_scale
    return found, pictures


def _images(measurement: Measurement, solve: Method) -> Tensor:
    return torch.stack([solve(*measurement.encoding(index)) for index in range(measurement.n_images)])


def _noise(images: list[Tensor], averages: list[Measurement]) -> list[float]:
    scaled = [image.abs() * a.noise_scale for image, a in zip(images, averages, strict=True)]
    power = ((scaled[0] - scaled[1]).square() / 2).mean(dim=(0, 1, 2))  # (x,)
    return [float(power[where].mean().sqrt()) for where in (DISTURBED, QUIET, HEAD_COLUMNS)]


def _prediction(images: list[Tensor], averages: list[Measurement]) -> tuple[float, float]:
    """χ² over all columns and over those of the head, both ways."""
    found = []
    for number, image in enumerate(images):
        given, asked = averages[number], averages[1 - number]
        for index in range(asked.n_images):
            y, E = asked.encoding(index)
            if not isinstance(E, CartesianSense):
                raise TypeError(f"a Cartesian scan was expected, but E is {type(E).__name__}")
            predicted = CartesianSense(given.maps.maps[index, 0] if given.maps.maps.ndim == 6 else E.maps, E.weights)
            error = given.noise_scale / asked.noise_scale * predicted(image[index]) - y
            power = centred_ifft(error, (-1,)).abs().square().sum(dim=(0, 1, 2))
            count = 2 * float((E.weights > 0).sum()) / len(power)
            found.append((float(power.mean()) / count, float(power[HEAD_COLUMNS].mean()) / count))
    return fmean(f[0] for f in found), fmean(f[1] for f in found)


def _cartesian(measurement: Measurement) -> KSpace:
    if not isinstance(measurement.kspace, KSpace):
        raise TypeError("a Cartesian scan was expected")
    return measurement.kspace
