"""Train the networks, judge them at every field, write the page."""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from pathlib import Path

import torch
from torch import Tensor

from experiments.machine import page_head, table
from experiments.networks import RUNS, cost, with_error
from experiments.physics_loss.heads import FIELDS, SEED, Batch, pairs
from experiments.physics_loss.judge import Solve, judge
from experiments.physics_loss.networks import LOSSES, SEEDS, USES, head_of, train_network
from experiments.physics_loss.picture import draw
from pirecon.encoding import CartesianSense
from pirecon.quantitative.map_head import load_map_head
from pirecon.unrolled import UnrolledNetwork, load_checkpoint

HERE = Path(__file__).parent
COLUMNS = {
    "psnr": ("PSNR, dB", 2, 1.0),
    "ssim": ("SSIM", 3, 1.0),
    "recovered": ("recovered, %", 0, 100.0),
    "invented": ("invented, %", 1, 100.0),
    "false_edges": ("false edges, %", 2, 100.0),
    "spots": ("spots", 2, 1.0),
    "lesion": ("lesion kept, %", 0, 100.0),
    "disagreement": ("disagreement, %", 2, 100.0),
    "T1": ("T1 error, %", 1, 100.0),
    "T2": ("T2 error, %", 1, 100.0),
}
CONTRASTS = ("T1w", "T2w", "PDw", "FLAIR or inverted")
Judged = dict[str, dict[str, list[dict[str, float]]]]  # field -> row -> one for each training


def main() -> None:
    """Run the experiment, or train only."""
    parser = argparse.ArgumentParser(prog="python -m experiments.physics_loss", description=__doc__)
    parser.add_argument("--train", action="store_true", help="train what is missing, and stop")
    arguments = parser.parse_args()
    networks = {
        (use, loss, seed): train_network(use, loss, seed) for seed, use, loss in itertools.product(SEEDS, USES, LOSSES)
    }
    if arguments.train:
        return
    torch.set_num_threads(1)
    judged: Judged = {name: judge_field(list(pairs(field)), networks) for name, field in FIELDS.items()}
    (RUNS / "physics_loss" / "judged.json").write_text(json.dumps(judged, indent=1), encoding="utf-8")
    shown = {f"{use}, {loss}": networks[use, loss, SEEDS[0]] for use, loss in itertools.product(USES, LOSSES)}
    draw({name: solver(load_checkpoint(path)[0].eval()) for name, path in shown.items()}, HERE / "pictures.png")
    (HERE / "result.md").write_text("\n".join(page(judged, networks)) + "\n", encoding="utf-8")


def solver(network: UnrolledNetwork) -> Solve:
    """A network as what makes images."""
    return lambda batch, E: network(batch["kspace"], E)


def start_image(batch: Batch, E: CartesianSense) -> Tensor:
    """What every network starts from: regularised CG-SENSE."""
    from pirecon.unrolled.start import cg_sense_start

    return cg_sense_start(E.adjoint(batch["kspace"]), E)[0]


def judge_field(
    batches: list[tuple[Batch, Batch]], networks: dict[tuple[str, str, int], str]
) -> dict[str, list[dict[str, float]]]:
    """Everything measured at one field, by row of the tables."""
    found = {
        "truth": [judge(lambda batch, E: batch["truth"], batches)],
        "start image": [judge(start_image, batches)],
    }
    for (use, loss, _), path in networks.items():
        head = load_map_head(head_of(path)) if "bloch" in LOSSES[loss][0] else None
        network = load_checkpoint(path)[0].eval()
        found.setdefault(f"{use}, {loss}", []).append(judge(solver(network), batches, head))
    return found


def page(judged: Judged, networks: dict[tuple[str, str, int], str]) -> list[str]:
    """The result page."""
    costs = [cost(path) for path in networks.values()]
    n_exams = sum(len(batch["gain"]) for _, batch in pairs(FIELDS["0.3 T"]))
    lines = page_head(
        "Losses with physics: less invented, better across fields?",
        "physics_loss",
        f"{n_exams} examinations of 5 contrasts with and without lesion at each field, seed {SEED}",
        f"trainings with seeds {', '.join(map(str, SEEDS))}: {costs[0]['steps']:.0f} steps each on the same batches, "
        f"{costs[0]['parameters']:,.0f} parameters",
    )
    conclusion = HERE / "conclusion.md"
    if conclusion.exists():
        lines += [conclusion.read_text(encoding="utf-8").strip(), ""]
    for field, rows in judged.items():
        lines += [f"## {field}", "", *table(["", *(title for title, _, _ in COLUMNS.values())], body(rows, COLUMNS))]
        lines += [""]
    for metric, digits in (("psnr", 2), ("ssim", 3)):
        columns = {f"{metric} {n}": (name, digits, 1.0) for n, name in enumerate(CONTRASTS)}
        for field, rows in judged.items():
            lines += [f"## {metric.upper()} of every contrast, {field}", ""]
            lines += [*table(["", *CONTRASTS], body(rows, columns)), ""]
    heads = {f"{name}{by}": (f"{name}{by}, %", 1, 100.0) for name in ("T1", "T2") for by in ("", " by the head")}
    lines += ["## Maps after the head that χ² taught, no map being shown to it", ""]
    for field, rows in judged.items():
        with_head = {name: found for name, found in rows.items() if "T1 by the head" in found[0]}
        lines += [f"{field}:", "", *table(["", *(t for t, _, _ in heads.values())], body(with_head, heads)), ""]
    return [*lines, "![T2-weighted images of one head at 1.5 T](pictures.png)"]


def body(rows: dict[str, list[dict[str, float]]], columns: dict[str, tuple[str, int, float]]) -> list[list[str]]:
    """Rows of a table: means over the trainings with their deviation."""
    return [[name, *(_cell(found, key, d, s) for key, (_, d, s) in columns.items())] for name, found in rows.items()]


def _cell(found: list[dict[str, float]], key: str, digits: int, scale: float) -> str:
    values = [scale * one[key] for one in found if key in one]
    if not values or values[0] == float("inf"):
        return "–"
    return with_error((statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0), digits)


if __name__ == "__main__":
    main()
