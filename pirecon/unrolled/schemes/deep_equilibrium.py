"""Deep equilibrium: one step, repeated until nothing changes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pirecon.unrolled.anderson import anderson
from pirecon.unrolled.data_consistency import ProximalStep
from pirecon.unrolled.schemes.scheme import Problem, Scheme


class DeepEquilibrium(Scheme):
    """x* = f(x*) with f(x) = argmin ½‖Ex − y‖² + λ/2 ‖x − prior(x)‖².

    The gradient comes from the fixed point alone: dx* = (1 − ∂f/∂x)⁻¹ ∂f/∂θ dθ, whose adjoint is a second fixed point,
    w = g + (∂f/∂x)ᵀ w. Two evaluations of f are kept, whatever the number of iterations.

    Args:
        cg_iterations: conjugate-gradient iterations of one step.
        relative_error: as in :class:`~pirecon.unrolled.schemes.modl.Modl`.
        history: residuals that Anderson's mixing combines.
        tolerance: of both fixed points, relative.

    Source: Bai et al., NeurIPS (2019), Theorem 1; Gilton et al., IEEE Trans Comput Imaging 7:1123 (2021), section IV.
    """

    repeats = True

    def __init__(
        self, cg_iterations: int = 4, relative_error: float = 0.0, history: int = 5, tolerance: float = 1e-4
    ) -> None:
        super().__init__()
        self.step = ProximalStep(cg_iterations, relative_error)
        self.history, self.tolerance = history, tolerance

    def forward(self, problem: Problem) -> Tensor:
        """See :meth:`Scheme.forward`."""

        def f(x: Tensor) -> Tensor:
            z = problem.improve(0, x, 1.0)
            result: Tensor = self.step(z, problem.adjoint, problem.E, problem.weights[0])
            return result

        fixed = self._fixed_point(f, problem.start, problem.n_iterations)
        if not torch.is_grad_enabled():
            return fixed
        result = f(fixed)
        if result.requires_grad:
            point = fixed.detach().requires_grad_()
            value = f(point)

            def implicit(gradient: Tensor) -> Tensor:
                def pulled(w: Tensor) -> Tensor:
                    return gradient + torch.autograd.grad(value, point, w, retain_graph=True)[0]

                return self._fixed_point(pulled, gradient, problem.n_iterations)

            result.register_hook(implicit)
        return result

    def _fixed_point(self, f: Callable[[Tensor], Tensor], start: Tensor, n_iterations: int) -> Tensor:
        return anderson(f, start, n_iterations=n_iterations, history=self.history, tolerance=self.tolerance)
