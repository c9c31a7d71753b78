"""The result page: tables and what they say."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence

from experiments.machine import page_head, table
from experiments.multi_contrast.measure import NO_GUIDE, UNGUIDED, LesionRow, Row
from experiments.multi_contrast.scans import CELLS, GUIDES, SAME_NOISE, WRONG, Cell

PARTS = {"Simulated heads": False, "Real 3 T pairs of patient S6A, T1w guides T2w and FLAIR": True}
TRUSTED = 0.1  # mean trust over the head above which a guide counts as believed
BELIEVED = f"trust > {TRUSTED:g}"
RATIOS = sorted({cell.super_resolution for cell in CELLS})
METRICS = (("psnr", "PSNR, dB", 2), ("ssim", "SSIM", 3), ("sharpness", "edges", 3))
Costs = Mapping[int, tuple[Mapping[str, float], ...]]


def page(rows: Sequence[Row], lesions: Sequence[LesionRow], costs: Costs) -> list[str]:
    """All lines of result.md."""
    main = [row for row in rows if _cell(row) in CELLS]
    lines = page_head(
        "Does another contrast help, and does a wrong one harm?",
        "multi_contrast",
        f"{len({row.image for row in rows})} pairs in {len(CELLS)} settings: super-resolution 1, 1.5 and 2, SNR 5 and "
        "15 of the acquired voxel, R 1 and 2; one coil and four",
        *(_cost(seed, both) for seed, both in costs.items()),
        "± is twice the standard error over pairs (a pair's settings and trainings are averaged first)",
    )
    lines += ["## Answer", "", *_answer(main, lesions), ""]
    for title, real in PARTS.items():
        part = [row for row in main if row.real == real]
        lines += [f"## {title}", "", *table(*_quality(part)), "", *table(*_gains(part)), ""]
    lines += ["## Wrong guides", "", *table(*_wrong(main)), "", *_worst(main), ""]
    lines += ["## Lesions in one contrast only", "", *table(*_lesions(lesions)), "", *_about_lesions(lesions), ""]
    lines += ["## Scan time", "", *(_scan_time(rows, real) for real in (False, True)), ""]
    return [*lines, "![Target, results, guides and truth](guides.png)"]


def _cost(seed: int, both: tuple[Mapping[str, float], ...]) -> str:
    guided, unguided = both
    return (
        f"Training {seed}: {guided['parameters']:,.0f} parameters each; {guided['steps']:.0f} steps in "
        f"{guided['minutes']:.1f} min guided, {unguided['steps']:.0f} in {unguided['minutes']:.1f} min unguided"
    )


def _cell(row: Row) -> Cell:
    return Cell(row.super_resolution, row.snr, row.acceleration)


def _answer(rows: Sequence[Row], lesions: Sequence[LesionRow]) -> list[str]:
    """In a few lines; the numbers say whether it is good news."""
    lines = []
    for title, real in PARTS.items():
        part = [row for row in rows if row.real == real]
        believed = {
            kind: 100 * statistics.fmean(row.trust > TRUSTED for row in part if row.guide in names)
            for kind, names in (("right", ("right, moved",)), ("wrong", WRONG))
        }
        wrong = ", ".join(f"{name} {difference(part, name, NO_GUIDE)} dB" for name in WRONG)
        lines.append(
            f"- {title.partition(',')[0]}: the moved right guide against the unguided network "
            f"{difference(part, 'right, moved', UNGUIDED)} dB (believed in {believed['right']:.0f} % of the scans). "
            f"Wrong guides against none: {wrong} (believed in {believed['wrong']:.0f} %)."
        )
    settings = {cell: [row for row in rows if _cell(row) == cell] for cell in CELLS}
    gains = {
        cell: statistics.fmean(row.psnr for row in some if row.guide == "right, moved")
        - statistics.fmean(row.psnr for row in some if row.guide == UNGUIDED)
        for cell, some in settings.items()
    }
    least, most = min(CELLS, key=gains.__getitem__), max(CELLS, key=gains.__getitem__)
    change = {
        where: statistics.fmean(row.guided - row.unguided for row in lesions if row.where == where)
        for where in ("guide", "target")
    }
    inverted = (
        f"{difference([row for row in rows if row.real == real], 'right, inverted', NO_GUIDE)} dB on {name}"
        for name, real in (("simulated heads", False), ("real pairs", True))
    )
    return [
        *lines,
        f"- It depends on the scan: {gains[least]:+.2f} dB ({_said(least)}) to {gains[most]:+.2f} dB ({_said(most)})."
        + (" **In the first setting a right guide harms.**" if gains[least] < 0 else ""),
        f"- A right guide with its grey values turned around, against none: {', '.join(inverted)}.",
        f"- A lesion that only the guide shows appears with {100 * change['guide']:+.1f} % of its contrast on average; "
        f"one that only the target shows changes by {100 * change['target']:+.1f} %.",
    ]


def _said(cell: Cell) -> str:
    return f"{cell.super_resolution:g}×, SNR {cell.snr:g}, R {cell.acceleration:g}"


def _quality(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """One line for each guide."""
    header = ["guide", *(title for _, title, _ in METRICS), "PSNR − unguided", "PSNR − no guide", "trust", BELIEVED]
    body = []
    for name in (UNGUIDED, NO_GUIDE, *GUIDES):
        mine = [row for row in rows if row.guide == name]
        means = [f"{statistics.fmean(getattr(row, f) for row in mine):.{digits}f}" for f, _, digits in METRICS]
        differences = [difference(rows, name, other) if name != other else "" for other in (UNGUIDED, NO_GUIDE)]
        trust = ["", ""]
        if name in GUIDES:
            share = 100 * statistics.fmean(row.trust > TRUSTED for row in mine)
            trust = [f"{statistics.fmean(row.trust for row in mine):.2f}", f"{share:.0f} %"]
        body.append([name, *means, *differences, *trust])
    return header, body


def _gains(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """PSNR of the moved right guide minus the unguided network, by setting."""
    header = ["right, moved − unguided, dB", *(f"{ratio:g}×" for ratio in RATIOS), "trust"]
    body = []
    for snr in (5.0, 15.0):
        for acceleration in (1.0, 2.0):
            mine = [row for row in rows if row.snr == snr and row.acceleration == acceleration]
            by_ratio = ([row for row in mine if row.super_resolution == ratio] for ratio in RATIOS)
            cells = [difference(some, "right, moved", UNGUIDED) for some in by_ratio]
            trust = statistics.fmean(row.trust for row in mine if row.guide == "right, moved")
            body.append([f"SNR {snr:g}, R {acceleration:g}", *cells, f"{trust:.2f}"])
    return header, body


def difference(rows: Sequence[Row], name: str, other: str) -> str:
    """Mean difference of PSNR and twice its standard error over pairs, ``+0.52 ± 0.10``."""
    by_image = {
        image: statistics.fmean(row.psnr for row in rows if row.image == image and row.guide == name)
        - statistics.fmean(row.psnr for row in rows if row.image == image and row.guide == other)
        for image in {row.image for row in rows}
    }
    error = 2 * statistics.stdev(by_image.values()) / math.sqrt(len(by_image)) if len(by_image) > 1 else math.nan
    return f"{statistics.fmean(by_image.values()):+.2f} ± {error:.2f}"


def _wrong(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    header = ["wrong guide", "shown", BELIEVED, "largest trust", "change, %", "agreement", "chance", "imported"]
    body = []
    for real in (False, True):
        for name in WRONG:
            mine = [row for row in rows if row.guide == name and row.real == real]
            imported = [row.agreement > row.chance + 0.05 and row.change > 0.01 for row in mine]
            believed = statistics.fmean(row.trust > TRUSTED for row in mine)
            changed = [row for row in mine if row.change > 1e-6]
            body.append(
                [
                    f"{name}, {'real' if real else 'simulated'}",
                    str(len(mine)),
                    f"{100 * believed:.0f} %",
                    f"{max(row.trust for row in mine):.2f}",
                    f"{100 * statistics.fmean(row.change for row in mine):.2f}",
                    *(f"{_mean(getattr(row, f) for row in changed):.3f}" for f in ("agreement", "chance")),
                    f"{100 * statistics.fmean(imported):.0f} %",
                ]
            )
    return header, body


def _worst(rows: Sequence[Row]) -> list[str]:
    """The image that a wrong guide harmed most."""
    without = {(row.seed, row.image, _cell(row)): row.psnr for row in rows if row.guide == NO_GUIDE}
    losses = [(row.psnr - without[row.seed, row.image, _cell(row)], row) for row in rows if row.guide in WRONG]
    loss, row = min(losses, key=lambda pair: pair[0])
    harmed = 100 * statistics.fmean(difference < -0.1 for difference, _ in losses)
    return [
        f"{harmed:.1f} % of the wrong guides cost more than 0.1 dB against no guide. The worst: {loss:+.2f} dB "
        f"({row.guide}, {row.image}, {row.super_resolution:g}×, SNR {row.snr:g}, R {row.acceleration:g}, trust "
        f"{row.trust:.2f}). Agreement and chance are means over the guides that changed anything; chance is the best "
        "of three mirror images, so that unrelated edges lie below it. Imported: agreement more than 0.05 above "
        "chance, and a change of more than 1 %. Another slice of the same head shares structures; those may be used.",
    ]


def _lesions(rows: Sequence[LesionRow]) -> tuple[list[str], list[list[str]]]:
    header = ["lesion only in the", "super-resolution", "n", "without guide", "with guide", "difference", "truth"]
    body = []
    for where in ("target", "guide"):
        for ratio in sorted({row.super_resolution for row in rows}):
            mine = [row for row in rows if row.where == where and row.super_resolution == ratio]
            values = [_spread([getattr(row, f) for row in mine]) for f in ("unguided", "guided")]
            change = _spread([row.guided - row.unguided for row in mine])
            truth = "1.00" if where == "target" else _spread([row.healthy for row in mine])
            body.append([where, f"{ratio:g}×", str(len(mine)), *values, change, truth])
    return header, body


def _about_lesions(rows: Sequence[LesionRow]) -> list[str]:
    most = max(rows, key=lambda row: abs(row.guided - row.unguided))
    return [
        "Contrast to the surroundings over that of the lesion in the noise-free target, mean ± standard deviation over "
        f"lesions and trainings; SNR {most.snr:g}, R 1. Largest change by a guide: {most.guided - most.unguided:+.2f} "
        f"({most.image}, lesion only in the {most.where}, {most.super_resolution:g}×)."
    ]


def _scan_time(rows: Sequence[Row], real: bool) -> str:
    """Which share of the lines the guided network needs for the best PSNR that the unguided one has with any."""
    said = []
    for snr in (4.0, 8.0):
        cells = [cell for cell in SAME_NOISE if math.isclose(cell.snr, snr * cell.super_resolution)]
        mine = [row for row in rows if row.real == real]
        alone, helped = ([_psnr(mine, cell, name) for cell in cells] for name in (UNGUIDED, "right, moved"))
        ratios = [cell.super_resolution for cell in cells]
        best = alone.index(max(alone))
        equal = crossing(ratios[best:], helped[best:], alone[best])
        columns = zip(ratios, alone, helped, strict=True)
        shown = ", ".join(f"{ratio:g}×: {a:.2f} / {b:.2f}" for ratio, a, b in columns)
        said.append(
            f"at SNR {snr:g} of the fine voxel the unguided network is best with voxels {ratios[best]:g}× as coarse; "
            f"the guided one is as good up to {equal:.2f}×, with {100 * (1 - ratios[best] / equal):.0f} % fewer lines "
            f"(unguided / guided, dB: {shown})"
        )
    return f"**{'Real pairs' if real else 'Simulated heads'}**, the same noise in every sample: {'; '.join(said)}.\n"


def _psnr(rows: Sequence[Row], cell: Cell, name: str) -> float:
    return statistics.fmean(row.psnr for row in rows if _cell(row) == cell and row.guide == name)


def crossing(ratios: Sequence[float], values: Sequence[float], level: float) -> float:
    """The largest ratio up to which the values stay at or above a level, by linear interpolation; 1 where none does."""
    reached = ratios[0]
    for (left, a), (right, b) in itertools.pairwise(zip(ratios, values, strict=True)):
        if a < level:
            break
        reached = right if b >= level else left + (right - left) * (a - level) / (a - b)
    return reached


def _mean(values: object) -> float:
    found = list(values)  # type: ignore[call-overload]
    return statistics.fmean(found) if found else 0.0


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
