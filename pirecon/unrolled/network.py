"""The unrolled network: measured k-space and E in, image out."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.priors import apply_prior
from pirecon.unrolled.map_refinement import MapRefinement
from pirecon.unrolled.schemes.modl import Modl
from pirecon.unrolled.schemes.scheme import Problem, Scheme, growing_weights


class UnrolledNetwork(nn.Module):
    """Alternate a learned prior with the data, by a scheme, from a regularised CG-SENSE image.

    x₀ = CG-SENSE(y);  z_k = prior_k(x_k, s_k σ);  x_{k+1} = data consistency(z_k, y; λ_k), the scheme's way.

    σ(r) is the noise level of x₀ (:func:`~pirecon.unrolled.start.cg_sense_start`). Nothing depends on coil count,
    matrix or field strength: those live in E.

    Args:
        prior: module ``(image, noise_level) -> image``, shared by all iterations; or a list for the first iterations,
            the last of which all others share. One whose class says ``takes_guide = True`` is called
            ``(image, noise_level, guide)``.
        scheme: how prior and data take turns; MoDL by default.
        n_iterations: iterations K.
        map_refinement: refines the maps in E first; None leaves them.
        recompute: keep no features of the prior for the gradient but compute them again (memory for time).
    """

    def __init__(
        self,
        prior: nn.Module | list[nn.Module],
        *,
        scheme: Scheme | None = None,
        n_iterations: int = 5,
        map_refinement: MapRefinement | None = None,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.scheme = Modl() if scheme is None else scheme
        n_steps = self.scheme.n_steps(n_iterations)
        if isinstance(prior, list) and not 1 <= len(prior) <= n_steps:
            raise ValueError(
                f"{len(prior)} priors for {n_iterations} iterations of {type(self.scheme).__name__}; they take 1 to "
                f"{n_steps}"
            )
        if map_refinement is not None and not self.scheme.learns_weight:
            raise ValueError(
                f"{type(self.scheme).__name__} does not learn from k-space, which alone could teach refined maps; "
                "leave refine_maps out, or choose another scheme"
            )
        self.priors = nn.ModuleList(prior if isinstance(prior, list) else [prior])
        self.map_refinement = map_refinement
        self.n_iterations, self.recompute = n_iterations, recompute
        weights, scales = growing_weights(n_steps), torch.zeros(n_steps)
        self.log_weight = nn.Parameter(weights) if self.scheme.learns_weight else None
        self.log_noise_scale = nn.Parameter(scales) if self.scheme.learns_noise_scale else None

    def forward(self, kspace: Tensor, E: LinearOperator, *, guide: Tensor | None = None) -> Tensor:
        """Reconstruct.

        Args:
            kspace: y, weighted and whitened samples in SNR units, complex ``(*batch, coil, kz, ky, kx)``.
            E: forward operator with this codomain.
            guide: real image of another contrast, for priors that take one; None where there is none.

        Returns:
            Complex image ``(*batch, z, y, x)`` in SNR units.
        """
        if self.map_refinement is not None:
            E = self.map_refinement(E)
        adjoint = E.adjoint(kspace)
        start, noise_level = self.start(adjoint, E)
        prepare_guide = getattr(self.priors[0], "prepare_guide", None)
        if guide is not None and prepare_guide is not None:  # once: a guided image would confirm its own guide
            guide = prepare_guide(start, guide)
        improve = partial(self._improve, noise_level, guide)
        weights = kspace.new_ones(1).real if self.log_weight is None else self.log_weight.exp()
        image: Tensor = self.scheme(Problem(kspace, adjoint, E, start, weights, self.n_iterations, improve))
        return image

    def start(self, adjoint: Tensor, E: LinearOperator) -> tuple[Tensor, Tensor]:
        """x₀ and its noise level σ(r), from E.H(y); shapes as the image."""
        return self.scheme.start(adjoint, E)

    def kernels(self) -> list[nn.Parameter]:
        """The parameters of the networks inside: priors and map refinement."""
        networks = [self.priors] if self.map_refinement is None else [self.priors, self.map_refinement]
        return [parameter for network in networks for parameter in network.parameters()]

    def scalars(self) -> list[nn.Parameter]:
        """The learned numbers, which no network holds: λ_k, noise scales and those of the scheme."""
        own = [number for number in (self.log_weight, self.log_noise_scale) if number is not None]
        return [*own, *self.scheme.parameters()]

    def _improve(
        self, noise_level: Tensor, guide: Tensor | None, k: int, image: Tensor, noise: Tensor | float
    ) -> Tensor:
        if self.log_noise_scale is not None:
            noise = noise * self.log_noise_scale[k % len(self.log_noise_scale)].exp()
        arguments = (self.priors[min(k, len(self.priors) - 1)], image, noise_level * noise, guide)
        if self.recompute and torch.is_grad_enabled():
            improved: Tensor = checkpoint(apply_prior, *arguments, use_reentrant=False)
            return improved
        return apply_prior(*arguments)
