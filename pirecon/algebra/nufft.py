"""The non-uniform Fourier transform: an image on a grid, its spectrum anywhere, with gradients in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.algebra.nufft_plan import Plan

ACCURACY = {torch.complex64: 5e-7, torch.complex128: 1e-13}
BEYOND = 0.5
"""Cycles by which a point may lie beyond n/2: half a cell, so that every sample stands on the grid's k-space."""
MOST_PLANS = 4
SINGLE_FROM = 3e-5
"""Accuracy from which on complex64 is transformed in single precision. On large grids single precision ends near 1e-5,
for the points are angles, and finufft 2.5 is twice as fast in double precision when asked for that much."""


class Nufft(LinearOperator):
    """y_j = 1/√N Σ_r x[r] exp(−2πi p_j·(r − n//2)/n), N the number of voxels: at p = k − n//2 the centred FFT.

    Axes of length 1 are left out of the transform. Leading axes (coils, slices, …) are transformed together. Gradients
    flow into images, samples and, where they ask for it, points.

    complex64 is transformed in double precision inside when the accuracy asks for it; not on a GPU, where single
    precision leaves about 3e-8 n.

    Args:
        points: p, float ``(*samples, 3)`` along z, y, x, in cycles per extent of the grid: k times the field of view,
            −n/2 to n/2. The unit does not depend on the number of voxels, so a finer grid just has them nearer to 0.
        shape: n of the image, (z, y, x).
        accuracy: relative accuracy asked of the transform; None: 5e-7 for complex64 and 1e-13 for complex128. 1e-4 is
            faster and below the noise of any MR image.

    Raises:
        ValueError: points of another shape, undefined, or outside the grid's k-space.

    Source: Dutt A., Rokhlin V., SIAM J Sci Comput 14:1368 (1993); Fessler J. A., Sutton B. P., IEEE Trans Signal
    Process 51:560 (2003). Gradient in the points: Wang G., Fessler J. A., IEEE Trans Comput Imaging 9:963 (2023).
    """

    def __init__(self, points: Tensor, shape: Sequence[int], *, accuracy: float | None = None) -> None:
        check_points(points, shape)
        super().__init__(tuple(shape), tuple(points.shape[:-1]))
        self.points, self.accuracy = points, accuracy
        self.axes = tuple(axis for axis, n in enumerate(shape) if n > 1) or (2,)
        self._flat = points.reshape(-1, 3)[:, list(self.axes)]
        self._transform = _Transform(self._flat.detach(), tuple(shape[axis] for axis in self.axes), accuracy)

    def _forward(self, x: Tensor) -> Tensor:
        batch = x.shape[:-3]
        images = x.reshape(math.prod(batch), *self._transform.shape)
        samples: Tensor = _Forward.apply(images, self._flat, self._transform)
        return samples.reshape(*batch, *self.codomain_shape)

    def _adjoint(self, y: Tensor) -> Tensor:
        batch = y.shape[: y.ndim - len(self.codomain_shape)]
        samples = y.reshape(math.prod(batch), len(self._flat))
        images: Tensor = _Adjoint.apply(samples, self._flat, self._transform)
        return images.reshape(*batch, *self.domain_shape)


def check_points(points: Tensor, shape: Sequence[int]) -> None:
    """Refuse points that no grid of this shape has.

    Args:
        points: float ``(*samples, 3)`` along z, y, x, cycles per extent of the grid.
        shape: of the grid, (z, y, x).

    Raises:
        ValueError: see the messages.
    """
    if points.ndim < 2 or points.shape[-1] != 3 or not points.is_floating_point() or points.numel() == 0:
        raise ValueError(
            f"points must be real numbers of shape (*samples, 3), along z, y, x; found {points.dtype} of shape "
            f"{tuple(points.shape)}. A 2D trajectory has z = 0 in its first column"
        )
    if len(shape) != 3:
        raise ValueError(f"the grid must be (z, y, x), with z = 1 for a slice; found {tuple(shape)}")
    flat = points.detach().reshape(-1, 3)
    if not bool(torch.isfinite(flat).all()):
        n_bad = int((~torch.isfinite(flat)).any(dim=1).sum())
        raise ValueError(f"{n_bad} of {len(flat)} points are infinite or undefined (NaN); look at the trajectory")
    extent = flat.abs().amax(dim=0).tolist()
    for name, largest, n in zip("zyx", extent, shape, strict=True):
        if n > 1 and largest > n / 2 + BEYOND:
            raise ValueError(
                f"the points reach {largest:.4g} cycles per field of view along {name}, and a grid of {n} voxels holds "
                f"{n / 2:g} at most. Take a grid of {math.ceil(2 * largest - 2 * BEYOND)} voxels or more, or check the "
                "unit: points are k times the field of view, -n/2 to n/2"
            )


