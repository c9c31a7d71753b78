"""Self-describing checkpoints: weights and what they are, in one safetensors file."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pirecon.unrolled.architecture import build_network
from pirecon.unrolled.model_card import ModelCard, card_from_json, card_to_json
from pirecon.unrolled.network import UnrolledNetwork

FORMAT = "pirecon unrolled network 1"
SHIPPED = Path(__file__).parent / "checkpoints"
STORED = (torch.float32, torch.float16, torch.bfloat16)


def save_checkpoint(
    path: str | Path, network: UnrolledNetwork, card: ModelCard, *, dtype: torch.dtype = torch.float32
) -> None:
    """Write weights and card to ``path``, whole or not at all.

    Args:
        path: .safetensors file.
        network: whose weights are written.
        card: what they are.
        dtype: of kernels and matrices in the file: float16 and bfloat16 halve it. Numbers and vectors (λ, biases) stay
            float32; they take no room.

    Raises:
        ValueError: another dtype, or a weight that is too large for it.
    """
    if dtype not in STORED:
        raise ValueError(f"checkpoints store float32, float16 or bfloat16, not {dtype}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: _stored(name, tensor, dtype) for name, tensor in network.state_dict().items()}
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(tensors, part, metadata={"format": FORMAT, "card": card_to_json(card)})
        part.chmod(0o666 & ~_umask())  # safetensors writes for the owner alone
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_checkpoint(name_or_path: str | Path = "default") -> tuple[UnrolledNetwork, ModelCard]:
    """Network in evaluation mode, float32, and its card.

    The file itself runs no code; but where its card names a prior of another package by import path, that module is
    imported.

    Args:
        name_or_path: name of a shipped checkpoint or path of a ``.safetensors`` file.

    Raises:
        FileNotFoundError: neither a shipped name nor a file.
        ValueError: not a checkpoint of pirecon, a network that cannot be built here, or weights that do not fit the
            architecture it states.
    """
    path = find_checkpoint(name_or_path)
    card, weights = _read(path, with_weights=True)
    try:
        network = build_network(card.architecture)
    except ValueError as error:
        module = card.architecture.prior.partition(":")[0]
        foreign = f"; its prior is code of the module {module!r}" if ":" in card.architecture.prior else ""
        raise ValueError(
            f"{path}: the network that the file describes cannot be built here{foreign}: {error}"
        ) from error
    _check_fit(path, weights, network.state_dict())
    network.load_state_dict(weights)
    return network.eval(), card


def shipped_models() -> list[tuple[str, ModelCard]]:
    """Name and card of every checkpoint that comes with the package, in the order of the names."""
    return [(path.stem, read_card(path)) for path in sorted(SHIPPED.glob("*.safetensors"))]


def read_card(name_or_path: str | Path) -> ModelCard:
    """The card alone; nothing is built or imported. Arguments and errors as of :func:`load_checkpoint`."""
    return _read(find_checkpoint(name_or_path), with_weights=False)[0]


def _stored(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    tensor = tensor.detach().cpu().float().contiguous()
    if tensor.ndim < 2 or dtype == torch.float32:
        return tensor
    stored = tensor.to(dtype)
    if not bool(stored.isfinite().all()) and bool(tensor.isfinite().all()):
        raise ValueError(
            f"{name} holds weights of up to {tensor.abs().max():.3g}, too large for {dtype}; store bfloat16 or float32"
        )
    return stored


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def find_checkpoint(name_or_path: str | Path) -> Path:
    """The file of a shipped name or of a path.

    Raises:
        FileNotFoundError: neither a shipped name nor a file.
    """
    shipped = SHIPPED / f"{name_or_path}.safetensors"
    for path in (shipped, Path(name_or_path)):
        if path.is_file():
            return path
    names = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.safetensors"))) or "none"
    raise FileNotFoundError(
        f"there is no checkpoint {str(name_or_path)!r}: neither a file nor a shipped name (shipped: {names})"
    )


def _read(path: Path, *, with_weights: bool) -> tuple[ModelCard, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = list(file.keys()) if with_weights else []
            weights = {name: file.get_tensor(name).float() for name in names}
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} is not a readable safetensors file ({error}); give a checkpoint that `pirecon train` wrote"
        ) from error
    found = metadata.get("format")
    if found != FORMAT:
        raise ValueError(
            f"{path}: expected the format {FORMAT!r}, found {found!r}; it was written by another program or version"
        )
    try:
        return card_from_json(metadata.get("card", "")), weights
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_fit(path: Path, found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Refuse weights of another network; the first layer that differs is named."""
    for name, tensor in expected.items():
        if name not in found:
            reason = f"{name} is missing"
        elif found[name].shape != tensor.shape:
            reason = f"{name} has shape {tuple(found[name].shape)}, expected {tuple(tensor.shape)}"
        else:
            continue
        break
    else:
        if not (foreign := sorted(found.keys() - expected.keys())):
            return
        reason = f"{foreign[0]} belongs to no layer of it"
    raise ValueError(
        f"{path}: the weights do not fit the architecture that the file states: {reason}; other channel counts or "
        "layers were trained: the card was edited, or the prior's code has changed since"
    )
