"""Images straight from the samples, without any solver."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pirecon.algebra.fft import centred_ifft, crop_or_pad_centre
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.calibration.density_compensation import pipe_menon
from pirecon.encoding.evolution import Evolving
from pirecon.encoding.non_cartesian import NonCartesianSense


@torch.no_grad()
def adjoint(kspace: Tensor, E: LinearOperator) -> Tensor:
    """x = α E.H y, the zero-filled image on the scale that explains the samples best.

    E.H y alone is darker the fewer samples there are (half as bright at R = 2 with uniform sampling) and counts samples
    with fewer averages less. One factor per image, α = argmin ‖E α x − y‖² = ‖E.H y‖² / ‖E E.H y‖², undoes the second
    and as much of the first as the coils tell apart; it is 1 for fully sampled data with normalised maps and for
    one coil without averages. α E.H y is also the first step of conjugate gradients. A linear map, for noise
    propagation say, is plain ``E.adjoint(kspace)``.

    Off the grid samples count by the area of k-space that each stands for (gridding), since E.H y alone would count the
    crowded centre many times over: x = α E.H D y. What happens to the signal while it is sampled is left out of E here:
    the adjoint of a decay decays once more.

    Args:
        kspace: y, whitened and weighted samples as E gives them, complex ``(*batch, coil, kz, ky, kx)``, SNR units.
        E: forward operator.

    Returns:
        Complex image ``(*batch, z, y, x)``, SNR units.
    """
    E = E.encoding if isinstance(E, Evolving) else E
    zero_filled = E.adjoint(kspace)
    if isinstance(E, NonCartesianSense):
        measured = E.weights.reshape(-1, *E.weights.shape[-2:]).amax(dim=0)
        image = E.adjoint(kspace * pipe_menon(E.points, E.domain_shape, measured=measured).to(kspace.real.dtype))
    else:
        image = zero_filled
    axes = (-3, -2, -1)
    explained = (image.conj() * E.normal(image)).real.sum(dim=axes, keepdim=True)
    overlap = (image.conj() * zero_filled).real.sum(dim=axes, keepdim=True)
    return torch.where(explained > 0, overlap / explained, 1.0) * image


@torch.no_grad()
def root_sum_of_squares(kspace: Tensor, *, matrix: Sequence[int] | None = None) -> Tensor:
    """x = √(Σ_c |F⁻¹ y_c|²), the magnitude image where no sensitivity maps are known.

    Noise adds to the magnitude: air has mean √(π/2) with one coil, about √(2 n_coils) with many.

    Args:
        kspace: whitened samples, complex ``(*batch, coil, kz, ky, kx)``, SNR units; zero where nothing was measured.
        matrix: (z, y, x) of a grid at least as fine as the acquired one; the acquired matrix by default.

    Returns:
        Image ``(*batch, z, y, x)`` of complex dtype with zero phase, SNR units.

    Source: Roemer et al., Magn Reson Med 16:192 (1990), section on the sum of squares.
    """
    axes = (-3, -2, -1)
    images = centred_ifft(crop_or_pad_centre(kspace, kspace.shape[-3:] if matrix is None else matrix), axes)
    return torch.linalg.vector_norm(images, dim=-4).to(kspace.dtype)
