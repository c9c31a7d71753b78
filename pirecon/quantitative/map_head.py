"""The learned correction of a voxelwise fit, and the file that keeps it."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pirecon.quantitative.contrast_fit import ParameterMaps, curvature, maps_of, newton_step, typical
from pirecon.quantitative.contrasts import Contrasts

SHIPPED = Path(__file__).parent / "map_heads"
FEATURES = 12
LARGEST = 4.0  # of a feature: ln units
TAUGHT = {"default": (0.05, 0.2)}  # B0 of the shipped heads, T


class MapHead(nn.Module):
    """Refines maps with the data's pull in every direction, the precision of each, and what the neighbours say.

        p ← p + CNN(ln PD/σ, ln T1/typical, ln T2/typical, (JᵀJ + Λ)⁻¹ Jᵀ r, (JᵀJ + Λ)⁻¹ Jᵀ g, ln σ_p)

    r is what the images leave of the model, g what the k-space does, σ_p the deviation of each map. Features and change
    are relative, so proton density comes out in the units of the data; their number is the same for any number of
    contrasts and any protocol. Starts as the identity.

    Args:
        width: channels.
        dilations: of the convolutions between the first and the last.
        n_iterations: refinements, one set of weights.

    Source: in the manner of Sabidussi et al., Med Image Anal 74:102220 (2021): inference that sees the gradient of the
    likelihood; here preconditioned, and with convolutions instead of recurrent units.
    """

    def __init__(self, width: int = 32, dilations: tuple[int, ...] = (1, 2, 4, 1), n_iterations: int = 2) -> None:
        super().__init__()
        self.dilations, self.n_iterations = tuple(dilations), n_iterations
        self.head = nn.Conv2d(FEATURES, width, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(width, width, 3, padding=d, dilation=d) for d in dilations)
        self.tail = nn.Conv2d(width, 3, 3, padding=1, bias=False)
        nn.init.zeros_(self.tail.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Change of ln PD, ln T1, ln T2.

        Args:
            features: ``(batch, 12, y, x)``.

        Returns:
            ``(batch, 3, y, x)``.
        """
        x = nn.functional.relu(self.head(features))
        for layer in self.body:
            x = x + nn.functional.relu(layer(x))
        change: Tensor = self.tail(x)
        return change


def taught_elsewhere(name: str, field_strength: float) -> str:
    """What to say of a shipped head at a field that it was not taught at; empty where there is nothing to say."""
    low, high = TAUGHT.get(name, (0.0, float("inf")))
    return "" if low <= field_strength <= high else f", taught at {low:g} to {high:g} T only: compare without --head"


def head_features(
    maps: ParameterMaps,
    contrasts: Contrasts,
    *,
    residuals: tuple[Tensor, Tensor],
    field_strength: Tensor | float,
) -> Tensor:
    """What a :class:`MapHead` sees, ``(*batch, 12, z, y, x)``.

    Args:
        maps: so far.
        contrasts: protocols.
        residuals: r and g: image − model, and the same by way of k-space; real ``(*batch, contrast, z, y, x)``.
        field_strength: B0, T.
    """
    curve = curvature(contrasts, maps)
    offset = maps.logarithms() - typical(curve.model, field_strength)
    steps = [newton_step(curve, residual, offset) for residual in residuals]
    spread = -0.5 * curve.information.diagonal(dim1=-2, dim2=-1).clamp_min(1e-6).log().movedim(-1, -4)
    brightest = curve.model.amax(-4, keepdim=True)
    level = torch.cat([(1 + brightest).log() - 3, offset[..., 1:, :, :, :]], dim=-4)
    # A step of a voxel that holds nothing is noise of any size.
    return torch.cat([level, *steps, spread], dim=-4).clamp(-LARGEST, LARGEST) / 2


def refined(head: MapHead, maps: ParameterMaps, features: Tensor) -> ParameterMaps:
    """Maps changed by the head, for :func:`head_features` of them."""
    flat = features.movedim(-4, -3).reshape(-1, FEATURES, *features.shape[-2:])  # (batch · z, feature, y, x)
    change = head(flat).reshape(*features.shape[:-4], features.shape[-3], 3, *features.shape[-2:]).movedim(-3, -4)
    return maps_of(maps.logarithms() + change)


def load_map_head(name_or_path: str | Path = "default") -> MapHead:
    """A shipped head, or one that a training by Bloch consistency left in ``RUN_FOLDER/stageN/regime.safetensors``.

    Args:
        name_or_path: name of a shipped head or path of a file.

    Raises:
        FileNotFoundError: neither a shipped name nor a file.
        ValueError: not such a file.
    """
    path = SHIPPED / f"{name_or_path}.safetensors"
    path = path if path.is_file() else Path(name_or_path)
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.safetensors"))) or "none"
        raise FileNotFoundError(
            f"there is no map head {str(name_or_path)!r}: neither a file nor a shipped name (shipped: {names}); "
            '`pirecon train` with regime = "bloch_consistency" writes one'
        )
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a readable safetensors file ({error})") from error
    weights = {name.removeprefix("head."): value for name, value in tensors.items() if name.startswith("head.")}
    if "head.weight" not in weights or "dilations" not in tensors:
        raise ValueError(f"{path} holds no map head, but {sorted(tensors)[:4]}; give regime.safetensors of a run")
    head = MapHead(
        len(weights["head.weight"]),
        tuple(int(d) for d in tensors["dilations"]),
        n_iterations=int(tensors["n_iterations"]),
    )
    head.load_state_dict(weights)
    return head.eval()
