"""Raw files written through the ismrmrd package, so that the reader is tested against another implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import ismrmrd
import ismrmrd.xsd as xsd
import numpy as np
import pytest


@dataclass
class Line:
    """One readout: complex ``(coil, sample)``, the header fields that differ from the default, a trajectory."""

    data: np.ndarray
    y: int = 0
    z: int = 0
    centre: int | None = None
    flags: tuple[int, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)
    head: dict[str, object] = field(default_factory=dict)
    trajectory: np.ndarray | None = None


def make_header(
    matrix: tuple[int, int, int],
    *,
    recon: tuple[int, int, int] | None = None,
    extent_mm: tuple[float, float, float] | None = None,
    centre: tuple[int, int] | None = None,
) -> xsd.ismrmrdHeader:
    """Header of one Cartesian encoding; sizes (z, y, x), voxels of 3 × 2 × 1 mm (z, y, x) unless told otherwise."""

    def space(size: tuple[int, int, int], mm: tuple[float, float, float]) -> xsd.encodingSpaceType:
        return xsd.encodingSpaceType(
            matrixSize=xsd.matrixSizeType(x=size[2], y=size[1], z=size[0]),
            fieldOfView_mm=xsd.fieldOfViewMm(x=mm[2], y=mm[1], z=mm[0]),
        )

    def limit(n: int, middle: int) -> xsd.limitType:
        return xsd.limitType(minimum=0, maximum=n - 1, center=middle)

    recon = recon or matrix
    mm = extent_mm or (3.0 * matrix[0], 2.0 * matrix[1], 1.0 * matrix[2])
    recon_mm = tuple(e * r / n for e, r, n in zip(mm, recon, matrix, strict=True))
    middle = centre or (matrix[0] // 2, matrix[1] // 2)
    return xsd.ismrmrdHeader(
        measurementInformation=xsd.measurementInformationType(patientPosition=xsd.patientPositionType.HFS),
        acquisitionSystemInformation=xsd.acquisitionSystemInformationType(
            systemFieldStrength_T=0.1, receiverChannels=1
        ),
        experimentalConditions=xsd.experimentalConditionsType(H1resonanceFrequency_Hz=4_257_748),
        encoding=[
            xsd.encodingType(
                encodedSpace=space(matrix, mm),
                reconSpace=space(recon, recon_mm),
                encodingLimits=xsd.encodingLimitsType(
                    kspace_encoding_step_1=limit(matrix[1], middle[1]),
                    kspace_encoding_step_2=limit(matrix[0], middle[0]),
                ),
                trajectory=xsd.trajectoryType.CARTESIAN,
            )
        ],
        sequenceParameters=xsd.sequenceParametersType(TE=[12.5], TR=[500.0], TI=[], flipAngle_deg=[90.0]),
    )


def write_file(path: Path, header: xsd.ismrmrdHeader | str | bytes, lines: Iterable[Line]) -> Path:
    """Write an MRD file through ``ismrmrd.Dataset``."""
    text = header.toXML() if isinstance(header, xsd.ismrmrdHeader) else header
    with ismrmrd.Dataset(str(path), "dataset") as dataset:
        dataset.write_xml_header(text if isinstance(text, bytes) else text.encode())
        for number, line in enumerate(lines):
            data = np.ascontiguousarray(line.data, dtype=np.complex64)
            path_of_line = None if line.trajectory is None else np.ascontiguousarray(line.trajectory, np.float32)
            acquisition = ismrmrd.Acquisition.from_array(data, path_of_line)
            acquisition.scan_counter = number
            acquisition.center_sample = data.shape[1] // 2 if line.centre is None else line.centre
            acquisition.sample_time_us = 10.0
            acquisition.read_dir[:] = (1, 0, 0)
            acquisition.phase_dir[:] = (0, 1, 0)
            acquisition.slice_dir[:] = (0, 0, 1)
            acquisition.idx.kspace_encode_step_1 = line.y
            acquisition.idx.kspace_encode_step_2 = line.z
            for flag in line.flags:
                acquisition.setFlag(flag)
            for name, value in line.counters.items():
                setattr(acquisition.idx, name, value)
            for name, value in line.head.items():
                if isinstance(value, tuple):
                    getattr(acquisition, name)[:] = value
                else:
                    setattr(acquisition, name, value)
            dataset.append_acquisition(acquisition)
    return path


def dft(n: int, positions: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """exp(−2πi k r / n) / √n for every k of ``steps`` and r of ``positions``, both counted from the centre."""
    return np.exp(-2j * np.pi * np.outer(steps, positions) / n) / np.sqrt(n)


def centred(n: int) -> np.ndarray:
    """−n//2 … n − n//2 − 1."""
    return np.arange(n) - n // 2


def measure(image: np.ndarray, n_readout: int) -> np.ndarray:
    """k-space of an image ``(coil, z, y, x)`` by plain sums, with ``n_readout`` samples over a wider field of view."""
    _, n_z, n_y, n_x = image.shape
    along_x = dft(n_readout, centred(n_x), centred(n_readout))
    along_y, along_z = (dft(n, centred(n), centred(n)) for n in (n_y, n_z))
    return np.einsum("czyx,kx,ly,mz->cmlk", image, along_x, along_y, along_z, optimize=True)


def lines_of(kspace: np.ndarray) -> list[Line]:
    """All lines of ``(coil, kz, ky, kx)``, partition by partition."""
    _, n_z, n_y, _ = kspace.shape
    return [Line(kspace[:, z, y], y=y, z=z) for z in range(n_z) for y in range(n_y)]


@pytest.fixture
def rng() -> np.random.Generator:
    """A random generator with a fixed seed."""
    return np.random.default_rng(7)


@pytest.fixture
def complex_normal(rng: np.random.Generator) -> Callable[..., np.ndarray]:
    """White noise with standard deviation 1 in the real and in the imaginary part."""
    return lambda *shape: rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
