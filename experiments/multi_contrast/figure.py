"""One scan of patient S6A: zero-filled, by both networks, with a wrong guide, the guide and the truth."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from experiments.multi_contrast.measure import UNGUIDED, of_scan, prepared_guide
from experiments.multi_contrast.pairs import Pair, real_pairs, simulated_pairs
from experiments.multi_contrast.scans import MATRIX, Cell, guides_of, target_scan
from pirecon.algebra.fft import centred_ifft, crop_or_pad_centre
from pirecon.report.metrics import psnr
from pirecon.training.scans.simulation import Scan
from pirecon.unrolled import UnrolledNetwork

CELL = Cell(2.0, 15.0, 1.0)


@torch.no_grad()
def figure(networks: tuple[UnrolledNetwork, UnrolledNetwork], path: Path) -> None:
    """Rows: a real T2w and FLAIR pair and a simulated head; columns as the module says."""
    matplotlib.use("Agg")
    real = real_pairs()
    shown = [(1, real[1]), (6, real[6]), (3, simulated_pairs(8)[3])]
    panels, axes = plt.subplots(len(shown), 7, figsize=(14, 6.4), layout="constrained")
    for row, (number, pair) in zip(axes, shown, strict=True):
        for axis, (title, image) in zip(row, _images(networks, 2 * number, pair).items(), strict=True):
            values = image.abs()[0]
            axis.imshow(values, cmap="gray", vmin=0, vmax=float(values.quantile(0.995)), interpolation="nearest")
            axis.set_title(title, fontsize=8)
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(pair.name, fontsize=8)
    panels.savefig(path, dpi=110)
    plt.close(panels)


def _images(networks: tuple[UnrolledNetwork, UnrolledNetwork], number: int, pair: Pair) -> dict[str, Tensor]:
    """By title; an even number is one coil."""
    scan, guides = target_scan(pair.target, CELL, number), guides_of(pair, number)
    prepared = {name: prepared_guide(scan, guides[name]) for name in ("right, moved", "other head")}
    found = of_scan(scan, *networks, prepared)
    scored = {"unguided": UNGUIDED, "guided": "right, moved", "wrong guide": "other head"}
    titles = {f"{title}\n{psnr(found[name], scan.truth):.1f} dB": found[name] for title, name in scored.items()}
    zero_filled = _zero_filled(scan)
    return {
        f"zero-filled, {CELL.super_resolution:g}×\n{psnr(zero_filled, scan.truth):.1f} dB": zero_filled,
        **titles,
        f"guide (moved)\ntrust {float(prepared['right, moved'][1].mean()):.2f}": guides["right, moved"],
        f"wrong guide\ntrust {float(prepared['other head'][1].mean()):.2f}": guides["other head"],
        "truth": scan.truth,
    }


def _zero_filled(scan: Scan) -> Tensor:
    """Of the one coil, ``(1, y, x)``."""
    return centred_ifft(crop_or_pad_centre(scan.kspace[0], MATRIX), (-2, -1))
