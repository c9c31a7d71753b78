"""Simulate four contrasts of one head, quantify them, compare the maps with the truth, write the page."""

from __future__ import annotations

from pathlib import Path

import h5py
import nibabel
import numpy as np
import torch
from scipy import ndimage
from typer.testing import CliRunner

from bloch.cli import app as bloch
from experiments.machine import page_head, table
from experiments.networks import RUNS
from experiments.quantify.map_head import judge
from pirecon.cli.main import app as pirecon
from pirecon.quantitative.map_head import load_map_head

HERE = Path(__file__).parent
FOLDER = RUNS / "quantify"
SEED, SNRS = 3, (15, 40)
FIRST_NOISE_SEED = 101  # of the first contrast; every file has one of its own
COMMON = "--field 0.1 --phantom brain --matrix 1,64,64 --coils 4 --no-selective --variation 0.3 --no-true-image --quiet"
CONTRASTS = {
    "t1": "--sequence spin-echo --repetition-time 400 --echo-time 15",
    "pd": "--sequence tse --repetition-time 4000 --echo-time 15 --echo-train 8 --echo-spacing 15",
    "t2": "--sequence tse --repetition-time 4000 --echo-time 105 --echo-train 8 --echo-spacing 15",
    "ir": "--sequence flair --repetition-time 4000 --echo-time 30 --inversion-time 300",
}
CHI_SQUARE = RUNS / "physics_loss" / "unrolled-image-both-1" / "stage0" / "regime.safetensors"
WAYS = {
    "CG-SENSE": ("--method", "cg-sense"),
    "network `default`": ("--method", "unrolled"),
    "network `default`, head `default`": ("--method", "unrolled", "--head", "default"),
}
if CHI_SQUARE.exists():
    WAYS["network `default`, head taught by χ²"] = ("--method", "unrolled", "--head", str(CHI_SQUARE))
UNIFORM = 0.1  # deviation of ln T1 and ln T2 among nine voxels


def main() -> None:
    """Run the experiment."""
    torch.set_num_threads(1)
    rows = []
    for snr in SNRS:
        files = simulate(snr)
        for way, options in WAYS.items():
            rows.append([str(snr), way, *compare(quantify(files, f"{snr}-{way}", *options), files[0])])
    lines = page_head(
        "Maps of `pirecon quantify` against the truth",
        "quantify",
        f"head of seed {SEED}; `bloch simulate {COMMON} --seed {SEED} --noise-seed N --snr SNR` with N from "
        f"{FIRST_NOISE_SEED} on and",
        *(f"`{options}`" for options in CONTRASTS.values()),
    )
    header = [
        "SNR",
        "images by",
        *(f"{t} {m}, %" for t in ("T1", "T2") for m in ("error", "expected", "bias")),
        "voxels",
    ]
    lines += [
        *table(header, rows),
        "",
        "## The map head on examinations of heads that it did not see, fully sampled",
        "",
    ]
    changes = [
        [name, *(f"{100 * error:.1f}" for time in ("T1", "T2") for error in errors[time])]
        for name, errors in judge(load_map_head("default")).items()
    ]
    lines += table(["", *(f"{t} {way}, %" for t in ("T1", "T2") for way in ("by the fit", "with the head"))], changes)
    (HERE / "result.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def simulate(snr: int) -> list[Path]:
    """Raw files of all contrasts; made once."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    paths = []
    for noise_seed, (name, options) in enumerate(CONTRASTS.items(), start=FIRST_NOISE_SEED):
        path = FOLDER / f"{name}-snr{snr}-noise{noise_seed}.h5"
        if not path.exists():
            words = f"simulate {COMMON} --seed {SEED} --noise-seed {noise_seed} --snr {snr} {options} -o {path}"
            _run(bloch, words.split())
        paths.append(path)
    return paths


def quantify(files: list[Path], name: str, *options: str) -> Path:
    """Maps in a folder."""
    folder = FOLDER / name.replace(" ", "-").replace("`", "").replace(",", "").replace("χ²", "chi")
    _run(pirecon, ["quantify", *map(str, files), "-o", str(folder), "--quiet", *options])
    return folder


def compare(folder: Path, raw: Path) -> list[str]:
    """Cells of a row: error, expected error and bias of T1 and T2 in per cent, and the number of voxels."""
    with h5py.File(raw) as file:
        truth = {name: np.squeeze(np.asarray(file[f"dataset/truth/{name}"])) for name in ("T1", "T2")}
    filled = (truth["T1"] > 0) & (truth["T2"] > 0)
    logs = {name: np.log(np.where(filled, values, 1)) for name, values in truth.items()}
    uniform = ndimage.binary_erosion(filled, np.ones((3, 3)))
    for values in logs.values():
        mean, square = (ndimage.uniform_filter(v, 3) for v in (values, values**2))
        uniform &= np.sqrt(np.clip(square - mean**2, 0, None)) < UNIFORM
    cells = []
    for name in ("T1", "T2"):
        found, deviation = (_read(folder / f"{part}.nii.gz", truth[name].shape) for part in (name, f"{name}_deviation"))
        inside = uniform & np.isfinite(found)
        change = np.log(found[inside]) - logs[name][inside]
        expected = np.mean(deviation[inside] / found[inside]) * np.sqrt(2 / np.pi)
        bias = np.exp(np.median(change)) - 1
        cells += [f"{100 * np.mean(np.abs(change)):.1f}", f"{100 * expected:.1f}", f"{100 * bias:+.1f}"]
    return [*cells, str(int(inside.sum()))]


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A map with axes as the raw data has them; NIfTI's first is x."""
    return np.squeeze(nibabel.nifti1.load(path).get_fdata()).T.reshape(shape)


def _run(app: object, words: list[str]) -> None:
    result = CliRunner().invoke(app, words)  # type: ignore[arg-type]
    if result.exit_code:
        raise RuntimeError(f"{' '.join(words)}\n{result.output}") from result.exception


if __name__ == "__main__":
    main()
