"""Everything that is measured of one way to make images, at one field."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from experiments.physics_loss.heads import Batch
from experiments.physics_loss.measures import Invention, inventions, lesion_kept
from pirecon.encoding import CartesianSense
from pirecon.quantitative.contrast_fit import ParameterMaps, curvature, fit_contrasts
from pirecon.quantitative.map_head import MapHead
from pirecon.quantitative.parameter_network import refine_maps
from pirecon.report.metrics import image_metrics
from pirecon.training.regimes.bloch_consistency import contrasts_of_batch
from pirecon.training.regimes.contrast_axis import each_contrast

Solve = Callable[[Batch, CartesianSense], Tensor]
N_PARAMETERS = 3


@dataclass
class Findings:
    """Numbers by name, one for each image or examination; ``means()`` makes them one each."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, *found: float) -> None:
        """Append."""
        self.values.setdefault(name, []).extend(found)

    def means(self) -> dict[str, float]:
        """Mean by name."""
        return {name: statistics.fmean(found) for name, found in self.values.items() if found}


@torch.no_grad()
def judge(solve: Solve, batches: list[tuple[Batch, Batch]], head: MapHead | None = None) -> dict[str, float]:
    """Means over all examinations of a field.

    Args:
        solve: images ``(batch · contrast, z, y, x)`` of a batch of single scans, in SNR units.
        batches: with and without lesion.
        head: judged too, where there is one.
    """
    findings = Findings()
    for with_lesion, without in batches:
        images, truths = [], []
        for batch in (with_lesion, without):
            scans = each_contrast(batch)
            E = CartesianSense(scans["maps"], scans["weights"])
            found, gain = solve(scans, E), batch["gain"].flatten()[:, None, None, None]
            images.append(found / gain)
            truths.append(scans["truth"] / gain)
            _of_images(findings, found, scans["truth"], E, batch["kspace"].shape[1])
            _of_maps(findings, found.unflatten(0, batch["gain"].shape), batch, head)
        findings.add("lesion", *lesion_kept((images[0], images[1]), (truths[0], truths[1])))
    return findings.means()


def _of_images(findings: Findings, images: Tensor, truths: Tensor, E: CartesianSense, n_contrasts: int) -> None:
    for number, (image, truth) in enumerate(zip(images, truths, strict=True)):
        metrics = image_metrics(image, truth)
        findings.add("psnr", metrics.psnr)
        findings.add("ssim", metrics.ssim)
        findings.add(f"psnr {number % n_contrasts}", metrics.psnr)
        findings.add(f"ssim {number % n_contrasts}", metrics.ssim)
    for one in inventions(images, truths, E):
        for name in Invention.__dataclass_fields__:
            findings.add(name, getattr(one, name))


def _of_maps(findings: Findings, images: Tensor, batch: Batch, head: MapHead | None) -> None:
    contrasts = contrasts_of_batch(batch)
    maps = fit_contrasts(images.abs(), contrasts, batch["field_strength"])
    model, pure = curvature(contrasts, maps).model, batch["pure"] > 0
    freedom = contrasts.n_contrasts - N_PARAMETERS
    misfit = ((images.abs() - model).square().sum(1) / freedom).sqrt() / model.amax(1).clamp_min(1e-6)
    for index, inside in enumerate(pure):
        findings.add("disagreement", float(misfit[index][inside].median()))
    _errors(findings, maps, batch, "")
    if head is not None:
        E = CartesianSense(batch["maps"].expand(-1, contrasts.n_contrasts, -1, -1, -1, -1), batch["weights"])
        refined = refine_maps(
            head,
            maps,
            images,
            contrasts=contrasts,
            field_strength=batch["field_strength"],
            pull=lambda modelled: E.adjoint(batch["kspace"] - E(modelled)),
        )
        _errors(findings, refined, batch, " by the head")


def _errors(findings: Findings, maps: ParameterMaps, batch: Batch, suffix: str) -> None:
    for name, found, true in (("T1", maps.T1, batch["t1"]), ("T2", maps.T2, batch["t2"])):
        error = (found / true).log().abs()
        for index, inside in enumerate(batch["pure"] > 0):
            findings.add(f"{name}{suffix}", float(error[index][inside].mean()))
