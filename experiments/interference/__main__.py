"""``python -m experiments.interference``: with sensing coils and without; writes result.md and pictures."""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib
import numpy as np
import torch
from rich.console import Console

from experiments.interference import coils, real
from experiments.interference.scans import clean_scan
from experiments.machine import page_head
from pirecon.algebra.fft import centred_ifft
from pirecon.rawdata import RawData, sort_kspace

matplotlib.use("Agg")

HERE = Path(__file__).parent
MATRIX, B0, N_COILS = 64, 0.055, 4
SEEDS = (1, 2, 3)
SHOWN = ("two lines, 3 sensing", "two broad-band, 3 sensing", "two lines and two broad-band, 1 sensing")


def sensing_coils() -> list[str]:
    """Rows of every case; writes a picture: without interference, with it, and cancelled."""
    scans = [clean_scan(seed, matrix=MATRIX, B0=B0, n_coils=N_COILS) for seed in SEEDS]
    rows, shown = [], []
    with tempfile.TemporaryDirectory() as folder:
        clean = coils.as_raw(scans[0].scan, Path(folder))
        for case in coils.CASES:
            outcomes = [
                coils.outcome(scan, case, Path(folder), seed=seed) for seed, scan in zip(SEEDS, scans, strict=True)
            ]
            rows.append(said(coils.row(case.name, outcomes)))
            if case.name in SHOWN:
                shown.append(np.concatenate([picture(r) for r in (clean, *outcomes[0].raw)], axis=1))
    save("sensing_coils.png", np.concatenate(shown) / picture(clean).max())
    return rows


def picture(raw: RawData) -> np.ndarray:
    """Root of the sum of squares over coils, ``(y, x)``."""
    image = centred_ifft(sort_kspace(raw).data, (-2, -1)).abs().square().sum(dim=-4).sqrt()
    return np.asarray(image.reshape(image.shape[-2:]).numpy())


def real_files() -> list[str]:
    """Rows of both files; writes a picture: second slice as measured, weighted by averages, lowered, caged."""
    rows, columns = [], []
    for file in real.FILES:
        found, images = real.rows(file)
        rows += [said(row) for row in found]
        names = ("measured", "weights of columns (averages)", "lower columns") if file == "uncaged" else ("measured",)
        columns += [np.asarray(images[name][1].numpy()) for name in names]
    head = max(float(c[:, real.HEAD_COLUMNS].max()) for c in columns)
    save("real.png", np.concatenate(columns, axis=1) / head)
    return rows


def save(name: str, image: np.ndarray) -> None:
    """Grey, twice as large."""
    import matplotlib.pyplot as plt

    plt.imsave(HERE / name, image.clip(0, 1).repeat(2, 0).repeat(2, 1) ** 0.7, cmap="gray", vmin=0, vmax=1)


def said(row: str) -> str:
    """Print it."""
    Console().print(row, highlight=False, soft_wrap=True)
    return row


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    lines = page_head(
        "Interference, with and without sensing coils", "interference", f"Matrix {MATRIX}², {B0} T, seeds {SEEDS}"
    )
    lines += [
        "## With sensing coils",
        "",
        *coils.HEAD.split("\n"),
        *sensing_coils(),
        "",
        "![without interference, with it, cancelled](sensing_coils.png)",
        "",
        "Without interference, with it, cancelled: " + "; ".join(SHOWN) + ".",
        "",
        "## Without sensing coils: outside the cage and inside",
        "",
    ]
    if not real.DATA.is_dir():
        lines += ["Not measured: the real files are not beside this checkout.", ""]
    else:
        lines += [*real.HEADING.split("\n"), *real_files(), "", "![real](real.png)", ""]
        lines += ["Unrolled, one average, second slice: as measured, columns weighted, lowered; inside the cage.", ""]
    (HERE / "result.md").write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