class _Transform:
    """The plans of one set of points, made when they are first needed, and the scale 1/√N."""

    def __init__(self, points: Tensor, shape: tuple[int, ...], accuracy: float | None) -> None:
        self.points, self.shape, self.accuracy = points, shape, accuracy
        self.scale = 1 / math.sqrt(math.prod(shape))
        self._plans: dict[tuple[int, torch.dtype, int], Plan] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> _Transform:
        return _Transform(self.points, self.shape, self.accuracy)  # plans are handles of a library and cannot be copied

    def __reduce__(self) -> tuple[Any, ...]:
        return _Transform, (self.points, self.shape, self.accuracy)

    def forward(self, images: Tensor) -> Tensor:
        if len(images) == 0:
            return images.new_zeros((0, len(self.points)))
        plan = self._plan(images)
        return plan.forward(images.to(plan.dtype)).to(images.dtype).mul_(self.scale)

    def adjoint(self, samples: Tensor) -> Tensor:
        if len(samples) == 0:
            return samples.new_zeros((0, *self.shape))
        plan = self._plan(samples)
        return plan.adjoint((samples * self.scale).to(plan.dtype)).to(samples.dtype)

    def along(self, axis: int, x: Tensor) -> Tensor:
        """x times −2πi (r − n//2)/n along one axis: what a derivative by the points brings down."""
        n = self.shape[axis]
        r = (torch.arange(n, device=x.device) - n // 2).to(x.real.dtype) * (-2 * math.pi / n)
        return x * (1j * r).reshape(n, *[1] * (len(self.shape) - 1 - axis))

    def _plan(self, x: Tensor) -> Plan:
        if x.dtype not in ACCURACY:
            raise ValueError(f"a non-uniform transform takes complex64 or complex128, not {x.dtype}")
        if x.device != self.points.device:
            raise ValueError(f"the input is on {x.device} and the points are on {self.points.device}; move one of them")
        accuracy = ACCURACY[x.dtype] if self.accuracy is None else self.accuracy
        is_single = x.dtype == torch.complex64 and (accuracy >= SINGLE_FROM or x.is_cuda)
        dtype = torch.complex64 if is_single else torch.complex128
        key = (len(x), dtype, torch.get_num_threads())
        if key not in self._plans:
            if len(self._plans) >= MOST_PLANS:
                del self._plans[next(iter(self._plans))]
            self._plans[key] = Plan(self.points, self.shape, n_images=len(x), dtype=dtype, accuracy=accuracy)
        return self._plans[key]


class _Forward(torch.autograd.Function):
    """y = A(p) x; dL/dx = A.H g and dL/dp_a = Re Σ_images conj(g) · A(−2πi (r_a − c_a)/n_a x)."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, points: Tensor, transform: _Transform) -> Tensor:
        ctx.save_for_backward(images if points.requires_grad else None, points)
        ctx.transform = transform
        return transform.forward(images)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        images, points = ctx.saved_tensors
        to_images = _Adjoint.apply(g, points, ctx.transform) if ctx.needs_input_grad[0] else None
        to_points = _to_points(g, images, points, ctx.transform) if ctx.needs_input_grad[1] else None
        return to_images, to_points, None


class _Adjoint(torch.autograd.Function):
    """x = A(p).H y; dL/dy = A g and dL/dp_a = Re Σ_images conj(y) · A(−2πi (r_a − c_a)/n_a g)."""

    @staticmethod
    def forward(ctx: Any, samples: Tensor, points: Tensor, transform: _Transform) -> Tensor:
        ctx.save_for_backward(samples if points.requires_grad else None, points)
        ctx.transform = transform
        return transform.adjoint(samples)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        samples, points = ctx.saved_tensors
        to_samples = _Forward.apply(g, points, ctx.transform) if ctx.needs_input_grad[0] else None
        to_points = _to_points(samples, g, points, ctx.transform) if ctx.needs_input_grad[1] else None
        return to_samples, to_points, None


def _to_points(samples: Tensor, images: Tensor, points: Tensor, transform: _Transform) -> Tensor:
    columns = [
        (samples.conj() * _Forward.apply(transform.along(axis, images), points, transform)).real.sum(dim=0)
        for axis in range(len(transform.shape))
    ]
    return torch.stack(columns, dim=-1).to(points.dtype)
