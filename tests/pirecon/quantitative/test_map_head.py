"""The shipped map head on heads that it was not taught with, and what is said when there is no such head."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from bloch.phantom import random_brain_slice
from pirecon.encoding import CartesianSense
from pirecon.quantitative.contrast_fit import fit_contrasts
from pirecon.quantitative.map_head import load_map_head
from pirecon.quantitative.parameter_network import refine_maps
from pirecon.training.regimes.bloch_consistency import contrasts_of_batch
from pirecon.training.scans.contrasts import ContrastRange, ContrastStream
from pirecon.training.scans.image_library import SIZE
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.tissue_maps import two_tissues

FIRST_HEAD = 70_000  # none of experiments/quantify


def error(T: Tensor, truth: Tensor, pure: Tensor) -> float:
    return float((T / truth).log().abs()[pure > 0].mean())


def test_the_shipped_head_takes_a_quarter_of_the_error() -> None:
    """Mean |ln| of T1 and of T2 in voxels of one tissue, over scans of brains with lesions."""
    generators = (torch.Generator().manual_seed(FIRST_HEAD + number) for number in range(4))
    brains = [two_tissues(random_brain_slice(g, matrix=(SIZE, SIZE), lesions=True)) for g in generators]
    scans = ScanRange(
        snr=(10.0, 30.0), acceleration=(1.0, 1.0), coils=(4,), super_resolution=(1.0, 1.0), matrices=(56,)
    )
    stream = ContrastStream(np.stack(brains), scans, voxels=1, seed=1, contrasts=ContrastRange((4,), (0.1, 0.1)))
    head, errors = load_map_head("default"), []
    for index in range(6):
        batch = stream.batch(index)
        contrasts, kspace = contrasts_of_batch(batch), batch["kspace"]
        E = CartesianSense(batch["maps"].expand(-1, 4, -1, -1, -1, -1), batch["weights"])
        images = E.adjoint(kspace)
        fit = fit_contrasts(images.abs(), contrasts, batch["field_strength"])
        with torch.no_grad():
            refined = refine_maps(
                head,
                fit,
                images,
                contrasts=contrasts,
                field_strength=batch["field_strength"],
                pull=lambda model, E=E, kspace=kspace: E.adjoint(kspace - E(model)),
            )
        errors.append(
            [[error(getattr(m, t), batch[t.lower()], batch["pure"]) for t in ("T1", "T2")] for m in (fit, refined)]
        )
    before, after = np.mean(errors, axis=0)
    assert (after < 0.75 * before).all(), (before, after)


def test_an_unknown_head_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(FileNotFoundError, match=r"'defualt'.*shipped: default\)"):
        load_map_head("defualt")
