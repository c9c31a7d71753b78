"""Deep image prior: an untrained network fits one scan, and stops before it fits the noise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.classical import cg_sense
from pirecon.priors.smooth_phase import smooth_phase
from pirecon.scan_specific.budget import Budget, Learned
from pirecon.scan_specific.hourglass import Hourglass
from pirecon.scan_specific.masked import measured_samples, restrict
from pirecon.scan_specific.split import chi_square, split_samples

HELD_OUT = 0.1  # share of the samples
JITTER = 0.03  # standard deviation of what is added to the noise in each step, which is 1
AVERAGE = 0.95  # decay of the mean over steps: the course of the fit is rough
LEAST_VARIANCE = 0.05  # of an image that the held-out samples find without fault
DIP_BUDGET = Budget(steps=1500, every=20, patience=10)


def deep_image_prior(
    kspace: Tensor,
    E: LinearOperator,
    *,
    budget: Budget = DIP_BUDGET,
    learning_rate: float = 1e-2,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Tensor, Learned]:
    """x = φ · s · G_θ(z) with θ from min_θ χ²(E x − y) on nine tenths of the samples, stopped by the last tenth.

    φ is the smooth phase of the start (0 where no coil sees) and s its scale, so that G has real anatomy of order 1 to
    draw. The start is CG-SENSE. The image is averaged over steps and the best one kept. All samples then come in by
    argmin ½‖E x − y‖² + ‖x − x_best‖² / 2v, v being the variance of x_best that the held-out samples show
    beyond their noise: χ² − 1 times the number of coils, among which maps of unit root sum of squares divide it. A
    volume is drawn slice by slice by one network.

    Args:
        kspace: weighted samples ``(coil, *samples)``, SNR units.
        E: forward operator.
        budget: when to stop.
        learning_rate: of Adam.
        progress: called with (steps done, most steps).

    Returns:
        Complex image ``(z, y, x)``, SNR units, and what came of learning: the CG-SENSE image where that explains the
        held-out samples better.

    Raises:
        ValueError: too few samples to hold some out.

    Source: Ulyanov D. et al., CVPR (2018); k-space data: Yoo J. et al., IEEE Trans Med Imaging 40:3337
    (2021).
    """
    generator = torch.Generator().manual_seed(budget.seed)
    n_axes = len(E.codomain_shape) - 1
    measured = measured_samples(kspace, E)
    centre = 4 if n_axes == 3 else 0
    held_out = split_samples(measured, HELD_OUT, centre=centre, n_axes=n_axes, generator=generator)
    rest = measured & ~held_out
    start_image = cg_sense(kspace * rest, restrict(E, rest))

    def chi(image: Tensor, kept: Tensor) -> Tensor:
        return chi_square(E.forward(image) - kspace, kept, n_axes=n_axes)

    draw = _Drawing(start_image, generator)
    optimiser = torch.optim.Adam(draw.network.parameters(), lr=learning_rate)
    start = float(chi(start_image, held_out))
    best, best_image, mean, since, taken = start, None, None, 0, 0
    for step, look in budget.looks(progress):
        taken = step
        optimiser.zero_grad()
        image = draw()
        chi(image, rest).backward()
        optimiser.step()
        mean = image.detach() if mean is None else AVERAGE * mean + (1 - AVERAGE) * image.detach()
        if not look:
            continue
        found, since = float(chi(mean, held_out)), since + 1
        if found < best:
            best, best_image, since = found, mean, 0
        if since >= budget.patience and best_image is not None:
            break
    learned = Learned(start, best, taken, best_image is not None)
    if best_image is None:
        return cg_sense(kspace, E), learned
    return _with_all_samples(best_image, kspace, E, excess=best - 1), learned


class _Drawing:
    """φ · s · G_θ(z + jitter)."""

    def __init__(self, start: Tensor, generator: torch.Generator) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator.initial_seed())
            self.network = Hourglass().to(start.device)
        # Where no coil sees anything, CG-SENSE leaves zero, and nothing could tell what the network draws there.
        self.phasor = smooth_phase(start) * (start != 0)
        self.scale = start.abs().square().mean().sqrt().clamp_min(torch.finfo(start.real.dtype).tiny)
        self.like, self.generator = start, generator
        self.noise = self._noise()

    def __call__(self) -> Tensor:
        image = self.network(self.noise + JITTER * self._noise())
        return self.phasor * self.scale * image

    def _noise(self) -> Tensor:
        z, y, x = self.like.shape
        return torch.randn(z, 16, y, x, generator=self.generator).to(self.like.device)


def _with_all_samples(image: Tensor, kspace: Tensor, E: LinearOperator, *, excess: float) -> Tensor:
    weight = 1 / max(E.codomain_shape[0] * excess, LEAST_VARIANCE)
    with torch.no_grad():
        b = E.adjoint(kspace) + weight * image
        return conjugate_gradient(E.normal, b, regularisation=weight, n_iterations=10, x0=image)
