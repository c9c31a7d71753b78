"""Image, poses and shading together: Gauss-Newton on ½‖E(q, a) x − y‖²."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.motion.problem import Guess, MotionProblem, encoding

STEP_ITERATIONS = 15
"""Conjugate-gradient iterations of one step in image and parameters together."""

IMAGE_ITERATIONS = 6
"""For the image after a step, from the image before."""

SHADE_SPREAD = 0.3
"""Expected standard deviation of a coefficient of the shading's logarithm: a factor of 1.35 across the head."""


@dataclass(frozen=True)
class Fit:
    """A guess with its best image.

    Attributes:
        guess: poses and shading.
        image: x, complex ``(z, y, x)``.
        cost: ½‖E x − y‖² + ½ λ‖x‖² + ½ Σ|a_j|²/σ².
    """

    guess: Guess
    image: Tensor
    cost: float


def solve_image(
    problem: MotionProblem, guess: Guess, *, weight: float, start: Tensor | None = None, n_iterations: int = 20
) -> Fit:
    """The image of a guess: x = argmin ½‖E x − y‖² + ½ λ‖x‖².

    Args:
        problem: data.
        guess: poses and shading.
        weight: λ.
        start: image to begin from.
        n_iterations: of conjugate gradients.

    Returns:
        Fit.
    """
    E = encoding(problem, guess)
    image = conjugate_gradient(
        E.normal, E.adjoint(problem.kspace), regularisation=weight, n_iterations=n_iterations, x0=start
    )
    misfit = float((E(image) - problem.kspace).abs().square().sum())
    prior = weight * float(image.abs().square().sum()) + float(guess.shade.abs().square().sum()) / SHADE_SPREAD**2
    return Fit(guess, image, 0.5 * (misfit + prior))


def gauss_newton(problem: MotionProblem, fit: Fit, *, weight: float, n_steps: int, tolerance: float = 1e-3) -> Fit:
    """Levenberg-Marquardt steps that change image, poses and shading at once.

    Each step linearises y ≈ E x + E dx + J dq + C da and solves for (dx, dq, da) together: what a pose explains is not
    what the image explains, and so the steps do not crawl as they do where image and poses take turns. J comes from
    automatic differentiation, one pass for all states, since a line sees its own pose only. The first state is the
    reference and stays.

    Args:
        problem: data.
        fit: to begin from.
        weight: λ of the image.
        n_steps: most steps.
        tolerance: stop when the cost falls by less than this part of its value.

    Returns:
        Fit with a cost no higher than at the start.

    Source: Levenberg, Q Appl Math 2:164 (1944); joint steps as in Haskell M. W. et al., IEEE Trans Med Imaging 37:1253
    (2018), section II, which linearises in the same way.
    """
    damping = 1e-2
    for _ in range(n_steps):
        change = _step(problem, fit, weight=weight, damping=damping)
        moved = Guess(fit.guess.poses + change[0], fit.guess.shade + change[1])
        found = solve_image(problem, moved, weight=weight, start=fit.image, n_iterations=IMAGE_ITERATIONS)
        if found.cost < fit.cost:
            gain = (fit.cost - found.cost) / fit.cost
            fit, damping = found, damping / 4
            if gain < tolerance:
                break
        else:
            damping *= 8
            if damping > 1e3:
                break
    return fit


def _step(problem: MotionProblem, fit: Fit, *, weight: float, damping: float) -> tuple[Tensor, Tensor]:
    """(dq ``(state, 6)``, da ``(j,)``) of one linearised problem."""
    system = _linearised(problem, fit)
    n_image, n_q = fit.image.numel(), system.scale_q.numel()
    E = encoding(problem, fit.guess)
    prior = system.scale_a.square() / SHADE_SPREAD**2

    def normal(v: Tensor) -> Tensor:
        dx, dq, da = v.split([n_image, n_q, len(prior)])
        r = E.forward(dx.reshape(fit.image.shape)) + system.forward(dq.real, da)
        dx_out = E.adjoint(r).flatten() + weight * dx
        dq_out, da_out = system.adjoint(r)
        return torch.cat([dx_out, dq_out + damping * dq, da_out + (damping + prior) * da])

    r = problem.kspace - E.forward(fit.image)
    dq, da = system.adjoint(r)
    image_gradient = E.adjoint(r) - weight * fit.image
    right = torch.cat([image_gradient.flatten(), dq, da - prior / system.scale_a * fit.guess.shade[1:]])
    v = conjugate_gradient(normal, right, n_iterations=STEP_ITERATIONS, n_axes=1)
    _, dq, da = v.split([n_image, n_q, len(prior)])
    poses = torch.zeros_like(fit.guess.poses)
    poses[:, list(problem.free)] = dq.real.reshape(problem.n_states, -1) * system.scale_q
    poses[0] = 0
    shade = torch.zeros_like(fit.guess.shade)
    shade[1:] = da * system.scale_a
    return poses, shade


