"""PD, T1 and T2 of measured contrasts, how sure they are, and the contrasts that follow from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from pirecon.quantitative.contrast_fit import ParameterMaps, curvature, deviation, fit_contrasts
from pirecon.quantitative.contrasts import Contrasts, contrast_signals
from pirecon.quantitative.map_head import MapHead
from pirecon.quantitative.parameter_network import refine_maps
from pirecon.quantitative.protocols import undetermined

FAINTEST_SNR = 3.0  # of the brightest contrast: below, a voxel holds nothing


@dataclass(frozen=True, eq=False)
class TissueParameters:
    """Maps of an examination, real ``(*batch, z, y, x)``.

    Attributes:
        maps: PD, T1 (s), T2 (s).
        deviation: Cramér–Rao bound of ln PD, ln T1, ln T2, which is a relative deviation, ``(*batch, 3, z, y, x)``.
        misfit: root mean square of image minus model over the contrasts, in units of the noise.
        mask: bool, where there is enough signal.
    """

    maps: ParameterMaps
    deviation: Tensor
    misfit: Tensor
    mask: Tensor


@torch.no_grad()
def tissue_parameters(
    images: Tensor,
    contrasts: Contrasts,
    field_strength: float,
    *,
    head: MapHead | None = None,
    pull: Callable[[Tensor], Tensor] | None = None,
) -> TissueParameters:
    """Fit maps to reconstructed contrasts.

    Args:
        images: complex ``(*batch, contrast, z, y, x)``, SNR units.
        contrasts: protocols ``(contrast,)``.
        field_strength: B0, T.
        head: refines the voxelwise fit; None leaves it.
        pull: E.H(y − E m) of modelled images, see :func:`refine_maps`; None takes images − m.

    Returns:
        TissueParameters.

    Raises:
        ValueError: the contrasts do not determine PD, T1 and T2; the message says which is missing.
    """
    missing = undetermined(contrasts, field_strength)
    if missing:
        raise ValueError("; ".join(missing))
    batch = images.shape[:-4]
    spread = Contrasts(
        **{f.name: getattr(contrasts, f.name).to(images.device).expand(*batch, -1) for f in fields(Contrasts)}
    )
    B0 = torch.full(batch, field_strength, device=images.device)
    maps = fit_contrasts(images.abs(), spread, B0)
    if head is not None:
        maps = refine_maps(head, maps, images, contrasts=spread, field_strength=B0, pull=pull or (lambda m: images - m))
    model = curvature(spread, maps).model
    misfit = (images.abs() - model).square().mean(-4).sqrt()
    return TissueParameters(maps, deviation(spread, maps), misfit, model.amax(-4) > FAINTEST_SNR)


def synthetic_contrast(maps: ParameterMaps, contrasts: Contrasts) -> Tensor:
    """PD |S(T1, T2)| for protocols that were not measured.

    Args:
        maps: ``(*batch, z, y, x)``.
        contrasts: protocols ``(contrast,)``; their gain multiplies.

    Returns:
        Real ``(*batch, contrast, z, y, x)``.
    """
    batch = maps.T1.shape[:-3]
    spread = replace(
        contrasts,
        **{f.name: getattr(contrasts, f.name).to(maps.T1.device).expand(*batch, -1) for f in fields(Contrasts)},
    )
    signals = contrast_signals(spread, maps.T1, maps.T2).value.abs()
    return spread.gain.to(signals)[..., None, None, None] * maps.proton_density.unsqueeze(-4) * signals
