"""``pirecon models``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pirecon.unrolled import ModelCard, read_card, shipped_models

NAME = typer.Argument(metavar="NAME", help="Print the card of this shipped model or .safetensors file.")

UNITS = {"field_strength": " T"}


def models_command(name: Annotated[str | None, NAME] = None) -> None:
    """List the networks that ship, what they were trained on and how they score; or print one's card."""
    console = Console()
    if name is None:
        console.print(models_table())
    else:
        for line in card_lines(read_card(name)):
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def models_table() -> Table:
    """Name, purpose, architecture, training range and measured scores of every shipped network."""
    table = Table("name", "for", "trained on", "scores on held-out scans", show_lines=True)
    for name, card in shipped_models():
        purpose = "\n".join(part for part in (card.purpose, f"({_network(card)})") if part)
        table.add_row(name, purpose, "\n".join(_ranges(card)), "\n".join(_scores(card)) or "not measured")
    return table


def card_lines(card: ModelCard) -> list[str]:
    """The whole card, a line for each thing it says."""
    hours = f"{card.hours:g} hours" if card.hours else "not recorded"
    lines = [f"for: {card.purpose}"] if card.purpose else []
    lines += [f"network: {_network(card)}"]
    lines += [f"  {key}: {value}" for key, value in asdict(card.architecture).items()]
    lines += [f"version: {card.version}", f"command: {card.command}", f"duration: {hours}"]
    lines += [f"data: {card.data or 'not recorded'}", "training range:", *(f"  {text}" for text in _ranges(card))]
    lines += ["scores on held-out scans:", *(f"  {text}" for text in _scores(card) or ["not measured"])]
    lines += ["known failures:", *(f"  {text}" for text in card.known_failures or ("none recorded",))]
    return [*lines, f"notes: {card.notes}"] if card.notes else lines


def _network(card: ModelCard) -> str:
    architecture = card.architecture
    n_priors = architecture.n_priors
    weights = {0: "own weights", 1: "shared weights"}.get(n_priors, f"{n_priors} sets of weights")
    return f"{architecture.prior}, {architecture.scheme}, {architecture.n_iterations} iterations, {weights}"


def _ranges(card: ModelCard) -> list[str]:
    return [
        f"{name.replace('_', ' ')} {low:g} to {high:g}{UNITS.get(name, '')}"
        for name, (low, high) in card.training_range.items()
    ]


def _scores(card: ModelCard) -> list[str]:
    return [f"{name} {value:.4g}" for name, value in card.metrics.items()]
