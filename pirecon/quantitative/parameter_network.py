"""From the k-space of several contrasts to images, PD, T1 and T2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.quantitative.contrast_fit import ParameterMaps, fit_contrasts, following
from pirecon.quantitative.contrasts import Contrasts, contrast_signals
from pirecon.quantitative.map_head import MapHead, head_features, refined


@dataclass(frozen=True, eq=False)
class Exam:
    """What the network made of an examination.

    Attributes:
        images: of every contrast, complex ``(*batch, contrast, z, y, x)``, SNR units.
        maps: PD, T1, T2.
    """

    images: Tensor
    maps: ParameterMaps


class ParameterNetwork(nn.Module):
    """An image network on every contrast, a voxelwise fit of its magnitudes, and a head that refines the maps.

        x_c = network(y_c);  p₀ = argmin ½ Σ_c (|x_c| − g_c PD |S_c(T1, T2)|)²;  p ← p + head(p, r, g, σ_p)

    Args:
        network: ``(kspace, E) -> image``.
        head: refines the maps.
    """

    def __init__(self, network: nn.Module, head: MapHead) -> None:
        super().__init__()
        self.network, self.head = network, head

    def forward(self, kspace: Tensor, E: LinearOperator, contrasts: Contrasts, field_strength: Tensor | float) -> Exam:
        """Images and maps.

        Args:
            kspace: y, complex ``(*batch, contrast, coil, kz, ky, kx)``, SNR units.
            E: of all contrasts.
            contrasts: protocols ``(*batch, contrast)``.
            field_strength: B0, T, ``(*batch,)`` or a number.
        """
        images = self.network(kspace, E)
        magnitude = images.abs()
        maps = fit_contrasts(magnitude.detach(), contrasts, field_strength)
        if magnitude.requires_grad:
            maps = following(maps, magnitude, contrasts)
        adjoint = E.adjoint(kspace)
        maps = refine_maps(
            self.head,
            maps,
            images,
            contrasts=contrasts,
            field_strength=field_strength,
            pull=lambda model: adjoint - E.normal(model),
        )
        return Exam(images, maps)


def refine_maps(
    head: MapHead,
    maps: ParameterMaps,
    images: Tensor,
    *,
    contrasts: Contrasts,
    field_strength: Tensor | float,
    pull: Callable[[Tensor], Tensor],
) -> ParameterMaps:
    """The head's refinements of maps, one after the other.

    Args:
        head: learned.
        maps: start, ``(*batch, z, y, x)``.
        images: complex ``(*batch, contrast, z, y, x)``, SNR units.
        contrasts: protocols ``(*batch, contrast)``.
        field_strength: B0, T.
        pull: modelled images m → E.H(y − E m), what the measurement misses; complex, shape of ``images``.
    """
    phasor = images / images.abs().clamp_min(1e-6)
    for _ in range(head.n_iterations):
        model = modelled_images(maps, contrasts, images)
        # Only what lies along the phase of the image can come from relaxation.
        residuals = (images.abs() - model.abs(), (pull(model) * phasor.conj()).real)
        maps = refined(head, maps, head_features(maps, contrasts, residuals=residuals, field_strength=field_strength))
    return maps


def modelled_images(maps: ParameterMaps, contrasts: Contrasts, images: Tensor) -> Tensor:
    """g_c PD |S_c(T1, T2)| x_c / |x_c|: what the maps say of every contrast, with the phase of its image.

    The phase of a contrast comes from coils, field and eddy currents and tells nothing of relaxation, so the image
    keeps its own; the sign of an inversion recovery is part of it.

    Args:
        maps: ``(*batch, z, y, x)``.
        contrasts: ``(*batch, contrast)``.
        images: complex ``(*batch, contrast, z, y, x)``.

    Returns:
        Complex, shape and unit of ``images``.
    """
    return with_phase(
        maps.proton_density.unsqueeze(-4) * contrast_signals(contrasts, maps.T1, maps.T2).value, images, contrasts
    )


def with_phase(signals: Tensor, images: Tensor, contrasts: Contrasts) -> Tensor:
    """Signals as images in SNR units, with the phase of ``images``; see :func:`modelled_images`."""
    phasor = images / images.abs().clamp_min(1e-6)
    return contrasts.gain.to(signals)[..., None, None, None] * signals.abs() * phasor
