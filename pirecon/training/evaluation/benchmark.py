"""A benchmark: cells of coils, acceleration and SNR, and the simulated scans in each of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pirecon.training.config import CALIBRATION_LINES, build, read_toml
from pirecon.training.evaluation.held_out import HeldOut, HeldOutImages
from pirecon.training.scans.simulation import Rng, Scan, random_coils, random_phase, scan_image
from pirecon.training.scans.stream import with_estimated_maps

CLASSICAL_METHODS = ("adjoint", "cg-sense", "wavelet", "tv", "wavelet-oracle", "tv-oracle")


@dataclass(frozen=True)
class Cells:
    """The grid of a benchmark; every combination is a cell.

    Attributes:
        coils: (fewest, most) receive coils, drawn for each scan.
        accelerations: undersampling factors R of the phase-encode lines.
        snr: voxel SNR of the fully sampled image, mean over the object.
        calibration_lines: central lines that are always measured.
        super_resolution: truth's matrix over the acquired one, in plane; whole numbers.
    """

    coils: tuple[tuple[int, int], ...] = ((1, 1), (4, 8))
    accelerations: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0)
    snr: tuple[float, ...] = (5.0, 10.0, 20.0)
    calibration_lines: int = CALIBRATION_LINES
    super_resolution: tuple[int, ...] = (1,)


@dataclass(frozen=True)
class BenchmarkConfig:
    """What `pirecon evaluate CONFIG.toml` reads.

    Attributes:
        name: of the benchmark.
        output: JSON file to write; the table goes beside it with the suffix .csv.
        networks: checkpoints (shipped names or files) by the names that they have in ``methods``.
        methods: names of ``networks`` and of ``CLASSICAL_METHODS``; "-oracle" tunes the strength for each image against
            the truth.
        images: the truths.
        cells: how they are scanned.
        seed: of coils, phase, sampling and noise.
        processes: work on scans in so many processes of one thread each.
        cache: folder of finished measurements.
    """

    name: str
    output: str
    networks: dict[str, str] = field(default_factory=lambda: {"unrolled": "default"})
    methods: tuple[str, ...] = ("unrolled", "adjoint", "cg-sense", "wavelet-oracle", "tv-oracle")
    images: HeldOutImages = field(default_factory=HeldOutImages)
    cells: Cells = field(default_factory=Cells)
    seed: int = 1
    processes: int = 2
    cache: str = "runs/evaluate"


@dataclass(frozen=True)
class Case:
    """One scan of a benchmark.

    Attributes:
        coils: (fewest, most) of its cell.
        acceleration, snr, super_resolution: of its cell.
        held_out: its truth.
        calibration_lines: as in :class:`Cells`.
        seed: of everything drawn.
    """

    coils: tuple[int, int]
    acceleration: float
    snr: float
    super_resolution: int
    held_out: HeldOut
    calibration_lines: int
    seed: tuple[int, ...]


def read_benchmark(path: str | Path) -> BenchmarkConfig:
    """Read and check a benchmark's config.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not TOML, an unknown key or method (the nearest known one is named), missing keys (all are named),
            or a network that the file names and does not measure.
    """
    path = Path(path)
    table = read_toml(path)
    # With these in place `build` finds misspelt keys first: one of them may be what would seem to be missing.
    config: BenchmarkConfig = build(BenchmarkConfig, {"name": "", "output": ""} | table, f"{path}: ")
    _refuse_missing(config, path)
    known = (*config.networks, *CLASSICAL_METHODS)
    unknown = [name for name in config.methods if name not in known]
    if unknown:
        raise ValueError(f"{path}: methods: there is no method {unknown[0]!r}; known: {', '.join(known)}")
    unmeasured = [name for name in table.get("networks", {}) if name not in config.methods]
    if unmeasured:
        raise ValueError(
            f"{path}: networks: {', '.join(unmeasured)} would not be measured; add to methods what should be, and "
            "leave the rest out"
        )
    volumes = tuple(str(path.parent / volume) for volume in config.images.volumes)
    return replace(config, images=replace(config.images, volumes=volumes))


def _refuse_missing(config: BenchmarkConfig, path: Path) -> None:
    missing = [
        key
        for key, given in (
            ('name = "…" (title of the table)', config.name),
            ('output = "….json" (file to write)', config.output),
            (
                "images.field_strengths = [0.3] (T, of simulated brains) or images.volumes (NIfTI files)",
                config.images.field_strengths or config.images.volumes,
            ),
        )
        if not given
    ]
    if missing:
        raise ValueError(f"{path}: missing: {', '.join(missing)}; docs/evaluate.md has a whole example")


def make_cases(config: BenchmarkConfig, series: list[list[HeldOut]]) -> list[Case]:
    """One case for each cell and series.

    The image of a series changes with every index of the cell, so that each SNR, each acceleration and each coil
    setting meets every image.
    """
    cells = config.cells
    cases = []
    for (i, coils), (j, acceleration), (k, snr), ratio in itertools.product(
        enumerate(cells.coils), enumerate(cells.accelerations), enumerate(cells.snr), cells.super_resolution
    ):
        for number, images in enumerate(series):
            held_out = images[(i + j + k + number) % len(images)]
            seed = (config.seed, i, j, k, number)
            cases.append(Case(coils, acceleration, snr, ratio, held_out, cells.calibration_lines, seed))
    return cases


def scan_case(case: Case) -> Scan:
    """Simulate the scan of a case.

    Several coils: the maps are ESPIRiT's, from the scan's own noisy calibration lines, and the truth is what these
    maps make of the true coil images, the same for every method. One coil: a map of ones.
    """
    rng = np.random.default_rng(case.seed)
    matrix = (case.held_out.image.shape[0], case.held_out.image.shape[1])
    n_coils = int(rng.integers(case.coils[0], case.coils[1] + 1))
    image = case.held_out.image * random_phase(matrix, rng)
    maps = random_coils(n_coils, matrix, rng)
    if any(n % (2 * case.super_resolution) for n in matrix):
        raise ValueError(
            f"{case.held_out.name}: matrix {matrix} over twice the super-resolution of {case.super_resolution} is not "
            "whole; choose another matrix or cells.super_resolution"
        )
    acquired = (matrix[0] // case.super_resolution, matrix[1] // case.super_resolution)
    lines = variable_density_lines(acquired[0], case.acceleration, rng, n_centre=case.calibration_lines)
    scan = scan_image(image, maps, lines, acquired_columns=acquired[1], snr=case.snr, rng=rng)
    return with_estimated_maps(scan, lines) if n_coils > 1 else scan


def variable_density_lines(n_lines: int, acceleration: float, rng: Rng, *, n_centre: int) -> np.ndarray:
    """Random phase-encode lines whose density falls as (1 − |k|/k_max)², and ``n_centre`` in the centre.

    Args:
        n_lines: of the full matrix.
        acceleration: R: ⌊n_lines / R⌉ lines are measured in all; R = 1 measures every line.
        rng: draws the lines.
        n_centre: central lines that are always measured.

    Returns:
        bool ``(n_lines,)``.

    Source: Lustig et al., Magn Reson Med 58:1182 (2007), section on variable-density sampling.
    """
    index = np.arange(n_lines) - n_lines // 2
    measured = (index >= -(n_centre // 2)) & (index < n_centre - n_centre // 2)
    n_more = round(n_lines / acceleration) - n_centre
    if n_more < 0:
        raise ValueError(
            f"R = {acceleration:g} measures {n_more + n_centre} of {n_lines} lines, fewer than the {n_centre} "
            "calibration lines; lower cells.calibration_lines or the acceleration"
        )
    density = np.where(measured, 0.0, (1 - np.abs(index) / (n_lines / 2 + 1)) ** 2)
    measured[rng.choice(n_lines, n_more, replace=False, p=density / density.sum())] = True
    return measured
