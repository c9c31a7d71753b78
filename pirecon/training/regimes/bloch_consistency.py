"""Learn from several contrasts at once: one tissue must explain the k-space of all by the Bloch equations."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bloch.phantom import protocol_signal
from pirecon.encoding import CartesianSense
from pirecon.quantitative.contrast_fit import ParameterMaps
from pirecon.quantitative.contrasts import Contrasts
from pirecon.quantitative.map_head import MapHead
from pirecon.quantitative.parameter_network import ParameterNetwork, with_phase
from pirecon.scan_specific import chi_square, split_samples
from pirecon.training.losses import build_loss
from pirecon.training.regimes.contrast_axis import each_contrast
from pirecon.training.regimes.needs import require
from pirecon.training.regimes.regime import Batch, Regime, RegimeLoss
from pirecon.training.scans.protocols import KEYS, protocols_of
from pirecon.unrolled.network import UnrolledNetwork


class BlochConsistency(Regime):
    """The network also outputs PD, T1 and T2, and bloch's signal of them must fit the k-space of every contrast.

        χ² = Σ_c ‖E_c s(PD, T1, T2; protocol_c) − y_c‖² / 2n  on samples the network did not see, expectation ≥ 1
        loss = χ²-term + images · L(x_c, truth_c) + maps · |ln (PD, T1, T2) − ln truth|

    The images' and the maps' terms are left out where a batch lacks the truth: then bloch is the only teacher. The χ²
    of a voxel with two tissues stays above 1, because no single T1 and T2 gives their mixed signal; so that these do
    not outweigh everything at high SNR, the term is ``ln(1 + χ²)``.

    The term reaches the images through the voxelwise fit, whose slopes by the images are known: what an image has that
    no tissue has in common with the other contrasts is judged by samples that the network did not see.

    Args:
        loss: L, weights by name in ``pirecon.training.losses.LOSSES``; the log squared error where not given.
        chi_square: weight of the Bloch term; 0 for none.
        images: weight of the images' distance to their truth.
        maps: weight of the maps' distance to their truth, where a voxel holds one tissue.
        held_out: share of the samples kept from the network; only these enter χ², so that it cannot fit noise.
        width: channels of the map head.
        n_refinements: how often it refines.
    """

    def __init__(
        self,
        loss: Mapping[str, float] | None = None,
        *,
        chi_square: float = 1.0,
        images: float = 1.0,
        maps: float = 1.0,
        held_out: float = 0.2,
        width: int = 32,
        n_refinements: int = 2,
    ) -> None:
        super().__init__()
        if not 0 < held_out < 1:
            raise ValueError(f"the share of held-out samples is {held_out}, but it must lie above 0 and below 1")
        self.loss = build_loss({"log_squared_error": 1.0} if loss is None else loss)
        self.weights = {"chi square": chi_square, "images": images, "maps": maps}
        self.held_out = held_out
        self.head = MapHead(width, n_iterations=n_refinements)
        self.register_buffer("dilations", torch.tensor(self.head.dilations))
        self.register_buffer("n_iterations", torch.tensor(n_refinements))

    def network_parameters(self) -> list[nn.Parameter]:
        """The map head is trained with the network."""
        return list(self.head.parameters())

    def check(self, network: UnrolledNetwork, batch: Batch) -> None:
        """See :class:`Regime`."""
        for key in ("field_strength", "gain", *KEYS):
            fix = 'train on data of the kind "examinations", whose contrasts and protocols are known'
            require(batch, key, "bloch_consistency", fix)

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`; the axes of the batch are those of :class:`pirecon.training.scans.ContrastStream`."""
        self.check(network, batch)
        kspace, weights, contrasts = batch["kspace"], batch["weights"], contrasts_of_batch(batch)
        hidden = split_samples(weights != 0, self.held_out)
        seen = CartesianSense(_for_each(batch["maps"], weights), weights * ~hidden)
        exam = ParameterNetwork(network, self.head)(kspace * ~hidden, seen, contrasts, batch["field_strength"])
        misfit = bloch_chi_square(batch, exam.images, exam.maps, hidden)
        terms = {"chi square": torch.log1p(misfit).mean()}
        if "truth" in batch:
            terms["images"] = self._of_images(exam.images, batch)
        if all(key in batch for key in ("pd", "t1", "t2", "pure")):
            terms["maps"] = map_distance(exam.maps, batch).mean()
        total = torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
        parts = {"Bloch chi square": misfit.mean().detach()}
        parts |= {name: terms[name].detach() for name in ("images", "maps") if name in terms}
        return RegimeLoss(total, parts=parts)

    def _of_images(self, images: Tensor, batch: Batch) -> Tensor:
        scans = each_contrast(batch)
        E = CartesianSense(scans["maps"], scans["weights"])
        total: Tensor = self.loss(images.flatten(0, 1), scans["truth"], scans["kspace"], E)[0]
        return total


def bloch_chi_square(batch: Batch, images: Tensor, maps: ParameterMaps, kept: Tensor) -> Tensor:
    """Σ_c ‖E_c s_c − y_c‖² / 2n over the kept samples, SNR units; 1 where only noise is left.

    Args:
        batch: of :class:`pirecon.training.scans.contrasts.ContrastStream`.
        images: whose phase the signals take, complex ``(batch, contrast, z, y, x)``.
        maps: ``(batch, z, y, x)``.
        kept: samples that count, bool ``(batch, contrast, 1, kz, ky, kx)``.

    Returns:
        ``(batch,)``.
    """
    model = with_phase(bloch_signals(batch, maps), images, contrasts_of_batch(batch))
    E = CartesianSense(_for_each(batch["maps"], batch["weights"]), batch["weights"])
    residual = E(model) - batch["kspace"]
    samples = kept.flatten(2).sum(-1).to(residual.real.dtype)
    each = chi_square(residual, kept)  # (batch, contrast)
    return (samples * each).sum(-1) / samples.sum(-1).clamp_min(1)


def bloch_signals(batch: Batch, maps: ParameterMaps) -> Tensor:
    """Signed signals by bloch's closed forms, in the unit of the proton density, ``(batch, contrast, z, y, x)``."""
    signals = []
    for index in range(len(maps.T1)):
        PD, T1, T2 = (values[index] for values in (maps.proton_density, maps.T1, maps.T2))
        signals.append(torch.stack([protocol_signal(p, PD, T1, T2, T2) for p in protocols_of(batch, index)]))
    return torch.stack(signals)


def contrasts_of_batch(batch: Batch) -> Contrasts:
    """Protocols and gains of a batch as the reconstruction knows them."""
    return Contrasts(**{key: batch[key] for key in KEYS}, gain=batch["gain"])


def map_distance(maps: ParameterMaps, batch: Batch) -> Tensor:
    """Mean of |ln (map / truth)| over PD, T1, T2 where a voxel holds one tissue, ``(batch,)``."""
    truth = torch.stack([batch["pd"], batch["t1"], batch["t2"]], dim=-4).clamp_min(1e-6).log()
    distance = (maps.logarithms() - truth).abs().mean(-4).clamp_max(3.0)
    counted = batch["pure"]
    return (counted * distance).flatten(1).sum(1) / counted.flatten(1).sum(1).clamp_min(1)


def _for_each(maps: Tensor, weights: Tensor) -> Tensor:
    """Sensitivities with the contrast axis of the weights."""
    return maps.expand(-1, weights.shape[1], *maps.shape[2:])
