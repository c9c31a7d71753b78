"""The normal operator of Cartesian SENSE, without the transforms that cancel."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

AXES = (-3, -2, -1)
# Bytes of coil images that are worked on at once. What stays in a processor's cache is read from memory once, not six
# times; elsewhere the bound only limits the memory.
CACHE = 2 * 2**20
BOUND = 512 * 2**20


class SenseNormal:
    """N x = Σ_c S_c* F.H D F S_c x for a density D of k-space, the squared weights.

    F.H D F is a convolution, so neither the centre of the image nor that of k-space matters: only D is shifted, once.
    Along an axis on which D does not change (the readout of nearly every scan) F.H F is the identity, and the axis is
    not transformed: its positions are columns that have nothing to do with each other.

    Args:
        maps: S, complex ``(*batch, coil, z, y, x)``.
        density: D on the grid of the maps, real ``(*batch, 1, z, y, x)``.
    """

    def __init__(self, maps: Tensor, density: Tensor) -> None:
        constant = _constant_axes(density)
        for axis in constant:
            density = density.narrow(axis, 0, 1)
        transformed = tuple(axis for axis in AXES if axis not in constant)
        self._order = (*constant, *transformed)
        self._axes = tuple(range(-len(transformed), 0))  # of the transform, in columns
        self._coil = -1 - len(transformed)
        # (*batch, column, coil, *transformed)
        self._maps = _columns(maps, constant, transformed)
        density = torch.fft.ifftshift(density, dim=transformed) if transformed else density
        self._density = _columns(density, constant, transformed)

    def __call__(self, x: Tensor) -> Tensor:
        """N x of an image ``(*batch, z, y, x)``."""
        ordered = x.movedim(self._order, AXES).contiguous()
        columns = ordered.reshape(*x.shape[:-3], -1, *ordered.shape[x.ndim - len(self._axes) :])
        result = self._of_columns(columns)
        return result.reshape(*result.shape[: self._coil], *ordered.shape[-3:]).movedim(AXES, self._order).contiguous()

    def _of_columns(self, x: Tensor) -> Tensor:
        """N x, ``(*batch, column, *transformed)``: a few columns at a time, or, if there is one, a few coils."""
        images = torch.broadcast_shapes(x.unsqueeze(self._coil).shape, self._maps.shape, self._density.shape)
        n_columns, n_coils = self._maps.shape[self._coil - 1], self._maps.shape[self._coil]
        bound = CACHE if x.device.type == "cpu" else BOUND
        n_blocks = -(-prod(images) * x.element_size() // bound)
        if n_columns > 1:
            size = -(-n_columns // n_blocks)
            blocks = zip(x.split(size, self._coil), self._maps.split(size, self._coil - 1), strict=True)
            return torch.cat([self._of_block(part, maps) for part, maps in blocks], dim=self._coil)
        first, *others = self._maps.split(-(-n_coils // n_blocks), self._coil)
        total = self._of_block(x, first)
        for maps in others:
            total = total + self._of_block(x, maps)
        return total

    def _of_block(self, x: Tensor, maps: Tensor) -> Tensor:
        coil_images = maps * x.unsqueeze(self._coil)
        if self._axes:
            kspace = _times(torch.fft.fftn(coil_images, dim=self._axes, norm="ortho"), self._density)
            coil_images = torch.fft.ifftn(kspace, dim=self._axes, norm="ortho")
        else:
            coil_images = _times(coil_images, self._density)
        return torch.linalg.vecdot(maps, coil_images, dim=self._coil)


def _times(fresh: Tensor, factor: Tensor) -> Tensor:
    """``fresh * factor``, in the memory of ``fresh``, which nobody else holds, where shapes and gradients allow."""
    in_place = torch.broadcast_shapes(fresh.shape, factor.shape) == fresh.shape and not factor.requires_grad
    return fresh.mul_(factor) if in_place else fresh * factor


def _constant_axes(density: Tensor) -> tuple[int, ...]:
    """The axes along which the density does not change; only those of length 1 where its gradient is asked for."""
    if density.requires_grad:
        return tuple(axis for axis in AXES if density.shape[axis] == 1)
    same = torch.stack([(density == density.narrow(axis, 0, 1)).all() for axis in AXES])  # NaN is not
    return tuple(axis for axis, constant in zip(AXES, same.tolist(), strict=True) if constant)


def _columns(coil_images: Tensor, constant: tuple[int, ...], transformed: tuple[int, ...]) -> Tensor:
    """``(*batch, coil, z, y, x)`` as ``(*batch, column, coil, *transformed)``."""
    n = coil_images.ndim
    order = [*range(n - 4), *(n + axis for axis in constant), n - 4, *(n + axis for axis in transformed)]
    n_columns = prod(coil_images.shape[axis] for axis in constant)
    batch, image = coil_images.shape[: n - 4], [coil_images.shape[axis] for axis in transformed]
    return coil_images.permute(order).reshape(*batch, n_columns, coil_images.shape[-4], *image).contiguous()
