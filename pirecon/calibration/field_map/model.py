"""A field map as few numbers: polynomials, and those that a magnet can make."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.calibration.field_map.field_map import FieldMap
from pirecon.calibration.voxel_positions import voxel_positions
from pirecon.rawdata.geometry import Geometry

N_REWEIGHTINGS = 10
HUBER = 1.345  # residuals beyond this many standard deviations count less; 95 % efficient for normal noise


@dataclass(frozen=True, eq=False)
class FieldModel:
    """δf(r) = Σ_i c_i u^a_i v^b_i w^d_i with (u, v, w) = (r − centre) / radius.

    Attributes:
        coefficients: c, float64 ``(term,)``, Hz.
        exponents: (a, b, d) of left, posterior, superior, int ``(term, 3)``.
        centre: LPS, float64 ``(3,)``, m.
        radius: of the region that was fitted, m; beyond it a term of degree n grows as rⁿ.
        residual: root mean square of what the model leaves, weighted by reliability, Hz.
        source: how it was found, in a sentence.
    """

    coefficients: Tensor
    exponents: Tensor
    centre: Tensor
    radius: float
    residual: float
    source: str

    def at(self, positions: Tensor) -> Tensor:
        """δf at LPS positions ``(..., 3)`` in m; ``(...)``, float64, Hz."""
        return monomials((positions - self.centre) / self.radius, self.exponents) @ self.coefficients


def fit_polynomial(field_map: FieldMap, degree: int) -> FieldModel:
    """The polynomial of x, y, z up to ``degree`` that fits a field map best, voxels weighted by their reliability.

    Args:
        field_map: of any number of slices.
        degree: largest; terms that the voxels do not tell apart (across one slice, say) are left at zero.

    Returns:
        FieldModel.

    Raises:
        ValueError: fewer reliable voxels than terms.
    """
    exponents = _exponents(degree)
    free = torch.eye(len(exponents), dtype=torch.float64)
    return _fit(field_map, exponents, free, f"polynomial of degree {degree}")


def fit_solid_harmonics(field_map: FieldMap, degree: int) -> FieldModel:
    """The best field up to ``degree`` that a magnet outside the region can make: Δ δf = 0.

    These are the polynomials in the kernel of the Laplacian, (degree + 1)² of them; so the fit also tells how the field
    goes on across a single slice. Outliers are weighted down (Huber).

    Args:
        field_map: of any number of slices.
        degree: largest.

    Returns:
        FieldModel.

    Raises:
        ValueError: fewer reliable voxels than terms.

    Source: Romeo F., Hoult D. I., Magn Reson Med 1:44 (1984).
    """
    exponents = _exponents(degree)
    return _fit(field_map, exponents, _kernel_of_laplacian(exponents), f"solid harmonics up to degree {degree}")


def evaluate_field_model(model: FieldModel, geometry: Geometry) -> FieldMap:
    """A field map of a model: ``(z, y, x)``, or ``(slice, z, y, x)`` for several slices.

    The reliability is 1 within the radius of the fit and falls as (radius / r)² beyond.
    """
    positions = voxel_positions(geometry)
    field = model.at(positions)
    distance = (positions - model.centre).norm(dim=-1)
    reliability = (model.radius / distance.clamp(min=1e-12)).square().clamp(max=1)
    if len(field) == 1:
        field, reliability = field[0], reliability[0]
    return FieldMap(field.float(), reliability.float(), geometry, model.source)


def monomials(points: Tensor, exponents: Tensor) -> Tensor:
    """x^a y^b z^d at points ``(..., 3)`` → ``(..., term)``."""
    powers = points.unsqueeze(-2) ** exponents.to(points)  # (..., term, 3)
    return powers.prod(dim=-1)


def _exponents(degree: int) -> Tensor:
    if not 0 <= degree <= 12:
        raise ValueError(f"the degree of the field is {degree}; expected 0 to 12: measured maps do not hold more")
    every = [(a, b, n - a - b) for n in range(degree + 1) for a in range(n + 1) for b in range(n - a + 1)]
    return torch.tensor(every, dtype=torch.int64)


def _kernel_of_laplacian(exponents: Tensor) -> Tensor:
    """Orthonormal columns ``(term, harmonic)`` that span the polynomials with Δp = 0."""
    place = {tuple(e): i for i, e in enumerate(exponents.tolist())}
    laplacian = torch.zeros(len(place), len(place), dtype=torch.float64)
    for e, i in place.items():
        for axis in range(3):
            if e[axis] >= 2:
                lower = tuple(n - 2 * (a == axis) for a, n in enumerate(e))
                laplacian[place[lower], i] += e[axis] * (e[axis] - 1)
    _, singular, vectors = torch.linalg.svd(laplacian)
    rank = int((singular > 1e-9).sum())
    return vectors[rank:].T


def _fit(field_map: FieldMap, exponents: Tensor, free: Tensor, name: str) -> FieldModel:
    positions = voxel_positions(field_map.geometry)
    known = (field_map.reliability > 0).reshape(positions.shape[:-1]).cpu()
    points = positions[known]
    values = field_map.off_resonance.detach().double().cpu().reshape(known.shape)[known]
    weights = field_map.reliability.double().cpu().reshape(known.shape)[known]
    if len(points) < free.shape[1]:
        raise ValueError(
            f"{len(points)} voxels with signal cannot tell {free.shape[1]} terms apart; choose a lower degree, or look "
            "whether the field map is empty"
        )
    centre = (points.amin(dim=0) + points.amax(dim=0)) / 2
    radius = max(float((points - centre).norm(dim=1).max()), 1e-9)
    design = monomials((points - centre) / radius, exponents) @ free
    robust = torch.ones_like(weights)
    for _ in range(N_REWEIGHTINGS):
        root = (weights * robust).sqrt()
        found = torch.linalg.lstsq(root[:, None] * design, root[:, None] * values[:, None], driver="gelsd").solution
        left = values - (design @ found)[:, 0]
        spread = float(left.abs().median()) / 0.6745  # of normal noise
        robust = (HUBER * spread / left.abs().clamp(min=1e-12)).clamp(max=1)
    residual = math.sqrt(float((weights * left.square()).sum() / weights.sum()))
    source = f"{name} fitted to the {field_map.source}, residual {residual:.3g} Hz"
    return FieldModel((free @ found)[:, 0], exponents, centre, radius, residual, source)
