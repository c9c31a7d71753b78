"""The slice and the raw file that the contenders work on, made without pirecon and bloch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import ismrmrd
import numpy as np
import sigpy
import sigpy.mri

CALIBRATION = 24  # central lines
SHAPE = (256, 256)
N_COILS = 8
VOXEL_SNR = 20


@dataclass(frozen=True)
class Slice:
    """A simulated slice; k-space in units of its noise's standard deviation (real and imaginary part each).

    Attributes:
        image: the truth, complex ``(y, x)``.
        maps: complex ``(coil, y, x)``, root-sum-of-squares 1.
        full: all of k-space with noise, ``(coil, ky, kx)``.
        mask: 1 where measured, ``(ky, kx)``.
    """

    image: np.ndarray
    maps: np.ndarray
    full: np.ndarray
    mask: np.ndarray

    @property
    def kspace(self) -> np.ndarray:
        """The measured samples, zero elsewhere."""
        return self.full * self.mask


def make_slice(acceleration: int = 4) -> Slice:
    """Shepp–Logan phantom of mild phase seen by a birdcage of 8 channels: every fourth line, and 24 in the centre."""
    rng = np.random.default_rng(0)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n, endpoint=False) for n in SHAPE), indexing="ij")
    image = VOXEL_SNR * np.abs(sigpy.shepp_logan(SHAPE)) * np.exp(1j * (0.6 * x + 0.4 * y**2))
    maps = sigpy.mri.birdcage_maps((N_COILS, *SHAPE))
    maps /= np.sqrt((np.abs(maps) ** 2).sum(axis=0))
    noise = rng.standard_normal((2, N_COILS, *SHAPE))
    full = sigpy.fft(maps * image, axes=(-2, -1)) + noise[0] + 1j * noise[1]
    lines = np.arange(SHAPE[0])
    measured = (lines % acceleration == 0) | (abs(lines - SHAPE[0] // 2 + 0.5) < CALIBRATION / 2)
    mask = np.broadcast_to(measured[:, None], SHAPE)
    return Slice(*(array.astype(np.complex64) for array in (image, maps, full)), mask.astype(np.float32))


def write_slice(path: Path, data: Slice) -> None:
    """The measured lines as an MRD file without oversampling; ``k = 0`` where the header says."""
    full, centre = data.full, [n // 2 for n in SHAPE]
    with _dataset(path, (*SHAPE[::-1], 1), (*SHAPE[::-1], 1)) as file:
        for line in np.flatnonzero(data.mask[:, 0]):
            acquisition = _acquisition(full[:, line], centre_sample=centre[1])
            acquisition.idx.kspace_encode_step_1 = line
            if abs(line - centre[0] + 0.5) < CALIBRATION / 2:
                acquisition.setFlag(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING)
            file.append_acquisition(acquisition)


def write_many_readouts(path: Path, *, lines: tuple[int, int] = (50, 100), n_samples: int = 512) -> None:
    """A 3D scan of ``lines[0] × lines[1]`` readouts of noise, 8 coils, oversampled twofold."""
    rng = np.random.default_rng(0)
    with _dataset(path, (n_samples, lines[1], lines[0]), (n_samples // 2, lines[1], lines[0])) as file:
        for counter in range(lines[0] * lines[1]):
            samples = rng.standard_normal((N_COILS, 2 * n_samples), dtype=np.float32).view(np.complex64)
            acquisition = _acquisition(samples, centre_sample=n_samples // 2)
            acquisition.scan_counter = counter
            acquisition.idx.kspace_encode_step_2, acquisition.idx.kspace_encode_step_1 = divmod(counter, lines[1])
            file.append_acquisition(acquisition)


def _acquisition(samples: np.ndarray, *, centre_sample: int) -> ismrmrd.Acquisition:
    acquisition = ismrmrd.Acquisition.from_array(np.ascontiguousarray(samples, dtype=np.complex64))
    acquisition.center_sample = centre_sample
    acquisition.sample_time_us = 10.0
    acquisition.read_dir[0] = acquisition.phase_dir[1] = acquisition.slice_dir[2] = 1.0
    return acquisition


def _dataset(path: Path, encoded: tuple[int, int, int], reconstructed: tuple[int, int, int]) -> ismrmrd.Dataset:
    """A new MRD file with a header for matrices ``(x, y, z)`` of voxels of 1 × 1 × 5 mm."""

    def space(name: str, matrix: tuple[int, int, int]) -> str:
        x, y, z = matrix
        return (
            f"<{name}><matrixSize><x>{x}</x><y>{y}</y><z>{z}</z></matrixSize>"
            f"<fieldOfView_mm><x>{x}</x><y>{y}</y><z>{5 * z}</z></fieldOfView_mm></{name}>"
        )

    limits = "".join(
        f"<kspace_encoding_step_{step}><minimum>0</minimum><maximum>{n - 1}</maximum><center>{n // 2}</center>"
        f"</kspace_encoding_step_{step}>"
        for step, n in ((1, encoded[1]), (2, encoded[2]))
    )
    dataset = ismrmrd.Dataset(path, "dataset", create_if_needed=True)
    dataset.write_xml_header(
        '<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><experimentalConditions>'
        "<H1resonanceFrequency_Hz>2342000</H1resonanceFrequency_Hz></experimentalConditions><encoding>"
        f"{space('encodedSpace', encoded)}{space('reconSpace', reconstructed)}<encodingLimits>{limits}</encodingLimits>"
        "<trajectory>cartesian</trajectory></encoding></ismrmrdHeader>"
    )
    return dataset
