"""The tables of result.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bloch.receiver.noise import CROSSOVER_FIELD
from bloch.snr import ScanPlan, scan_time, snr_table, standard_plan, typical_homogeneity
from experiments.field_strength_snr.anatomy import Anatomy
from experiments.field_strength_snr.artefacts import PIXEL_BANDWIDTH, artefacts_at
from experiments.field_strength_snr.draws import CAUSES
from experiments.field_strength_snr.limits import limit_exponents, local_exponents, standard_receivers
from experiments.field_strength_snr.settings import Settings
from experiments.field_strength_snr.style import TITLES
from experiments.field_strength_snr.sweep import KINDS, QUANTITIES, SEQUENCES, FieldResult, keeps_limits

SHOWN = (0.05, 0.1, 0.3, 0.55, 1.5, 3.0, 7.0)
LABELS = {
    "grey_matter": "SNR grey matter",
    "white_matter": "SNR white matter",
    "grey/white": "CNR grey/white",
    "tumour/white": "CNR tumour/white",
}


def limits() -> str:
    """Exponents in the limits, the worst coil."""
    found = [limit_exponents(receiver) for receiver in standard_receivers().values()]
    rows = []
    for name, (_, wanted) in found[0].items():
        worst = max((coil[name][0] for coil in found), key=lambda value: abs(value / wanted - 1))
        rows.append([name, f"{wanted:g}", f"{worst:.4f}", f"{100 * abs(worst / wanted - 1):.2g} %"])
    return markdown(["quantity", "theory", "found (worst of three coils)", "deviation"], rows)


def intrinsic(results: Sequence[FieldResult]) -> str:
    """SNR of 1 mm³ of water per root second, and its exponent."""
    chosen = [result for result in results if result.B0 in SHOWN]
    rows = [[coil, *(interval(1e-9 * result.psi[coil]) for result in chosen)] for coil in results[0].psi]
    return markdown(["coil", *(f"{result.B0:g} T" for result in chosen)], rows)


def exponents(settings: Settings) -> str:
    """Local exponents of the receiver's SNR, with the range of the crossover field."""
    ratios = (settings.crossover_field[0] / CROSSOVER_FIELD, settings.crossover_field[1] / CROSSOVER_FIELD)
    fields = (0.05, 0.1, 0.2, 0.55, 1.5, 3.0, 7.0)
    rows = []
    for coil, receiver in standard_receivers().items():
        cells = [local_exponents(receiver, B0, ratios) for B0 in fields]
        rows.append([coil, *(f"{middle:.2f} ({low:.2f}–{high:.2f})" for low, middle, high in cells)])
    return markdown(["coil", *(f"{B0:g} T" for B0 in fields)], rows)


def one_scan() -> str:
    """The fixed scans as they are, without filling any time: ``bloch snr``."""
    receiver = standard_receivers()["8 loops"]
    rows = []
    for sequence in SEQUENCES:
        plan = standard_plan(sequence)
        found = [snr_table([B0], plan, receiver=receiver, homogeneity=typical_homogeneity(B0))[0] for B0 in SHOWN]
        rows.append(
            [TITLES[sequence], f"{found[0].scan_time / 60:.2f}", *(short(r.snr["white_matter"]) for r in found)]
        )
    return markdown(["sequence", "scan / min", *(f"{B0:g} T" for B0 in SHOWN)], rows)


def values(results: Sequence[FieldResult], kind: str, settings: Settings) -> str:
    """SNR and CNR per root minute, median and 16th to 84th percentile."""
    chosen = [result for result in results if result.B0 in SHOWN]
    rows = []
    for quantity in QUANTITIES:
        for sequence in SEQUENCES:
            cells = []
            for result in chosen:
                text = interval(result.values[sequence, kind, quantity] / math.sqrt(settings.minutes))
                kept = keeps_limits(result, result.plan(sequence, kind, quantity), settings)
                cells.append(text if kept else f"*{text}*")
            rows.append([LABELS[quantity], TITLES[sequence], *cells])
    return markdown(["per √min", "sequence", *(f"{result.B0:g} T" for result in chosen)], rows)


def times(results: Sequence[FieldResult], settings: Settings) -> str:
    """Scan time at equal SNR of white matter."""
    chosen = [result for result in results if result.B0 in SHOWN]
    rows = []
    for kind in KINDS:
        for sequence in SEQUENCES:
            cells = []
            for result in chosen:
                snr = float(np.median(result.values[sequence, kind, "white_matter"]))
                cells.append(duration(60 * settings.minutes * (settings.wanted_snr / snr) ** 2))
            rows.append([kind, TITLES[sequence], *cells])
    return markdown(["protocol", "sequence", *(f"{result.B0:g} T" for result in chosen)], rows)


