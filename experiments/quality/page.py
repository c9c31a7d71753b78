"""The measurements as docs/results.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.quality import prose
from experiments.quality.phase import SMOOTH, TURNS
from experiments.quality.real_data import NAMES

Part = dict[str, Any]
HEADINGS = {**NAMES, "wavelet-oracle": "L1-wavelet, oracle", "tv-oracle": "TV, oracle"}
CLASSICAL = ("adjoint", "cg-sense", "wavelet", "tv")


def write_page(path: Path, parts: Mapping[str, Part], facts: Sequence[str]) -> None:
    """Put the parts that were measured on one page."""
    lines = ["# Results", "", "Written by `make results` (`python -m experiments.quality`); do not edit.", ""]
    lines += [f"- {fact}" for fact in facts]
    sections: dict[str, Callable[[Part], list[str]]] = {
        "simulated": lambda part: _benchmark("Simulated brains never seen in training", part, SIMULATED),
        "volumes": lambda part: _benchmark("Real 3 T slices of a patient kept apart", part, VOLUMES),
        "finer": lambda part: _benchmark("The same slices on a grid twice as fine as acquired", part, FINER),
        "prediction": _prediction,
        "fidelity": _fidelity,
        "phase": _phase,
        "pictures": _pictures,
    }
    lines += ["", "## At a glance", "", *_glance(parts)]
    for name, section in sections.items():
        lines += [
            "",
            *(section(parts[name]) if name in parts else [f"The part `{name}` was not measured on this machine."]),
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def verdict(value: float, target: float, *, at_least: bool, unit: str = "") -> str:
    """``wanted ≥ 3 dB: met`` or ``missed by 0.4 dB``."""
    missing = target - value if at_least else value - target
    sign = "≥" if at_least else "≤"
    outcome = "met" if missing <= 0 else f"**missed by {missing:.2g}{unit}**"
    return f"{value:+.3g}{unit} (wanted {sign} {target:g}{unit}: {outcome})"


def _glance(parts: Mapping[str, Part]) -> list[str]:
    """One line for each thing that was wanted."""
    lines = []
    for name, label, targets in (
        ("simulated", "Simulated brains", SIMULATED),
        ("volumes", "Real 3 T slices", VOLUMES),
        ("finer", "Real 3 T slices, twice as fine as acquired", FINER),
    ):
        summary = parts.get(name, {}).get("summary", {})
        for key, target in targets.items():
            if key in summary:
                lines.append(f"- {label}, unrolled minus the better oracle, {_gain(key, summary[key], target)}")
    for kind, label in (("samples", "kept-back samples"), ("lines", "kept-back lines"), ("averages", "second average")):
        if "prediction" in parts:
            lines.append(f"- Real 0.055 T, prediction of {label}: {_lowest(parts['prediction'][kind])}")
    rows = parts.get("fidelity", {})
    if rows:
        white, air = (sum(row[key] < CHI2 for row in rows.values()) for key in ("chi2", "chi2 air"))
        bright = sum(abs(row["ratio worst"] - 1) <= CONTRAST for row in rows.values())
        lines.append(
            f"- Real 0.055 T, low-passed difference below χ² = {CHI2} (wanted: all {len(rows)} files): "
            f"{white} files for white noise of the estimated level, {air} for the noise found in the air"
        )
        lines.append(
            f"- Real 0.055 T, bright regions within {100 * CONTRAST:g} % in every slice: {bright} of {len(rows)} files"
        )
    if "phase" in parts:
        largest = max(row["largest"] for row in parts["phase"].values())
        lines.append(f"- Largest change of a magnitude by linear phases of several wraps: {100 * largest:.4f} %")
        for name in SMOOTH:
            change = 100 * max(row[name] for row in parts["phase"].values())
            outcome = verdict(change, 1, at_least=False, unit=" %")
            lines.append(f"- Largest change inside the object by a smooth phase, {name}: {outcome}")
    return lines


SIMULATED = {"gain": 5.0}
VOLUMES = {"gain": 2.0, "gain R >= 3": 3.0, "gain worst cell": 0.0, "gain ssim": 0.03}
FINER = {"gain": 1.5, "gain sharpness": 0.0}
GAINS = {
    "gain": "PSNR, mean over all cells",
    "gain R >= 3": "PSNR, mean over R ≥ 3",
    "gain R < 3": "PSNR, mean over R < 3",
    "gain worst cell": "PSNR, worst cell",
    "gain ssim": "SSIM, mean over all scans",
    "gain sharpness": "sharpness of edges, mean over all scans",
}
CHI2, CONTRAST = 1.1, 0.03


def _gain(key: str, value: float, target: float | None) -> str:
    unit = "" if key in ("gain ssim", "gain sharpness") else " dB"
    text = f"{value:+.3g}{unit}" if target is None else verdict(value, target, at_least=True, unit=unit)
    return f"{GAINS[key]}: {text}"


def _benchmark(title: str, part: Part, targets: Mapping[str, float]) -> list[str]:
    config, summary, methods = part["config"], part["summary"], part["config"]["methods"]
    cells = config["cells"]
    images = part["cells"][0]["n_images"]
    lines = [
        f"## {title}",
        "",
        f"{len(part['cases'])} scans, {images} images in each cell; matrices (y, x): "
        + ", ".join(sorted({"{} × {}".format(*case["matrix"]) for case in part["cases"]}))
        + f"; seed {config['seed']}. "
        + prose.BENCHMARK.format(**cells),
        "",
        "Unrolled minus the better oracle:",
        "",
    ]
    lines += [f"- {_gain(name, summary[name], targets.get(name))}" for name in GAINS if name in summary]
    header = ["coils", "R", "SNR", *(HEADINGS[m] for m in methods), "gain, dB"]
    for metric, label, digits in (
        ("psnr", "PSNR, dB", 2),
        ("ssim", "SSIM", 3),
        ("nrmse", "NRMSE", 3),
        ("sharpness", "Sharpness", 3),
    ):
        rows = [_cell_row(cell, methods, metric, digits) for cell in part["cells"]]
        mean = ["all", "", "", *(f"{summary[f'{m} {metric}']:.{digits}f}" for m in methods)]
        gain = [f"{summary['gain']:+.2f}"] if metric == "psnr" and "gain" in summary else []
        titles = header if metric == "psnr" else header[:-1]
        lines += ["", f"{label}:", "", *table(titles, [*rows, mean + gain])]
    return lines


def _cell_row(cell: Part, methods: Sequence[str], metric: str, digits: int) -> list[str]:
    low, high = cell["coils"]
    row = [str(low) if low == high else f"{low}–{high}", f"{cell['acceleration']:g}", f"{cell['snr']:g}"]
    row += [f"{cell['methods'][m][metric]:.{digits}f}" for m in methods]
    if metric == "psnr" and cell["gain"] is not None:
        row.append(f"{cell['gain']:+.2f}")
    return row


def _prediction(part: Part) -> list[str]:
    lines = [
        "## Real 0.055 T data: predicting what was kept back",
        "",
        prose.PREDICTION,
    ]
    for kind, title in (
        ("samples", "A random tenth of the measured samples, none of the central 17 × 17"),
        ("lines", "A random tenth of the phase-encode lines, none of the central 17"),
    ):
        lines += ["", f"### {title}", "", _lowest(part[kind]), "", *_chi2_table(part[kind], "zero")]
    lines += [
        "",
        "### Two averages: reconstructed from the first, compared with all samples of the second",
        "",
        prose.AVERAGES,
        "",
        _lowest(part["averages"]),
        "",
        *_chi2_table(part["averages"], "itself"),
    ]
    return lines


def _lowest(rows: Part) -> str:
    won = [name for name, row in rows.items() if row["unrolled"] < min(row[m] for m in CLASSICAL)]
    lost = {name: row["unrolled"] - min(row[m] for m in CLASSICAL) for name, row in rows.items() if name not in won}
    if not lost:
        return f"Unrolled is lowest on {len(won)} of {len(rows)} files (wanted: all: met)."
    by = ", ".join(f"{name} by {value:.3g}" for name, value in lost.items())
    return f"Unrolled is lowest on {len(won)} of {len(rows)} files (wanted: all: **missed on {by}**)."


def _chi2_table(rows: Part, reference: str) -> list[str]:
    columns = [*NAMES, reference]
    body = [[name, *(f"{row[c]:.4f}" for c in columns)] for name, row in rows.items()]
    return table(["file", *(NAMES.get(c, c) for c in columns)], body)


def _fidelity(part: Part) -> list[str]:
    body = []
    for name, row in part.items():
        contrast = abs(row["ratio worst"] - 1)
        body.append(
            [
                name,
                f"{row['chi2']:.2f}",
                _below(row["chi2"], CHI2),
                f"{row['air']:.2f}",
                f"{row['chi2 air']:.2f}",
                f"{row['chi2 air worst']:.2f}",
                _below(row["chi2 air"], CHI2),
                f"{row['ratio']:.3f}",
                f"{row['ratio worst']:.3f} ± {row['ratio error']:.3f}",
                "met" if contrast <= CONTRAST else f"**missed by {100 * (contrast - CONTRAST):.1f} %**",
            ]
        )
    header = [
        "file",
        "χ², white noise",
        f"< {CHI2}",
        "σ in air / σ",
        "χ², noise of the air",
        "worst slice",
        f"< {CHI2}",
    ]
    header += ["brightness", "worst slice", f"within {100 * CONTRAST:g} %"]
    return [
        "## Real 0.055 T data: fidelity",
        "",
        prose.FIDELITY,
        "",
        *table(header, body),
    ]


def _below(value: float, limit: float) -> str:
    return "met" if value < limit else f"**missed by {value - limit:.2g}**"


def _phase(part: Part) -> list[str]:
    linear = [[name, f"{100 * row['largest']:.4f} %", f"{100 * row['rms']:.5f} %"] for name, row in part.items()]
    names = [*SMOOTH, *TURNS]
    others = [[name, *(f"{100 * row[key]:.3f} %" for key in names)] for name, row in part.items()]
    return [
        "## Independence of phase and orientation",
        "",
        prose.PHASE,
        "",
        *table(["data", "largest change", "root mean square"], linear),
        "",
        prose.ORIENTATION,
        "",
        *table(["data", *names], others),
    ]


def _pictures(part: Part) -> list[str]:
    lines = ["## Pictures"]
    for title, names in part.items():
        lines += ["", f"### {title}"]
        for name in names:
            lines += ["", f"![{Path(name).stem.replace('_', ' ')}](figures/{name})"]
    return lines


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown, first column left, the others right."""
    marks = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(row)} |" for row in (header, marks, *rows)]


def load_parts(folder: Path) -> dict[str, Part]:
    """Every part that was measured, from ``folder``."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
