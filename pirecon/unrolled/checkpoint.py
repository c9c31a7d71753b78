"""Self-describing checkpoints: weights and what they are, in one safetensors file that runs no code when loaded."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from pirecon.unrolled.architecture import Architecture, build_network
from pirecon.unrolled.network import UnrolledNetwork

FORMAT = "pirecon unrolled network 1"
SHIPPED = Path(__file__).parent / "checkpoints"


@dataclass(frozen=True)
class ModelCard:
    """What a checkpoint says of itself.

    Attributes:
        architecture: of the network.
        version: pirecon version that trained it.
        command: command line that made it.
        training_range: (low, high) of the training scans by name: snr, acceleration, field_strength in T, …
        metrics: numbers on held-out scans, by name.
        notes: data, duration, known failures.
    """

    architecture: Architecture
    version: str
    command: str
    training_range: dict[str, tuple[float, float]]
    metrics: dict[str, float] = field(default_factory=dict)
    notes: str = ""


def save_checkpoint(path: str | Path, network: UnrolledNetwork, card: ModelCard) -> None:
    """Write weights (float32) and card to ``path``, whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().float().contiguous() for name, tensor in network.state_dict().items()}
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(tensors, part, metadata={"format": FORMAT, "card": json.dumps(asdict(card))})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_checkpoint(name_or_path: str | Path = "default") -> tuple[UnrolledNetwork, ModelCard]:
    """Network in evaluation mode and its card.

    Args:
        name_or_path: name of a shipped checkpoint or path of a ``.safetensors`` file.

    Raises:
        FileNotFoundError: neither a shipped name nor a file.
        ValueError: not a checkpoint of pirecon, or weights that do not fit the architecture it states.
    """
    path = _find(name_or_path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no mapping
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} is not a readable safetensors file ({error}); give a checkpoint that `pirecon train` wrote"
        ) from error
    card = _read_card(path, metadata)
    network = build_network(card.architecture)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"{path}: the weights do not fit the architecture that the file states ({error}); "
            "the file is damaged or was edited"
        ) from error
    return network.eval(), card


def _find(name_or_path: str | Path) -> Path:
    shipped = SHIPPED / f"{name_or_path}.safetensors"
    for path in (shipped, Path(name_or_path)):
        if path.is_file():
            return path
    names = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.safetensors"))) or "none"
    raise FileNotFoundError(
        f"there is no checkpoint {str(name_or_path)!r}: neither a file nor a shipped name (shipped: {names})"
    )


def _read_card(path: Path, metadata: dict[str, str]) -> ModelCard:
    found = metadata.get("format")
    if found != FORMAT:
        raise ValueError(
            f"{path}: expected the format {FORMAT!r}, found {found!r}; it was written by another program or version"
        )
    try:
        fields = json.loads(metadata["card"])
        fields["architecture"] = Architecture(**_in_new_words(fields["architecture"]))
        fields["training_range"] = {name: tuple(limits) for name, limits in fields["training_range"].items()}
        return ModelCard(**fields)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path}: the model card in the file cannot be read ({error}); train again with this version"
        ) from error


def _in_new_words(architecture: dict[str, Any]) -> dict[str, Any]:
    """Checkpoints before version 0.2 say "step" and "cg_iterations" for what is the scheme and its options now."""
    words = dict(architecture)
    if "step" in words:
        words["scheme"] = {"proximal": "modl", "gradient": "proximal-gradient"}[words.pop("step")]
        options = {"cg_iterations": words.pop("cg_iterations")}
        words["scheme_options"] = options if words["scheme"] == "modl" else {}
    return words
