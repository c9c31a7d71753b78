"""Image and coil sensitivities at once, from undersampled data with few calibration samples or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.fft import centred_fft, centred_ifft, crop_or_pad_centre
from pirecon.calibration.phase_reference import dominant_coil, refer_phase

AXES = (-3, -2, -1)
# Samples on an axis, about the peak, that take part: coils are smooth, and fewer samples make it fast.
LARGEST_GRID = {1: 96, 2: 96, 3: 32}
BRIGHTNESS = 0.4  # of the mean voxel, to which data are scaled, beside a start of 1: neither image nor coils dominate
# Share of the voxels that hold the object. So many unknowns of the image fit noise, and the rest of it must remain.
FILLED = 0.5
# Weakest regularisation, in units of the noise power. In simulation right maps were found at 0.03 to 1; what needs
# less (0.001 to 0.02) are wrong coils that fit by their freedom.
WEAKEST = 0.025
WEAKEST_OF_ALL = 1e-4  # where hardly any noise would allow less


@dataclass(frozen=True)
class JointEstimation:
    """Settings of :func:`joint_estimation`.

    The defaults were chosen on ten simulated scans (loops and birdcages of 4 to 16 channels, two kinds of anatomy, R =
    2 to 4, 0 to 6 calibration lines, SNR 5 to 100); a width of 2 or 5 makes the errors about 1.35 times as large.

    Attributes:
        width: k₀, cycles a field of view, beyond which the spectrum of the coils is expected to fall.
        order: it falls as (1 + |k|²/k₀²)^−order.
        reduction: of the regularisation from one Newton step to the next.
        n_iterations: conjugate-gradient iterations of each step.
    """

    width: float = 3.0
    order: float = 4.0
    reduction: float = 0.5
    n_iterations: int = 15


def joint_estimation(
    kspace: Tensor,
    weights: Tensor,
    matrix: Sequence[int],
    *,
    peak: Sequence[int],
    settings: JointEstimation | None = None,
) -> tuple[Tensor, bool]:
    """Image ρ and coils c = F.H (1 + |k|²/k₀²)^−order ĉ that explain the samples: y = W F (ρ c).

    Regularised Gauss–Newton from ρ = 1, ĉ = 0: the step d solves (D.H D + α) d = D.H (y − F(x)) − α (x − x₀) with D
    the derivative at x = (ρ, ĉ), and α halves from step to step. In SNR units it is known when to stop: when the mean
    power of the residual sinks to that of noise, 1, less the share that the voxels of the object take up in fitting
    (discrepancy principle). It need not be told the noise level, the anatomy or the array.

    Args:
        kspace: complex ``(shared, coil, kz, ky, kx)`` in SNR units; the images of the shared axis have their own ρ.
        weights: real ``(shared, 1, kz, ky, kx)``, 0 where nothing was measured.
        matrix: voxels ``(z, y, x)`` of the maps, at least the samples.
        peak: index of the k-space peak ``(kz, ky, kx)``.
        settings: where the defaults do not do.

    Returns:
        Maps ``(1, coil, z, y, x)``, root-sum-of-squares 1 everywhere, the phase relative to a virtual coil as in
        ESPIRiT; and whether image and coils explain the data. If not, the maps are wrong: where the centre of k-space
        has every second line or fewer, a folded image is as good an explanation as the true one.

    Source: Uecker M. et al., Magn Reson Med 60:674 (2008), equations 5 to 9; the idea of joint estimation: Ying L.,
        Sheng J., Magn Reson Med 57:1196 (2007); several images: Holme H. C. M. et al., Sci Rep 9:3034 (2019).
    """
    settings = settings or JointEstimation()
    most = LARGEST_GRID[max(1, sum(n > 1 for n in kspace.shape[-3:]))]
    w = _around(weights, peak, most)
    y = w * _around(kspace, peak, most)
    scale = BRIGHTNESS * y[:, :1].numel() ** 0.5 / y.norm().clamp(min=torch.finfo(w.dtype).tiny)
    product = _Product(w, settings)
    unknowns, explained = _gauss_newton(product, y * scale, noise_power=2 * scale**2, settings=settings)
    image, spectrum = unknowns.split([y.shape[0], y.shape[1]])
    coils = centred_ifft(product.falling * spectrum, AXES)
    virtual = dominant_coil(image.unsqueeze(1) * coils)
    fine = centred_ifft(crop_or_pad_centre(product.falling * spectrum, matrix), AXES).unsqueeze(0)
    norm = fine.norm(dim=1, keepdim=True)
    return refer_phase(fine, virtual) / norm.clamp(min=torch.finfo(norm.dtype).tiny), explained


class _Product:
    """G(ρ, ĉ) = W F (ρ c) of unknowns stacked to ``(shared + coil, z, y, x)``, and its derivative."""

    def __init__(self, weights: Tensor, settings: JointEstimation) -> None:
        self.weights = weights
        squared = torch.zeros_like(weights[0, 0])
        for axis in AXES:
            n = weights.shape[axis]
            k = (torch.arange(n, device=weights.device) - n // 2).to(weights.dtype)
            squared = squared + k.square().reshape([-1 if a == axis else 1 for a in AXES])
        self.falling = (1 + squared / settings.width**2) ** -settings.order

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """ρ ``(shared, 1, z, y, x)`` and c ``(coil, z, y, x)``."""
        n_images = self.weights.shape[0]
        return x[:n_images].unsqueeze(1), centred_ifft(self.falling * x[n_images:], AXES)

    def __call__(self, x: Tensor) -> Tensor:
        image, coils = self.parts(x)
        return self.weights * centred_fft(image * coils, AXES)

    def derivative(self, at: tuple[Tensor, Tensor], d: Tensor) -> Tensor:
        """W F (ρ dc + dρ c) at ρ, c."""
        (image, coils), (d_image, d_coils) = at, self.parts(d)
        return self.weights * centred_fft(image * d_coils + d_image * coils, AXES)

    def adjoint(self, at: tuple[Tensor, Tensor], r: Tensor) -> Tensor:
        """The derivative's adjoint."""
        image, coils = at
        images = centred_ifft(self.weights * r, AXES)
        d_coils = self.falling * centred_fft((image.conj() * images).sum(dim=0), AXES)
        return torch.cat([(coils.conj() * images).sum(dim=1), d_coils])


