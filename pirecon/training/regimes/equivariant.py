"""Learn from the symmetry of images: a turned head is a head, and its scan must give the turned image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.algebra.fft import crop_or_pad_centre
from pirecon.encoding import CartesianSense
from pirecon.scan_specific import chi_square, stein_risk
from pirecon.training.regimes.regime import Batch, Regime, RegimeLoss
from pirecon.unrolled.network import UnrolledNetwork


@dataclass(frozen=True)
class Transformation:
    """T_g of an image: in the plane, by whole voxels, so that no interpolation smooths.

    Attributes:
        quarter_turns: by 90°; what leaves a grid that is not square is cut off.
        flip: mirror x.
        shift: of y and x, voxels, cyclic.
    """

    quarter_turns: int
    flip: bool
    shift: tuple[int, int]

    def __call__(self, image: Tensor) -> Tensor:
        """T_g image, ``(*batch, z, y, x)``."""
        turned = torch.rot90(image, self.quarter_turns, (-2, -1))
        if turned.shape != image.shape:
            cut = [min(a, b) for a, b in zip(turned.shape[-2:], image.shape[-2:], strict=True)]
            turned = crop_or_pad_centre(turned, (*turned.shape[-3:-2], *cut))
            turned = crop_or_pad_centre(turned, image.shape[-3:])
        turned = turned.flip(-1) if self.flip else turned
        return turned.roll(self.shift, (-2, -1))


class Equivariant(Regime):
    """Equivariant imaging: loss of the measured samples + α ‖T_g x₁ − f(E T_g x₁ + n, E)‖² / 2N, x₁ = f(y, E).

    What E does not measure of x, it measures of T_g x for some g, and so the network learns it. T_g are quarter turns,
    mirrors and shifts: undersampled lines in ky become lines in kx. The measured samples count by SURE (robust
    equivariant imaging), or with ``robust = False`` by χ², which for noisy data teaches the noise as well; then no
    noise n is added either.

    Args:
        weight: α.
        robust: SURE and noise, as the second paper.
        shift: largest shift as a share of the field of view.
        step: ε of SURE's divergence.

    Source: Chen D. et al., ICCV (2021); with noise: Chen D. et al., CVPR (2022).
    """

    def __init__(self, weight: float = 1.0, *, robust: bool = True, shift: float = 0.1, step: float = 0.1) -> None:
        super().__init__()
        if not (weight >= 0 and 0 <= shift <= 0.5 and step > 0):
            raise ValueError(
                f"equivariant imaging has weight {weight}, shift {shift} and step {step}; expected a weight of at "
                "least 0, a shift between 0 and 0.5 and a positive step"
            )
        self.weight, self.robust, self.shift, self.step = weight, robust, shift, step

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`."""
        kspace, measured = batch["kspace"], batch["weights"] != 0
        E = CartesianSense(batch["maps"], batch["weights"])
        image = network(kspace, E)
        misfit = self._misfit(network, E, image, kspace, measured)
        # Where no coil sees anything there is nothing to turn into view.
        seen = (batch["maps"].abs().sum(-4) > 0).to(kspace.dtype)
        turned = seen * self.draw(image)(image)
        again = E(turned)
        if self.robust:
            again = again + measured * _noise(again)
        difference = seen * (network(again, E) - turned)
        equivariance = 0.5 * (difference.real.square() + difference.imag.square()).mean()
        loss = misfit + self.weight * equivariance
        return RegimeLoss(loss, parts={"measured samples": misfit.detach(), "equivariance": equivariance.detach()})

    def draw(self, image: Tensor) -> Transformation:
        """A random element of the group."""
        turns, flip = int(torch.randint(4, ())), bool(torch.randint(2, ()))
        reach = [int(self.shift * n) for n in image.shape[-2:]]
        shift = tuple(int(torch.randint(-r, r + 1, ())) for r in reach)
        return Transformation(turns, flip, (shift[0], shift[1]))

    def _misfit(
        self, network: UnrolledNetwork, E: CartesianSense, image: Tensor, kspace: Tensor, measured: Tensor
    ) -> Tensor:
        prediction = E(image)
        if not self.robust:
            return chi_square(prediction - kspace, measured).mean()
        density = measured.to(kspace.real.dtype)
        return stein_risk(
            lambda y: E(network(y, E)), kspace, prediction=prediction, density=density, step=self.step
        ).mean()


def _noise(like: Tensor) -> Tensor:
    """Noise of SNR units, drawn on the CPU."""
    return torch.view_as_complex(torch.randn(*like.shape, 2)).to(like)
