"""Learn from undersampled noisy scans: what one sampling pattern leaves out, others have measured."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.training.regimes.contrast_axis import each_contrast
from pirecon.training.regimes.regime import Batch, RegimeLoss
from pirecon.training.regimes.sure import SURE
from pirecon.unrolled.network import UnrolledNetwork

GRID = (8, 32, 32)  # of the map of how often each part of k-space is measured


class ENSURE(SURE):
    """:class:`SURE` whose samples count by 1/p(k), p(k) being how often sampling patterns measure k.

    Σ_k M(k) |h(k) − μ(k)|² / p(k) has the expectation Σ_k |h(k) − μ(k)|² over patterns M, so that rare samples stand
    for those that other scans lack, and the whole k-space where p > 0 is learned. It is exact for images that do not
    depend on the pattern, and near for networks whose error depends on it little. It is counted in the k-space of all
    coils, where the paper counts in the image.

    p comes from "density" (batch, 1, kz, ky, kx) where the batch has it. Otherwise it is the mean over the scans seen
    so far, on a coarse grid of k-space, and is saved with the regime.

    Args:
        step: ε of the divergence, see :class:`SURE`.
        largest: of 1/p; bounds the variance, at the price of a bias where p is smaller.

    Source: Aggarwal H. K. et al., IEEE Trans Med Imaging 42:1133 (2023).
    """

    def __init__(self, step: float = 0.1, largest: float = 10.0) -> None:
        super().__init__(step)
        if not largest >= 1:
            raise ValueError(
                f"the largest weight of a sample is {largest}, but p is at most 1, so it must be at least 1"
            )
        self.largest = largest
        self.register_buffer("measured", torch.zeros(GRID))
        self.register_buffer("scans", torch.zeros(()))
        self.measured: Tensor
        self.scans: Tensor

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`; of examinations every contrast is a scan."""
        return super().forward(network, each_contrast(batch))

    def density(self, batch: Batch) -> Tensor:
        """1/p(k) where measured."""
        kept = super().density(batch)
        p = batch["density"] if "density" in batch else self._seen(kept)
        return kept / p.clamp_min(1 / self.largest)

    @torch.no_grad()
    def _seen(self, kept: Tensor) -> Tensor:
        """p on the grid of ``kept``, after these scans."""
        coarse = torch.nn.functional.adaptive_avg_pool3d(kept, GRID).mean((0, 1))
        self.measured += coarse * kept.shape[0]
        self.scans += kept.shape[0]
        mean = (self.measured / self.scans)[None, None]
        return torch.nn.functional.interpolate(mean, kept.shape[-3:], mode="trilinear", align_corners=False)