@dataclass(frozen=True)
class _Linearised:
    """dy = Σ_f J_f dq[state of the line, f] + Σ_j C_j da_j, in parameters of unit curvature.

    Attributes:
        motion: J, complex ``(free, measurement · coil, kz, ky, kx)``.
        shades: C, complex ``(j, measurement · coil, kz, ky, kx)``.
        states: of the lines, ``(measurement, kz, ky)``.
        scale_q, scale_a: units of the parameters, ``(state, free)`` and ``(j,)``.
    """

    motion: Tensor
    shades: Tensor
    states: Tensor
    scale_q: Tensor
    scale_a: Tensor

    def forward(self, q: Tensor, a: Tensor) -> Tensor:
        of_lines = (q.reshape(self.scale_q.shape) * self.scale_q)[self.states]  # (measurement, kz, ky, free)
        y = torch.einsum("fmczyx,mzyf->mczyx", self._by_measurement(), of_lines.to(self.motion.dtype)).flatten(0, 1)
        return y + torch.einsum("j,jczyx->czyx", a * self.scale_a, self.shades)

    def adjoint(self, r: Tensor) -> tuple[Tensor, Tensor]:
        split = r.unflatten(0, (self.states.shape[0], -1))
        of_lines = torch.einsum("fmczyx,mczyx->mzyf", self._by_measurement().conj(), split).real
        q = torch.zeros_like(self.scale_q).index_add_(0, self.states.flatten(), of_lines.flatten(0, 2))
        q = q * self.scale_q
        q[0] = 0
        a = torch.einsum("jczyx,czyx->j", self.shades.conj(), r) * self.scale_a
        return q.flatten().to(r.dtype), a

    def _by_measurement(self) -> Tensor:
        return self.motion.unflatten(1, (self.states.shape[0], -1))


def _linearised(problem: MotionProblem, fit: Fit) -> _Linearised:
    guess = fit.guess

    def of_poses(poses: Tensor) -> Tensor:
        return encoding(problem, replace(guess, poses=poses)).forward(fit.image)

    columns = []
    for axis in problem.free:
        tangent = torch.zeros_like(guess.poses)
        tangent[:, axis] = 1
        columns.append(_derivative(of_poses, guess.poses, tangent))
    motion = torch.stack(columns)
    shades = _shade_columns(problem, fit)
    split = motion.unflatten(1, (problem.states.shape[0], -1)).abs().square().sum(dim=(2, 5))  # (free, m, kz, ky)
    curvature = motion.real.new_zeros(problem.n_states, len(columns))
    curvature.index_add_(0, problem.states.flatten(), split.flatten(1).T)
    scale_q = 1 / curvature.sqrt().clamp_min(1e-12 + 1e-6 * float(curvature.max()) ** 0.5)
    scale_a = 1 / shades.abs().square().sum(dim=(1, 2, 3, 4)).sqrt().clamp_min(1e-12)
    return _Linearised(motion, shades, problem.states, scale_q, scale_a)


def _derivative(function: Callable[[Tensor], Tensor], at: Tensor, along: Tensor) -> Tensor:
    """Directional derivative, by differentiating the adjoint's product, which is linear, once more."""
    derivative: Tensor = torch.autograd.functional.jvp(function, at, along)[1]
    return derivative


def _shade_columns(problem: MotionProblem, fit: Fit) -> Tensor:
    """∂y/∂a_j = F S g (φ_j T x/g − T φ_j x/g) for all but the constant, which changes nothing."""
    E = encoding(problem, fit.guess)
    columns = [
        encoding(replace(problem, maps=problem.maps * phi), fit.guess).forward(fit.image) - E.forward(phi * fit.image)
        for phi in problem.shades[1:]
    ]
    return torch.stack(columns) if columns else problem.kspace.new_zeros(0, *problem.kspace.shape)
