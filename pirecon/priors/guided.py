"""A prior that looks at another contrast of the same anatomy, where that contrast can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pirecon.priors.guide_alignment import Placement, blurred, edge_field, local_share, moved, place_guide
from pirecon.priors.smooth_phase import smooth_phase
from pirecon.priors.unet import UNet

LEAST_EVIDENCE, FULL_EVIDENCE = 0.13, 0.21
"""Of a placement's :attr:`Placement.evidence`: below the first a guide is not trusted, above the second fully.

From 400 simulated scans of bloch heads and of patients 6A and 7A at 3 T (64 to 96 voxels, SNR 3 to 15, up to twice
coarser, R 1 and 2): 5 % of unrelated heads and 88 % of right guides (84 % of the real ones) lie above the first, the
highest unrelated one at 0.17. Over random halves, a limit for 5 % of one half let 6 % of the other half through."""

LEAST_SHARE, FULL_SHARE = 0.4, 0.9
"""Of :func:`local_share`: below the first a place is not trusted, above the second fully."""

LOCAL_WINDOW = 4.0  # voxels
MOST_SHIFT = 0.05  # of the longer axis: 12 mm of a head's field of view, more than a patient is expected to move
LEAST_SEARCH = 6  # voxels: a peak needs surroundings to stand out from


class GuidedUNet(UNet):
    """U-Net that also sees what a guide predicts of the image, times how far the guide is trusted at each voxel.

    The guide enters as the guided filter's local linear prediction of the image,

        q = ā·G + b̄,   a = cov(I, G) / (var G + ε),   b = mean I − a · mean G      over windows,

    so that a guide of other scale or inverted contrast says the same, and only after :func:`prepare_guide` has moved it
    and weighed it with the trust t(r) ∈ [0, 1]: channels t·(q − I) and t·σ. A guide that is absent, and a guide that
    is not trusted, are therefore the same thing, zeros: the result falls back to the unguided one exactly where t = 0.

    Args:
        widths: see :class:`UNet`.
        blocks: see :class:`UNet`.
        windows: standard deviations of the Gaussian windows of the guided filter, voxels.

    Source: He, Sun and Tang, IEEE Trans Pattern Anal Mach Intell 35:1397 (2013), equations 5, 6 and 8 (guided filter).
    """

    takes_guide = True

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128, 128),
        blocks: Sequence[int] = (1, 1, 2, 1),
        windows: Sequence[float] = (1.5, 4.0),
    ) -> None:
        super().__init__(widths, blocks)
        self.windows = tuple(windows)
        self.n_guide_channels = 2 * len(self.windows) + 1
        head = nn.Conv2d(3 + self.n_guide_channels, widths[0], 3, padding=1, bias=False)
        self.head = head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: Tensor, noise_level: Tensor, guide: Tensor | None = None) -> Tensor:
        """Improve an image.

        Args:
            image: complex ``(*batch, z, y, x)``.
            noise_level: standard deviation of the real and the imaginary part of the noise, real, same unit.
            guide: real ``(*batch, z, y, x)``, any unit, zero where there is none; or what ``prepare_guide`` gave,
                ``(*batch, 2, z, y, x)``; None without a guide.

        Returns:
            Complex tensor of the shape of ``image``.
        """
        if guide is not None:
            guide = self.prepare_guide(image, guide)

        def with_guide(own: Tensor) -> Tensor:
            with torch.autocast(image.device.type, enabled=False):  # differences of local means
                return torch.cat((own, self._guide_channels(own, guide)), 1)

        return self.improve(image, noise_level, with_guide)

    @torch.no_grad()
    def prepare_guide(self, image: Tensor, guide: Tensor) -> Tensor:
        """See :func:`prepare_guide`; what is prepared comes back. The unrolled network calls it with its start image.

        The trust must not come from an image that the guide has already changed: it would confirm itself.
        """
        with torch.autocast(image.device.type, enabled=False):  # complex numbers have no half precision
            return guide if guide.ndim > image.ndim else prepare_guide(image, guide)[0]

    def _guide_channels(self, own: Tensor, guide: Tensor | None) -> Tensor:
        """t (q − I) of the real and the imaginary part for every window, and t σ; ``(n, channel, y, x)``."""
        if guide is None:
            return own.new_zeros(len(own), self.n_guide_channels, *own.shape[-2:])
        prepared = guide.movedim(-4, 0).reshape(2, -1, 1, *own.shape[-2:]).to(own.dtype)
        aligned, trust = prepared[0], prepared[1]
        parts = own[:, :2]
        predictions = [_guided_filter(parts, aligned, window) - parts for window in self.windows]
        return trust * torch.cat((*predictions, own[:, 2:]), 1)


@torch.no_grad()
def prepare_guide(image: Tensor, guide: Tensor) -> tuple[Tensor, Placement]:
    """Move a guide to where its edges agree with the image's, and say how far it can be trusted at every voxel.

        t(r) = s(evidence) · s(local share of the guide's edges that the image has)

    with smooth steps s between the constants above. The evidence asks whether the guide fits in one place only, and
    whether it also fits inside of the object: outlines of heads agree whoever's they are.

    Args:
        image: complex ``(*batch, z, y, x)``, made without the guide.
        guide: real ``(*batch, z, y, x)``, any unit; the slices of a volume move together, in their plane.

    Returns:
        Moved guide, standardised, and trust, real ``(*batch, 2, z, y, x)``; and where the guide lies in each entry of
        the flattened batch.

    Raises:
        ValueError: the guide has another shape than the image.
    """
    if guide.shape != image.shape or guide.is_complex():
        raise ValueError(
            f"the guide is {guide.dtype} {tuple(guide.shape)}; expected a real image of the shape {tuple(image.shape)} "
            "of the reconstruction grid: resample it first"
        )
    own = (image * smooth_phase(image).conj()).abs().reshape(-1, *image.shape[-3:])
    other = guide.to(own.dtype).reshape(own.shape)
    most_shift = max(LEAST_SEARCH, MOST_SHIFT * max(image.shape[-2:]))
    placement = place_guide(own, other, most_shift=most_shift)
    aligned = moved(other, placement.rotation, placement.shift)
    local = local_share(edge_field(own), edge_field(aligned), LOCAL_WINDOW)
    trust = _step(placement.evidence, LEAST_EVIDENCE, FULL_EVIDENCE)[:, None, None, None]
    trust = trust * _step(local, LEAST_SHARE, FULL_SHARE)
    aligned = _standardised(aligned)
    return torch.stack((aligned, trust), 1).reshape(*image.shape[:-3], 2, *image.shape[-3:]), placement


def _guided_filter(image: Tensor, guide: Tensor, window: float) -> Tensor:
    """Local linear prediction of ``image`` ``(n, channel, y, x)`` from ``guide`` ``(n, 1, y, x)``."""
    mean_guide, mean_image = blurred(guide, window), blurred(image, window)
    variance = (blurred(guide.square(), window) - mean_guide.square()).clamp_min(0)
    floor = 1e-2 * variance.mean((-2, -1), keepdim=True) + 1e-8
    slope = (blurred(guide * image, window) - mean_guide * mean_image) / (variance + floor)
    offset = mean_image - slope * mean_guide
    return blurred(slope, window) * guide + blurred(offset, window)


def _standardised(guide: Tensor) -> Tensor:
    """Zero mean and unit standard deviation over each entry, zero where the guide is constant."""
    axes = (1, 2, 3)
    centred = guide - guide.mean(axes, keepdim=True)
    spread = centred.square().mean(axes, keepdim=True).sqrt()
    return torch.where(spread > 0, centred / spread.clamp_min(torch.finfo(guide.dtype).tiny), torch.zeros_like(guide))


def _step(value: Tensor, low: float, high: float) -> Tensor:
    """0 below ``low``, 1 above ``high``, a cubic between."""
    t = ((value - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
