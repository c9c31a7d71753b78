"""Trajectories that are Cartesian along z: a plain FFT over the partitions and 2D transforms in them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.algebra.nufft import Nufft, check_points
from pirecon.algebra.toeplitz import Toeplitz, toeplitz_spectrum

ON_GRID = 1e-3
"""Cells by which kz may miss the grid: a phase of at most 0.003 rad at the edge of the volume."""


class StackOfStars(LinearOperator):
    """The transform of :class:`~pirecon.algebra.nufft.Nufft` for readouts of constant, whole-numbered kz.

    y = A_2(p_y, p_x) F_z x: a centred FFT along z, then in each measured partition a non-uniform transform along y and
    x; one for all of them where they have the same paths.

    Args:
        points: ``(readout, sample, 3)`` along z, y, x, cycles per extent of the grid; the partitions may have different
            paths and different numbers of readouts.
        shape: of the image, (z, y, x).
        accuracy: as that of :class:`~pirecon.algebra.nufft.Nufft`.

    Raises:
        ValueError: kz is not constant along the readouts, or lies between the partitions of the grid.

    Source: Block K. T. et al., J Korean Soc Magn Reson Med 18:87 (2014).
    """

    def __init__(self, points: Tensor, shape: Sequence[int], *, accuracy: float | None = None) -> None:
        check_points(points, shape)
        if not is_stack(points, shape):
            raise ValueError(
                "kz is not constant along every readout, or not a whole number of cycles within the slab: this is "
                "no stack of stars on this grid. Nufft takes any trajectory"
            )
        super().__init__(tuple(shape), tuple(points.shape[:-1]))
        self.accuracy = accuracy
        partition = points[:, 0, 0].round().long() + shape[0] // 2
        self.partitions = torch.unique(partition)
        members = [torch.nonzero(partition == k).flatten() for k in self.partitions]
        flat = points * torch.tensor([0.0, 1.0, 1.0], dtype=points.dtype, device=points.device)
        self.is_uniform = all(len(m) == len(members[0]) and torch.equal(flat[m], flat[members[0]]) for m in members)
        self._points = [flat[m] for m in members[: 1 if self.is_uniform else None]]
        self._members, self._plane = members, (1, *self.domain_shape[1:])
        self._transforms = [Nufft(p, self._plane, accuracy=accuracy) for p in self._points]
        self._order = torch.argsort(torch.cat(members))

    def _forward(self, x: Tensor) -> Tensor:
        planes = centred_fft(x, (-3,)).index_select(-3, self.partitions).unsqueeze(-3)  # (…, partition, 1, y, x)
        if self.is_uniform:
            samples = self._transforms[0].forward(planes).flatten(-3, -2)
        else:
            parts = zip(self._transforms, planes.unbind(-4), strict=True)
            samples = torch.cat([transform.forward(plane) for transform, plane in parts], dim=-2)
        return samples.index_select(-2, self._order)

    def _adjoint(self, y: Tensor) -> Tensor:
        groups = [y.index_select(-2, m) for m in self._members]
        if self.is_uniform:
            planes = self._transforms[0].adjoint(torch.stack(groups, dim=-3)).squeeze(-3)
        else:
            parts = zip(self._transforms, groups, strict=True)
            planes = torch.cat([transform.adjoint(samples) for transform, samples in parts], dim=-3)
        return centred_ifft(self._filled(planes), (-3,))

    def _filled(self, planes: Tensor) -> Tensor:
        """Planes of the measured partitions among those of the grid, the others 0; ``(…, z, y, x)``."""
        full = planes.new_zeros((*planes.shape[:-3], *self.domain_shape))
        return full.index_copy(-3, self.partitions, planes)

    def gram(self, weights: Tensor) -> LinearOperator:
        """A.H W A for weights ``(*batch, readout, sample)``, by a 2D convolution in each partition."""
        kernels = []
        for i, m in enumerate(self._members):
            points = self._points[0 if self.is_uniform else i]
            kernels.append(toeplitz_spectrum(points, self._plane, weights.index_select(-2, m), accuracy=self.accuracy))
        kernel = torch.cat(kernels, dim=-3)
        full = kernel.new_zeros((*kernel.shape[:-3], self.domain_shape[0], *kernel.shape[-2:]))
        return _PlanewiseToeplitz(full.index_copy(-3, self.partitions, kernel), self.domain_shape)


class _PlanewiseToeplitz(LinearOperator):
    """x → F_z.H T_k F_z x with a Toeplitz operator along y and x of its own for every partition k."""

    def __init__(self, kernel: Tensor, shape: Sequence[int]) -> None:
        super().__init__(tuple(shape), tuple(shape))
        self.planes = Toeplitz(kernel.unsqueeze(-3), (1, *self.domain_shape[1:]))

    def _forward(self, x: Tensor) -> Tensor:
        planes = centred_fft(x, (-3,)).unsqueeze(-3)
        return centred_ifft(self.planes.forward(planes).squeeze(-3), (-3,))

    def _adjoint(self, y: Tensor) -> Tensor:
        return self._forward(y)


def is_stack(points: Tensor, shape: Sequence[int]) -> bool:
    """Whether every readout stays in one partition of the grid.

    Args:
        points: ``(readout, sample, 3)`` along z, y, x, cycles per extent of the grid.
        shape: of the image, (z, y, x).
    """
    if shape[0] == 1 or points.ndim != 3:
        return False
    kz, n = points[..., 0].detach(), shape[0]
    whole = kz[:, :1].round()
    inside = (whole >= -(n // 2)) & (whole <= (n - 1) // 2)
    return bool(((kz - whole).abs() <= ON_GRID).all() and inside.all())
