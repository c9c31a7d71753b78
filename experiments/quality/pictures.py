"""Comparison pictures for the documents."""

from __future__ import annotations

from pathlib import Path

import torch

from experiments.quality.real_data import NAMES, all_methods, brain_files
from pirecon.report.figures import comparison_figure
from pirecon.training.evaluation.benchmark import BenchmarkConfig, Case, make_cases, scan_case
from pirecon.training.evaluation.held_out import load_held_out
from pirecon.training.evaluation.measure import reconstruct_scan

SLICE = 2
# Which cells are drawn: (fewest coils, acceleration, SNR, number of the series).
EXAMPLES = ((1, 3, 10, 2), (4, 4, 10, 1))
DRAWN = ("adjoint", "wavelet-oracle", "tv-oracle", "unrolled")


def real_pictures(folder: Path, checkpoint: str) -> list[str]:
    """One slice of each real file by every method; returns the files' names."""
    folder.mkdir(parents=True, exist_ok=True)
    methods, written = all_methods(checkpoint), []
    for file in brain_files("brain_0.055T_*A_*.h5"):
        slice_ = file.slices[SLICE]
        images = {NAMES[name]: solve(slice_.samples, slice_.E) for name, solve in methods.items()}
        name = f"real_{file.name}.png"
        comparison_figure(
            images, folder / name, geometry=file.measurement.kspace.geometry, title=f"{file.name}, 0.055 T"
        )
        written.append(name)
    return written


def benchmark_pictures(folder: Path, config: BenchmarkConfig) -> list[str]:
    """Some scans of a benchmark with error maps; returns the files' names."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = make_cases(config, load_held_out(config.images))
    written = []
    for n_coils, acceleration, snr, series in EXAMPLES:
        case = next(
            c for c in cases if (c.coils[0], c.acceleration, c.snr, c.seed[-1]) == (n_coils, acceleration, snr, series)
        )
        name = f"{Path(config.output).stem}_{n_coils}_coils_R{acceleration}_snr{snr}.png"
        draw_case(case, config, folder / name)
        written.append(name)
    return written


def draw_case(case: Case, config: BenchmarkConfig, path: Path) -> None:
    """Every method of the benchmark on one scan, and the errors."""
    scan = scan_case(case)
    images = {}
    for method in DRAWN:
        image, strength = reconstruct_scan(scan, method, networks=config.networks)
        label = NAMES[method.removesuffix("-oracle")] + (", oracle" if strength else "")
        images[label] = torch.as_tensor(image)
    n_coils = scan.kspace.shape[0]
    title = f"{case.held_out.name}, {n_coils} coil{'s' if n_coils > 1 else ''}, R = {case.acceleration:g}, "
    comparison_figure(images, path, truth=scan.truth, title=f"{title}SNR {case.snr:g}")
