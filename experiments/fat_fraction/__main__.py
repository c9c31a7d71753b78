"""``python -m experiments.fat_fraction``: scans vials, separates fat and water, writes result.md and a picture."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from rich.console import Console

from experiments.fat_fraction.cases import Case, Found
from experiments.fat_fraction.figure import draw
from experiments.fat_fraction.page import page
from experiments.fat_fraction.vials import FRACTIONS, Vials, reconstructed, scan, vials, with_noise
from pirecon.quantitative import FatWater, fat_and_water

HERE = Path(__file__).parent
FIGURE = HERE.parents[1] / "docs" / "figures" / "fat_fraction.png"


CASES = (
    Case(0.3, "spleen", 3.0, 1),
    Case(0.3, "muscle", 10.0, 2),
    Case(0.55, "spleen", 3.0, 3),
    Case(0.55, "muscle", 10.0, 4),
    Case(0.1, "spleen", 3.0, 5),
)
DRAWS = {20.0: 4, 10.0: 2}
"""SNR of the weakest vial → draws of the noise."""


def main() -> None:
    """Scan, separate, write."""
    console, found, shown = Console(), [], []
    for case in CASES:
        body = vials(case.lean, case.B0, inhomogeneity=case.inhomogeneity, seed=case.seed)
        played = scan(body, case.B0)
        for snr, n_draws in DRAWS.items():
            maps = []
            for draw_of_noise in range(n_draws):
                raw = with_noise(played, body, snr=snr, seed=100 * case.seed + draw_of_noise)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # that it is unreliable at SNR 10 is in the table
                    maps.append(fat_and_water(raw, *reconstructed(raw)))
            found.append(measure(case, snr, maps, body))
            if snr == max(DRAWS):
                shown.append((case, body, maps[0]))
            console.print(f"{case} SNR {snr:g}: largest bias {100 * np.abs(found[-1].bias).max():.2f}", highlight=False)
    draw(shown, FIGURE)
    (HERE / "result.md").write_text(page(found), encoding="utf-8")


def measure(case: Case, snr: float, maps: list[FatWater], body: Vials) -> Found:
    """Bias and scatter over the interior of each vial."""
    errors = np.stack([m.fat_fraction[0].numpy() for m in maps])  # (draw, y, x)
    predicted = np.stack([m.deviation[0].numpy() for m in maps])
    rows = []
    for vial, truth in enumerate(FRACTIONS):
        values = errors[:, body.interior == vial] - truth
        said = np.sqrt(np.square(predicted[:, body.interior == vial]).mean())
        rows.append((values.mean(), values.std() / np.sqrt(values.size), values.std(axis=1).mean(), said))
    truth_map = np.array([*FRACTIONS, 0.0])[body.interior]
    worst = float(np.abs(errors - truth_map)[:, body.interior >= 0].max())
    bias, error, scatter, said = np.array(rows).T
    return Found(case, snr, bias, error, scatter, said, worst)


if __name__ == "__main__":
    main()
