"""Linear least squares: SENSE for any sampling by conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from math import prod

import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator


@torch.no_grad()
def cg_sense(
    kspace: Tensor,
    E: LinearOperator,
    *,
    regularisation: float | None = None,
    n_iterations: int = 30,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """x = argmin ½‖E x − y‖² + ½ λ‖x‖².

    The default λ is twice the Wiener weight, noise power over image power, and needs no tuning because in SNR units
    the noise power is known (:func:`wiener_regularisation`).

    Args:
        kspace: y, whitened and weighted samples as E gives them, complex ``(*batch, coil, kz, ky, kx)``, SNR units.
        E: forward operator.
        regularisation: λ ≥ 0; chosen from the data by default.
        n_iterations: most iterations.
        progress: called with the number of each iteration, from 1.

    Returns:
        Complex image ``(*batch, z, y, x)``, SNR units.

    Source: Pruessmann et al., Magn Reson Med 46:638 (2001).
    """
    iteration = count(1)

    def normal(x: Tensor) -> Tensor:
        if progress is not None:
            progress(next(iteration))
        return E.normal(x)

    if regularisation is None:
        weight: float | Tensor = wiener_regularisation(kspace, n_voxels=_n_independent(E), n_axes=len(E.codomain_shape))
    else:
        weight = regularisation
    return conjugate_gradient(
        normal, E.adjoint(kspace), regularisation=weight, n_iterations=n_iterations, tolerance=1e-6
    )


def _n_independent(E: LinearOperator) -> int:
    """Voxels that tell something of their own: on a grid finer than a Cartesian k-space, as many as that has places.

    The finer voxels share the power of the acquired window; counted one by one each would seem weak, and λ would shrink
    the image as many times more.
    """
    n_voxels = prod(E.domain_shape)
    is_cartesian = len(E.codomain_shape) == 4  # (coil, kz, ky, kx)
    return min(n_voxels, prod(E.codomain_shape[-3:])) if is_cartesian else n_voxels


def wiener_regularisation(kspace: Tensor, *, n_voxels: int, n_axes: int = 4) -> Tensor:
    """λ = 2 · (noise power of a sample) / (mean image power of a voxel), at most 1.

    The noise power is 2 in SNR units and the image power is (‖y‖² − 2M) / n_voxels for M measured samples, since the
    centre of k-space holds nearly all of it. Doubled because what undersampling leaves to the prior lies in the outer
    k-space, where the image is weaker than its mean.

    Args:
        kspace: y, complex ``(*batch, coil, *samples)``, SNR units, zero where nothing was measured.
        n_voxels: voxels of the image, or places in the acquired k-space where the image's grid is finer.
        n_axes: of coil and samples together.

    Returns:
        λ, real ``(*batch, 1, 1, 1)``.

    Source: Wiener, Extrapolation, Interpolation, and Smoothing of Stationary Time Series, MIT Press (1949).
    """
    axes = tuple(range(-n_axes, 0))
    noise = 2.0 * torch.count_nonzero(kspace, dim=axes)
    power = (kspace.abs().square().sum(dim=axes) - noise) / n_voxels
    return (2 * 2.0 / power.clamp_min(4.0))[..., None, None, None]
