"""The forward operator for radial, spiral and any other trajectory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.algebra.nufft import Nufft
from pirecon.algebra.toeplitz import Toeplitz, toeplitz_spectrum
from pirecon.encoding.stack_of_stars import StackOfStars, is_stack
from pirecon.rawdata.geometry import Geometry
from pirecon.rawdata.trajectory import Trajectory


class NonCartesianSense(LinearOperator):
    """E = W · A · S: coil images, their non-uniform transform, and the samples' weights.

    A is :class:`~pirecon.encoding.stack_of_stars.StackOfStars` where the trajectory is one, and
    :class:`~pirecon.algebra.nufft.Nufft` otherwise. ``E.N`` is a convolution in each coil (Toeplitz) and never visits
    the samples; coil by coil, so that a volume needs the memory of one doubled coil image.

    Args:
        maps: sensitivities, complex ``(*batch, coil, z, y, x)``.
        points: ``(readout, sample, 3)`` along z, y, x, in cycles per field of view, as :func:`grid_points` gives them.
        weights: real ``(*batch or 1s, 1, readout, sample)``, √(n / n_max) of n averages, 0 where nothing was measured;
            None for 1. Not a density compensation: noise is what a weight stands for.
        accuracy: of the transform; None for 1e-6 in complex64.

    Raises:
        ValueError: points outside the grid's k-space, or weights that do not fit them.

    Source: Pruessmann K. P. et al., Magn Reson Med 46:638 (2001); Fessler J. A. et al., IEEE Trans Signal Process
    53:3393 (2005).
    """

    def __init__(
        self, maps: Tensor, points: Tensor, weights: Tensor | None = None, *, accuracy: float | None = None
    ) -> None:
        samples = tuple(points.shape[:-1])
        if weights is None:
            weights = torch.ones((1, *samples), dtype=maps.real.dtype, device=maps.device)
        if tuple(weights.shape[-2:]) != samples or len(samples) != 2 or weights.ndim < 3 or weights.shape[-3] != 1:
            raise ValueError(
                f"points must be (readout, sample, 3) and weights (*batch, 1, readout, sample); found "
                f"{tuple(points.shape)} and {tuple(weights.shape)}"
            )
        super().__init__(tuple(maps.shape[-3:]), (maps.shape[-4], *samples))
        self.maps, self.points, self.weights = maps, points, weights
        self.transform = sampling_transform(points, self.domain_shape, accuracy=accuracy)
        self._accuracy = accuracy
        self._gram: LinearOperator | None = None

    def _forward(self, x: Tensor) -> Tensor:
        return self.weights * self.transform.forward(self.maps * x.unsqueeze(-4))

    def _adjoint(self, y: Tensor) -> Tensor:
        return (self.maps.conj() * self.transform.adjoint(self.weights * y)).sum(dim=-4)

    def _normal(self, x: Tensor) -> Tensor:
        gram = self.gram
        total: Tensor | None = None
        for coil in self.maps.unbind(dim=-4):
            part = coil.conj() * gram.forward(coil * x)
            total = part if total is None else total + part
        assert total is not None  # there is a coil
        return total

    @property
    def gram(self) -> LinearOperator:
        """A.H W² A of one coil image, made when it is first asked for."""
        if self.points.requires_grad:  # a kernel kept from one step would hold the graph of the last
            return self._make_gram()
        if self._gram is None:
            self._gram = self._make_gram()
        return self._gram

    def _make_gram(self) -> LinearOperator:
        density = self.weights.square().squeeze(-3)
        if isinstance(self.transform, StackOfStars):
            return self.transform.gram(density)
        kernel = toeplitz_spectrum(self.points, self.domain_shape, density, accuracy=self._accuracy)
        return Toeplitz(kernel, self.domain_shape)


def sampling_transform(points: Tensor, shape: Sequence[int], *, accuracy: float | None = None) -> LinearOperator:
    """The fastest operator for these points: along z by FFT where they are a stack, non-uniform in all axes otherwise.

    Args:
        points: ``(readout, sample, 3)`` along z, y, x, cycles per field of view.
        shape: of the image, (z, y, x).
        accuracy: of the transform.

    Returns:
        Image ``(z, y, x)`` → samples ``(readout, sample)``.
    """
    # A path that is being optimised may leave its partition.
    if not points.requires_grad and is_stack(points, shape):
        return StackOfStars(points, shape, accuracy=accuracy)
    return Nufft(points, shape, accuracy=accuracy)


def grid_points(trajectory: Trajectory, geometry: Geometry) -> Tensor:
    """k in cycles per field of view: p = k · FOV, along z, y, x.

    The field of view is that of the geometry, whatever its number of voxels; along an axis of one voxel p is 0.

    Args:
        trajectory: k, 1/m, ``(*batch, readout, sample, 3)``.
        geometry: of the image.

    Returns:
        Float64 ``(readout, sample, 3)`` where all images of the batch have the same path, else ``(*batch, readout,
        sample, 3)``, to be given to an encoding one by one.
    """
    sides = [n * size if n > 1 else 0.0 for n, size in zip(geometry.matrix, geometry.voxel_size, strict=True)]
    points = trajectory.k.double() * torch.tensor(sides, dtype=torch.float64, device=trajectory.k.device)
    flat = points.reshape(-1, *points.shape[-3:])
    return flat[0] if bool((flat == flat[:1]).all()) else points