def magnets(found: Mapping[float, Mapping[str, float]]) -> str:
    """What homogeneity is worth in the weakest field."""
    rows = [[TITLES[sequence], *(short(values[sequence]) for values in found.values())] for sequence in SEQUENCES]
    return markdown(["sequence", *(f"{ppm:g} ppm" for ppm in found)], rows)


def slopes(results: Sequence[FieldResult]) -> str:
    """Mean exponents of SNR and CNR in the two ranges of magnets."""
    rows = []
    for quantity in ("white_matter", "grey/white", "tumour/white"):
        for sequence in SEQUENCES:
            cells = []
            for kind in KINDS:
                for low, high in ((0.05, 0.15), (0.55, 7.0)):
                    cells.append(f"{slope(results, (sequence, kind, quantity), low, high):.2f}")
            rows.append([LABELS[quantity], TITLES[sequence], *cells])
    head = ["", "sequence", "fixed, 0.05–0.15 T", "fixed, 0.55–7 T", "optimised, 0.05–0.15 T", "optimised, 0.55–7 T"]
    return markdown(head, rows)


def slope(results: Sequence[FieldResult], key: tuple[str, str, str], low: float, high: float) -> float:
    """Mean exponent of a nominal value between two of the sweep's field strengths."""
    by_field = {result.B0: result.nominal[key] for result in results}
    return math.log(by_field[high] / by_field[low]) / math.log(high / low)


def plans(results: Sequence[FieldResult]) -> str:
    """What the optimised scans are."""
    rows = []
    for sequence in SEQUENCES:
        for criterion in ("fixed", "snr", "grey/white", "tumour/white"):
            for result in results:
                if result.B0 in (0.05, 0.55, 1.5, 7.0) and (criterion != "fixed" or result.B0 == 0.05):
                    plan = result.plans[sequence, criterion]
                    field = "all" if criterion == "fixed" else f"{result.B0:g} T"
                    best_for = "fixed" if criterion == "fixed" else f"best for {criterion.replace('snr', 'SNR')}"
                    rows.append([TITLES[sequence], best_for, field, *_plan_cells(plan)])
    head = ["sequence", "scan", "field", "TE / ms", "TR / ms", "flip / °", "train", "Hz / pixel", "scan / min"]
    return markdown(head, rows)


def spreads(results: Sequence[FieldResult]) -> str:
    """What the error bars are made of."""
    rows = []
    for quantity in ("white_matter", "grey/white", "tumour/white"):
        for kind in KINDS:
            for result in results:
                if result.B0 in (0.05, 0.55, 3.0):
                    cells = [f"{100 * result.spread[cause, kind, quantity]:.0f} %" for cause in CAUSES]
                    rows.append([LABELS[quantity], kind, f"{result.B0:g} T", *cells])
    return markdown(["", "protocol", "field", "heads", "relaxation times", "crossover field"], rows)


def artefacts(heads: Sequence[Anatomy]) -> str:
    """In Hz and in voxels."""
    susceptibility = float(np.mean([head.susceptibility for head in heads]))
    rows = []
    for B0 in (0.05, 0.064, 0.3, 0.55, 1.5, 3.0, 7.0):
        a = artefacts_at(B0, susceptibility)
        pairs = [f"{short(hz)} ({hz / PIXEL_BANDWIDTH:.2g})" for hz in (a.fat, a.susceptibility, a.magnet, a.maxwell)]
        rows.append([f"{B0:g} T", *pairs[:2], f"{a.magnet_ppm:g} ppm: {pairs[2]}", pairs[3], f"{a.maxwell_phase:.2g}"])
    head = ["field", "fat", "susceptibility ±", "magnet ±", "Maxwell, readout", "Maxwell, lobe / rad"]
    return markdown(head, rows)


def interval(values: np.ndarray) -> str:
    """Median and 16th to 84th percentile."""
    low, middle, high = np.percentile(values, (16, 50, 84))
    return f"{short(middle)} ({short(low)}–{short(high)})"


def short(value: float) -> str:
    """Three figures without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """In ms, s, min or h."""
    for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= size:
            return f"{seconds / size:.2g} {unit}"
    return f"{1e3 * seconds:.0f} ms" if seconds >= 0.01 else f"{1e3 * seconds:.1f} ms"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plan_cells(plan: ScanPlan) -> list[str]:
    protocol = plan.protocol
    flip = "90" if protocol.name in ("spin_echo", "turbo_spin_echo") else f"{math.degrees(protocol.flip_angle):.0f}"
    train = (
        "" if protocol.echo_spacing is None else f"{protocol.echo_train_length} × {1e3 * protocol.echo_spacing:.3g} ms"
    )
    return [
        f"{1e3 * protocol.echo_time:.3g}",
        f"{1e3 * protocol.repetition_time:.3g}"
        if protocol.repetition_time < 1
        else f"{1e3 * protocol.repetition_time:.0f}",
        flip,
        train,
        f"{plan.pixel_bandwidth:.0f}",
        f"{scan_time(plan) / 60:.2g}",
    ]
