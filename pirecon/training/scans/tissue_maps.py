"""From painted anatomy to proton density and relaxation maps of one person at one field strength."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bloch.phantom import Phantom, protocol_signal
from bloch.sequence import Protocol
from pirecon.training.scans.anatomy import BLOCH_CODE
from pirecon.training.scans.image_library import SIZE, in_parallel, load_library
from pirecon.training.scans.whole_cache import code_digest

SPREAD = (0.04, 0.07, 0.07)  # of ln PD, ln T1, ln T2, between persons and within a tissue; as in bloch.phantom.texture


@dataclass(frozen=True, eq=False)
class TissueMaps:
    """Two tissues share a voxel of the fine grid; the rest is air.

    Attributes:
        fractions: volume fractions, float32 ``(2, y, x)``.
        proton_density, T1, T2, T2_star: of each, float32 ``(2, y, x)``; times in s.
    """

    fractions: Tensor
    proton_density: Tensor
    T1: Tensor
    T2: Tensor
    T2_star: Tensor


def anatomy_image(seed: int) -> np.ndarray:
    """Brain slice number ``seed``: the two main tissues of each voxel and their fractions, ``(4, SIZE, SIZE)``."""
    from bloch.phantom import random_brain_slice  # nilearn is slow to import

    phantom = random_brain_slice(torch.Generator().manual_seed(1_000_003 * seed + 3), matrix=(SIZE, SIZE))
    return two_tissues(phantom)


def two_tissues(phantom: Phantom) -> np.ndarray:
    """The two main tissues of each voxel of a slice, as rows of :func:`tissue_names`, and their fractions."""
    names = tissue_names()
    fraction, row = phantom.fractions[:, 0].topk(2, dim=0)
    label = torch.tensor([names.index(name) for name in phantom.tissues])[row]
    # What a third tissue fills is given to the first two.
    share = phantom.fractions[:, 0].sum(0) / fraction.sum(0).clamp_min(1e-6)
    return torch.cat([label.float(), fraction * share]).numpy()


def tissue_names() -> list[str]:
    """Tissues in the order of the labels of :func:`anatomy_image`."""
    return sorted(_tissues(0.1))


def load_anatomies(count: int, cache: str | Path) -> np.ndarray:
    """``count`` slices as :func:`anatomy_image`, float16 ``(n, 4, SIZE, SIZE)``; rendered once."""

    def make() -> Iterator[np.ndarray]:
        return in_parallel(partial(anatomy_image), count)

    code = code_digest("pirecon/training/scans/tissue_maps.py", *BLOCH_CODE)
    return load_library("anatomies", make, Path(cache), [count, code])


def tissue_maps(anatomy: Tensor, field_strength: float, *, rng: np.random.Generator) -> TissueMaps:
    """Maps of a random person: tissues differ from the table by a few per cent, and within themselves by a texture.

    Args:
        anatomy: labels and fractions, ``(4, y, x)``, as :func:`anatomy_image`.
        field_strength: B0, T.
        rng: draws person and texture.
    """
    from bloch.phantom.random_field import fractal_field

    tissues = _tissues(field_strength)
    rows = [tissues[name] for name in tissue_names()]
    table = torch.tensor([(t.proton_density, t.T1, t.T2, t.T2_star) for t in rows], dtype=torch.float32)
    person = torch.from_numpy(rng.normal(0, 1, (len(rows), 3)).astype(np.float32)) * torch.tensor(SPREAD)
    table = table * torch.cat([person, person[:, 2:]], dim=1).exp()  # T2* in step with T2
    labels, fractions = anatomy[:2].long(), anatomy[2:].float()
    maps = table[labels].movedim(-1, 0)  # (4, 2, y, x)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    shape, coarsest = (1, *anatomy.shape[-2:]), (1.0, anatomy.shape[-2] / 6, anatomy.shape[-1] / 6)
    density, relaxation = (
        fractal_field(generator, shape, coarsest=coarsest, octaves=6, roughness=0.85)[0] for _ in range(2)
    )
    water = (SPREAD[1] * relaxation).exp()  # free water lengthens all times
    pd, T1, T2, T2_star = maps[0] * (SPREAD[0] * density).exp(), maps[1] * water, maps[2] * water, maps[3] * water
    return TissueMaps(fractions, pd, T1, T2, T2_star)


def mixed_signal(maps: TissueMaps, protocol: Protocol) -> Tensor:
    """Σ_t f_t S(PD_t, T1_t, T2_t), ``(y, x)``: the signals of tissues add up, their relaxation times do not."""
    signal = protocol_signal(protocol, maps.proton_density, maps.T1, maps.T2, maps.T2_star)
    return (maps.fractions * signal).sum(0)


def _tissues(field_strength: float) -> dict:
    from bloch.tissue import tissues_at

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # extrapolated tissues are fine as training data
        return tissues_at(field_strength)