def _gauss_newton(
    product: _Product, y: Tensor, *, noise_power: Tensor, settings: JointEstimation
) -> tuple[Tensor, bool]:
    """The unknowns, and whether the residual came down to its aim."""
    n_images, n_coils = y.shape[:2]
    start = y.new_zeros(n_images + n_coils, *y.shape[-3:])
    start[:n_images] = 1
    n_samples = max(1, int(torch.count_nonzero(product.weights)) * n_coils)
    aim = 1 - min(0.9, FILLED * y[:, 0].numel() / n_samples)

    def misfit(residual: Tensor) -> float:
        return float(residual.abs().square().sum() / (n_samples * noise_power))

    x, alpha = start, 1.0
    residual = y - product(x)
    weakest = max(WEAKEST * float(noise_power), WEAKEST_OF_ALL)
    while misfit(residual) > aim and alpha > weakest:
        at = product.parts(x)

        def normal(d: Tensor, at: tuple[Tensor, Tensor] = at) -> Tensor:
            return product.adjoint(at, product.derivative(at, d))

        step = conjugate_gradient(
            normal,
            product.adjoint(at, residual) - alpha * (x - start),
            regularisation=alpha,
            n_iterations=settings.n_iterations,
            tolerance=1e-3,
            n_axes=4,
        )
        x, alpha = x + step, alpha * settings.reduction
        residual = y - product(x)
    return x, misfit(residual) <= (1 + aim) / 2


def _around(x: Tensor, peak: Sequence[int], most: int) -> Tensor:
    """At most ``most`` samples on each axis, about the peak."""
    for axis, place in zip(AXES, peak, strict=True):
        n = x.shape[axis]
        size = min(n, most)
        x = x.narrow(axis, min(max(place - size // 2, 0), n - size), size)
    return x
