"""Images whose voxels were pushed along an axis by the field."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.calibration.field_map import FieldMap

N_TAPS = 8
KAISER_BETA = 5.0  # stop band near −40 dB: 1 % of the highest frequencies


class Distortion(LinearOperator):
    """y(x') = Σ_x h(x' − x − d(x)) m(x): each voxel is pushed along one axis, with all its signal.

    h is a sinc in a Kaiser window of 8 voxels, the point spread of sampled k-space, so signal piles up where the image
    is squeezed and thins out where it is stretched (the Jacobian), and is folded back at the field of view's ends as in
    k-space. Where raw data are at hand, :class:`~pirecon.encoding.evolution.Evolving` does the same without the window
    and with the phase.

    Args:
        displacement: d, real ``(z, y, x)``, voxels; :func:`displacement` has it from a field map.
        axis: along which, −1, −2 or −3.

    Raises:
        ValueError: the displacement is no volume or not finite, or the axis is none of these.

    Source: Chang H., Fitzpatrick J. M., IEEE Trans Med Imaging 11:319 (1992), for the Jacobian; Munger P. et al., IEEE
    Trans Med Imaging 19:681 (2000), for the inverse problem.
    """

    def __init__(self, displacement: Tensor, axis: int = -1) -> None:
        if displacement.ndim != 3 or axis not in (-1, -2, -3) or not bool(displacement.isfinite().all()):
            raise ValueError(
                f"a distortion needs a finite displacement (z, y, x) and an axis of -1, -2 or -3; found shape "
                f"{tuple(displacement.shape)}, {int((~displacement.isfinite()).sum())} values not finite, axis {axis}"
            )
        super().__init__(tuple(displacement.shape), tuple(displacement.shape))
        self.axis = axis
        pushed = displacement.movedim(axis, -1)
        n = pushed.shape[-1]
        goal = torch.arange(n, dtype=displacement.dtype, device=displacement.device) + pushed
        first = goal.floor() - (N_TAPS // 2 - 1)
        taps = torch.arange(N_TAPS, dtype=displacement.dtype, device=displacement.device)
        place = first.unsqueeze(-1) + taps  # (…, x, tap)
        self.weights = _kernel(place - goal.unsqueeze(-1))
        self.places = torch.remainder(place, n).long()

    def _forward(self, x: Tensor) -> Tensor:
        source = x.movedim(self.axis, -1)
        parts = source.unsqueeze(-1) * self.weights.to(x.real.dtype)
        places = self.places.expand(parts.shape).flatten(-2)
        pushed = torch.zeros_like(source).scatter_add(-1, places, parts.flatten(-2))
        return pushed.movedim(-1, self.axis)

    def _adjoint(self, y: Tensor) -> Tensor:
        source = y.movedim(self.axis, -1)
        places = self.places.expand(*source.shape, N_TAPS).flatten(-2)
        parts = source.gather(-1, places).unflatten(-1, (-1, N_TAPS))
        return (parts * self.weights.to(y.real.dtype)).sum(dim=-1).movedim(-1, self.axis)


def displacement(off_resonance: Tensor, *, hertz_per_voxel: float) -> Tensor:
    """d = δf / b, voxels: how far the field pushes a spin along the axis that is encoded in time.

    Args:
        off_resonance: δf at the true places, Hz.
        hertz_per_voxel: b: readout bandwidth / samples along x; 1 / (echo spacing · lines) along the blips of an
            echo-planar train (times the acceleration); negative where k falls with time.

    Returns:
        Voxels, shape of ``off_resonance``.

    Raises:
        ValueError: b is zero.
    """
    if hertz_per_voxel == 0:
        raise ValueError("the bandwidth of a voxel is 0 Hz: expected such as 20 kHz / 128 samples = 156 Hz")
    return off_resonance / hertz_per_voxel


def undistort(
    image: Tensor,
    field_map: FieldMap,
    *,
    hertz_per_voxel: float,
    axis: int = -1,
    regularisation: float = 0.02,
    n_iterations: int = 20,
) -> Tensor:
    """The image whose distortion is the given one.

        min over m of ‖D m − y‖² + λ ‖m − m_0‖²,  m_0(x) = y(x + d(x)) (1 + ∂d/∂x)

    starting from the image read back from where its voxels went. Where d is zero it is ``image`` itself. The phase is
    carried along and not corrected. Where places overtake each other (∂d/∂x < −1) the signal of several is shared
    between them as in m_0.

    Args:
        image: y, real or complex ``(*batch, z, y, x)``; batch axes as the field map's, or more.
        field_map: on the grid of the image, at the true places.
        hertz_per_voxel: as in :func:`displacement`.
        axis: −1 for the readout, −2 or −3 for the blips of an echo-planar scan.
        regularisation: λ.
        n_iterations: of conjugate gradients.

    Returns:
        Shape and dtype of ``image``.

    Raises:
        ValueError: the field map is on another grid.
    """
    pushed = displacement(field_map.off_resonance, hertz_per_voxel=hertz_per_voxel).to(image.device)
    if pushed.shape[-3:] != image.shape[-3:] or pushed.ndim > image.ndim:
        raise ValueError(
            f"the field map is {tuple(pushed.shape)} and the image {tuple(image.shape)}; bring the map to the image's "
            "grid first (field_map_from_nifti and evaluate_field_model take its geometry)"
        )
    maps = pushed.reshape(-1, *pushed.shape[-3:])
    stack = image.reshape(-1, len(maps), *image.shape[-3:])
    solved = [_solve(stack[:, i], d, axis, regularisation, n_iterations) for i, d in enumerate(maps)]
    return torch.stack(solved, dim=1).reshape(image.shape)


def _solve(image: Tensor, pushed: Tensor, axis: int, regularisation: float, n_iterations: int) -> Tensor:
    D = Distortion(pushed.to(image.real.dtype), axis)
    jacobian = (1 + _slope(D, pushed.to(image.real.dtype))).clamp(0, 4)
    start = D.adjoint(image) * jacobian
    rest = image - D.forward(start)
    more = conjugate_gradient(D.normal, D.adjoint(rest), regularisation=regularisation, n_iterations=n_iterations)
    return start + more


def _slope(D: Distortion, pushed: Tensor) -> Tensor:
    if pushed.shape[D.axis] < 2:
        return torch.zeros_like(pushed)
    return torch.gradient(pushed, dim=D.axis)[0]


def _kernel(distance: Tensor) -> Tensor:
    """Windowed sinc, its taps scaled to sum 1 so that no signal is lost; ``(…, tap)``."""
    inside = (1 - (distance / (N_TAPS / 2)).square()).clamp(min=0)
    window = torch.special.i0(KAISER_BETA * inside.sqrt())
    weights = torch.sinc(distance) * window
    return weights / weights.sum(dim=-1, keepdim=True)
