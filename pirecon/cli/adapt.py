"""``pirecon adapt``."""

from __future__ import annotations

import shlex
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pirecon.cli.words import (
    Checkpoint,
    DeviceName,
    Quiet,
    RawFile,
    device_of,
    notes,
    progress_bar,
    read_raw,
)
from pirecon.measurement import calibrate
from pirecon.scan_specific import Budget, fine_tune
from pirecon.unrolled import load_checkpoint, save_checkpoint


def adapt_command(
    raw: RawFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint to write (.safetensors).")],
    checkpoint: Checkpoint = "default",
    steps: Annotated[int, typer.Option(min=1, help="Most optimiser steps.")] = 200,
    seconds: Annotated[float, typer.Option(min=1, help="Stop after this time.")] = 3600.0,
    learning_rate: Annotated[float, typer.Option(min=0, help="Of Adam.")] = 2e-4,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    device: DeviceName = "cpu",
    quiet: Quiet = False,
) -> None:
    """Fine-tune a network on one raw file, without truth (zero-shot SSDU), for `reconstruct --checkpoint`."""
    console = Console(stderr=True, quiet=quiet)
    if output.suffix != ".safetensors":
        raise typer.BadParameter(f"{output} must end in .safetensors", param_hint="--output")
    where = device_of(device)
    network, card = load_checkpoint(checkpoint)
    with notes(console), progress_bar(console, "learning") as bar:
        measurement = calibrate(read_raw(raw), device=where)
        scans = [measurement.encoding(index) for index in range(measurement.n_images)]
        budget = Budget(steps=steps, seconds=seconds, seed=seed)
        tuned, learned = fine_tune(network.to(where), scans, budget=budget, learning_rate=learning_rate, progress=bar)
    sentence = learned.sentence("zero-shot", f"the network {str(checkpoint)!r} as it was")
    console.print(sentence, highlight=False, markup=False)
    options = {
        "--output": output,
        "--checkpoint": checkpoint,
        "--steps": steps,
        "--seconds": seconds,
        "--learning-rate": learning_rate,
        "--seed": seed,
        "--device": device,
    }
    command = shlex.join(["pirecon", "adapt", str(raw), *(str(word) for pair in options.items() for word in pair)])
    # The scores are those of the weights it began with.
    said = f"{card.notes} {sentence}".strip()
    card = replace(card, version=version("pirecon"), command=command, metrics={}, notes=said)
    save_checkpoint(output, tuned, card)
    console.print(f"wrote {output}", highlight=False, markup=False)
