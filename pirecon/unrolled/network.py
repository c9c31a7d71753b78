"""The unrolled network: measured k-space and E in, image out."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.unrolled.data_consistency import gradient_step, proximal_step

FIRST_WEIGHT = 0.05  # λ of the start: mild Tikhonov in SNR units
FIRST_ITERATIONS = 8


class UnrolledNetwork(nn.Module):
    """Alternate a learned prior with data consistency, from a regularised CG-SENSE image.

    x₀ = CG-SENSE(y);  z_k = prior(x_k, s_k σ);  x_{k+1} = data consistency(z_k, y; λ_k).

    σ(r) is the noise level of x₀, by propagating one replica of unit noise through the very same linear steps
    (pseudo-replica: Robson et al., Magn Reson Med 60:895 (2008)), so coil geometry and sampling reach the prior as a
    number it understands. Nothing depends on coil count, matrix or field strength: those live in E.

    Args:
        prior: module ``(image, noise_level) -> image``, shared by all iterations; or a list with one for each.
        n_iterations: iterations K.
        step: "proximal" or "gradient" data consistency.
        cg_iterations: conjugate-gradient iterations of one proximal step.
    """

    def __init__(
        self,
        prior: nn.Module | list[nn.Module],
        *,
        n_iterations: int = 5,
        step: str = "proximal",
        cg_iterations: int = 4,
    ) -> None:
        super().__init__()
        if step not in ("proximal", "gradient"):
            raise ValueError(f"data-consistency step is {step!r}; choose 'proximal' or 'gradient'")
        if isinstance(prior, list) and len(prior) != n_iterations:
            raise ValueError(f"{len(prior)} priors for {n_iterations} iterations: give one for each, or one for all")
        self.priors = nn.ModuleList(prior if isinstance(prior, list) else [prior])
        self.n_iterations, self.step, self.cg_iterations = n_iterations, step, cg_iterations
        # λ grows: the later the image, the less the prior's error.
        start = torch.linspace(math.log(0.5), math.log(5.0), n_iterations)
        self.log_weight = nn.Parameter(start)
        self.log_noise_scale = nn.Parameter(torch.zeros(n_iterations))

    def forward(self, kspace: Tensor, E: LinearOperator) -> Tensor:
        """Reconstruct.

        Args:
            kspace: y, weighted and whitened samples in SNR units, complex ``(*batch, coil, kz, ky, kx)``.
            E: forward operator with this codomain.

        Returns:
            Complex image ``(*batch, z, y, x)`` in SNR units.
        """
        adjoint = E.adjoint(kspace)
        x, noise_level = self.start(adjoint, E)
        for k in range(self.n_iterations):
            prior = self.priors[k % len(self.priors)]
            z = prior(x, noise_level * self.log_noise_scale[k].exp())
            weight = self.log_weight[k].exp()
            if self.step == "proximal":
                x = proximal_step(z, adjoint, E, weight=weight, n_iterations=self.cg_iterations)
            else:
                x = gradient_step(z, adjoint, E, weight=weight)
        return x

    @torch.no_grad()
    def start(self, adjoint: Tensor, E: LinearOperator) -> tuple[Tensor, Tensor]:
        """x₀ and its noise level σ(r), from E.H(y); shapes as the image."""
        sample = adjoint.new_zeros(()).expand(*adjoint.shape[: adjoint.ndim - 3], *E.codomain_shape)
        noise = E.adjoint(_unit_noise(sample))
        image, replica = (
            conjugate_gradient(E.normal, b, regularisation=FIRST_WEIGHT, n_iterations=FIRST_ITERATIONS, n_axes=3)
            for b in (adjoint, noise)
        )
        return image, _local_level(replica)


def _unit_noise(like: Tensor) -> Tensor:
    """White noise with standard deviation 1 in both parts, the same on every device and in every run."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((*like.shape, 2), generator=generator, dtype=like.real.dtype)
    return torch.view_as_complex(noise).to(like.device)


def _local_level(replica: Tensor, width: int = 15) -> Tensor:
    """Root mean square of the real and imaginary parts over a window of ``width`` × ``width`` voxels."""
    variance = (replica.abs().square() / 2).reshape(-1, 1, *replica.shape[-2:])
    for _ in range(2):  # twice a box is nearly a Gaussian
        variance = nn.functional.avg_pool2d(variance, width, stride=1, padding=width // 2, count_include_pad=False)
    return variance.reshape(replica.shape).sqrt()
