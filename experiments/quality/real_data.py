"""The real 0.055 T files, slice by slice, and the methods as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pirecon.encoding import CartesianSense
from pirecon.methods import Method, choose_method
from pirecon.pipeline import Measurement, calibrate
from pirecon.rawdata import read_mrd

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
NAMES = {"adjoint": "zero-filled", "cg-sense": "CG-SENSE", "wavelet": "L1-wavelet", "tv": "TV", "unrolled": "unrolled"}


@dataclass(frozen=True)
class RealSlice:
    """One slice of a file: weighted samples ``(coil, kz, ky, kx)`` in SNR units and E."""

    samples: Tensor
    E: CartesianSense


@dataclass(frozen=True)
class RealFile:
    """A file as the pipeline measures it."""

    name: str
    path: Path
    measurement: Measurement
    slices: tuple[RealSlice, ...]


def brain_files(pattern: str = "brain_0.055T_*.h5") -> Iterator[RealFile]:
    """The files, in the order of their names."""
    for path in sorted(DATA.glob(pattern)):
        yield real_file(path)


def real_file(path: Path, *, average: int | None = None) -> RealFile:
    """Read and calibrate one file; one of its averages, or the mean of all."""
    measurement = calibrate(read_mrd(path), average=average)
    count = measurement.kspace.data.shape[:-4].numel()
    slices = tuple(RealSlice(*measurement.encoding(index)) for index in range(count))
    return RealFile(path.stem.removeprefix("brain_0.055T_"), path, measurement, slices)


def all_methods(checkpoint: str) -> dict[str, Method]:
    """Every method at its default, by the name of ``NAMES``."""
    return {name: choose_method(name, checkpoint=checkpoint) for name in NAMES}
