"""What a checkpoint says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from pirecon.unrolled.architecture import Architecture


@dataclass(frozen=True)
class ModelCard:
    """What a user should know before trusting a network.

    Attributes:
        architecture: of the network.
        version: pirecon version that trained it.
        command: command line that made it.
        training_range: (low, high) of the training scans by name: snr, acceleration, field_strength in T, …
        metrics: numbers on held-out scans, by name.
        notes: anything else.
        data: what it was trained on, in a sentence.
        hours: of training; 0 where not recorded.
        known_failures: what it is known to do badly, a sentence each.
        purpose: what to take it for, in a few words.

    Raises:
        TypeError: ``known_failures`` is one text.
    """

    architecture: Architecture
    version: str
    command: str
    training_range: dict[str, tuple[float, float]]
    metrics: dict[str, float] = field(default_factory=dict)
    notes: str = ""
    data: str = ""
    hours: float = 0.0
    known_failures: tuple[str, ...] = ()
    purpose: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.known_failures, str):  # would be listed letter by letter
            raise TypeError(f"known_failures is the text {self.known_failures!r}; give a tuple of sentences")


def card_to_json(card: ModelCard) -> str:
    """The text that a checkpoint carries."""
    return json.dumps(asdict(card))


def card_from_json(text: str) -> ModelCard:
    """The card of a checkpoint's text.

    Raises:
        ValueError: not a card of this or of an earlier version.
    """
    try:
        fields = json.loads(text)
        fields["architecture"] = Architecture(**_in_new_words(fields["architecture"]))
        fields["training_range"] = {name: tuple(limits) for name, limits in fields["training_range"].items()}
        failures = fields.get("known_failures", ())
        fields["known_failures"] = failures if isinstance(failures, str) else tuple(failures)
        return ModelCard(**fields)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"the model card cannot be read ({error}); train again with this version") from error


def _in_new_words(architecture: dict[str, Any]) -> dict[str, Any]:
    """Earlier checkpoints say "step" and "cg_iterations" for what is the scheme and its options now, or "shared"."""
    words = dict(architecture)
    if "step" in words:
        words["scheme"] = {"proximal": "modl", "gradient": "proximal-gradient"}[words.pop("step")]
        options = {"cg_iterations": words.pop("cg_iterations")}
        words["scheme_options"] = options if words["scheme"] == "modl" else {}
    if "shared" in words:
        words["n_priors"] = 1 if words.pop("shared") else 0
    return words
