"""What happens to a voxel's signal between samples: few functions of time times few maps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator


@dataclass(frozen=True)
class Evolution:
    """Signal evolution e(r, t) ≈ Σ_l b_l(t) c_l(r), 1 where nothing happens: relaxation, off-resonance, Maxwell terms.

    Attributes:
        basis: b_l at every sample, complex ``(component, *samples)``, where the axes of ``samples`` are those of one
            coil's k-space, ``(kz, ky, kx)`` or ``(readout, sample)``, or 1 along those that do not matter.
        coefficients: c_l on the reconstruction grid, complex ``(component, z, y, x)``; ``(component, 1, 1, 1)`` where
            all voxels do the same.
        error: what the truncation to these components leaves out, relative to the whole (root mean square).
        source: how it was found, in a sentence.
    """

    basis: Tensor
    coefficients: Tensor
    error: float
    source: str

    def __post_init__(self) -> None:
        if self.basis.shape[0] != self.coefficients.shape[0] or self.coefficients.ndim != 4:
            raise ValueError(
                f"an evolution needs as many temporal functions as maps, (component, *samples) and (component, z, y, "
                f"x); found {tuple(self.basis.shape)} and {tuple(self.coefficients.shape)}"
            )


class Evolving(LinearOperator):
    """E_t(x) = Σ_l b_l · E(c_l · x): the encoding E of a signal that evolves while it is sampled.

    It costs as many transforms as there are components.

    Args:
        encoding: E, image ``(z, y, x)`` → ``(coil, *samples)``, multiplying each sample by a weight at most.
        evolution: of one image; its batch axes are those of the argument.

    Raises:
        ValueError: the shapes do not fit those of E.

    Source: Sutton B. P. et al., IEEE Trans Med Imaging 22:178 (2003); Fessler J. A. et al., IEEE Trans Signal Process
    53:3393 (2005).
    """

    def __init__(self, encoding: LinearOperator, evolution: Evolution) -> None:
        super().__init__(encoding.domain_shape, encoding.codomain_shape)
        samples = encoding.codomain_shape[1:]
        try:
            fits = torch.broadcast_shapes(evolution.basis.shape[1:], samples) == torch.Size(samples)
            fits &= torch.broadcast_shapes(evolution.coefficients.shape[1:], self.domain_shape) == self.domain_shape
        except RuntimeError:
            fits = False
        if not fits:
            raise ValueError(
                f"the evolution has functions of shape {tuple(evolution.basis.shape[1:])} and maps of shape "
                f"{tuple(evolution.coefficients.shape[1:])}, which do not fit the encoding's samples {samples} and "
                f"grid {self.domain_shape}"
            )
        self.encoding, self.evolution = encoding, evolution

    def _forward(self, x: Tensor) -> Tensor:
        parts = zip(self.evolution.basis, self.evolution.coefficients, strict=True)
        b, c = next(parts)
        y = b * self.encoding.forward(c * x)
        for b, c in parts:
            y = y + b * self.encoding.forward(c * x)
        return y

    def _adjoint(self, y: Tensor) -> Tensor:
        parts = zip(self.evolution.basis, self.evolution.coefficients, strict=True)
        b, c = next(parts)
        x = c.conj() * self.encoding.adjoint(b.conj() * y)
        for b, c in parts:
            x = x + c.conj() * self.encoding.adjoint(b.conj() * y)
        return x


class Subspace(LinearOperator):
    """E_s(α) = Σ_l b_l · E(α_l): one image for each temporal function, all unknown (T2 shuffling).

    Args:
        encoding: E, image ``(z, y, x)`` → ``(coil, *samples)``.
        basis: b_l, complex ``(component, *samples)``, broadcasting against the samples of one coil.

    Source: Tamir J. I. et al., Magn Reson Med 77:180 (2017), equation 5.
    """

    def __init__(self, encoding: LinearOperator, basis: Tensor) -> None:
        super().__init__((basis.shape[0], *encoding.domain_shape), encoding.codomain_shape)
        self.encoding, self.basis = encoding, basis

    def _forward(self, x: Tensor) -> Tensor:
        basis = self.basis.unsqueeze(1)  # (component, coil, *samples)
        return (basis * self.encoding.forward(x)).sum(dim=-self.basis.ndim - 1)

    def _adjoint(self, y: Tensor) -> Tensor:
        basis = self.basis.unsqueeze(1)
        return self.encoding.adjoint(basis.conj() * y.unsqueeze(-self.basis.ndim - 1))
