"""How well echo times tell fat from water: the Cramér–Rao bound."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pirecon.encoding import FatSpectrum
from pirecon.quantitative.echo_model import VoxelFit, echo_model, fit_voxels

N_FREQUENCIES = 32


def expected_deviation(
    echo_times: Sequence[float],
    spectrum: FatSpectrum,
    *,
    snr: float,
    fat_fraction: float = 0.5,
    R2_star: float = 20.0,
    known_maps: bool = False,
) -> float:
    """Smallest standard deviation that an unbiased fat fraction Re F/(W + F) of one voxel can have.

    σ² aᵀ (AᴴA)⁻¹ a* from water and fat, with a the derivative of the fraction, plus what δf and R2* leave unknown.

    Args:
        echo_times: s.
        spectrum: of fat.
        snr: |W + F| at t = 0 over the standard deviation of the real part of the noise of one echo.
        fat_fraction: F / (W + F).
        R2_star: 1/s.
        known_maps: field and R2* are known, which smooth maps come near to.

    Returns:
        Standard deviation, 0.01 for one percentage point; infinite where the echoes cannot tell.

    Source: Pineda et al., Magn Reson Med 54:625 (2005); Reeder et al., Magn Reson Med 67:389 (2012), with R2*.
    """
    if len(echo_times) < (2 if known_maps else 3) or len(set(echo_times)) < len(echo_times):
        return math.inf
    model = echo_model(torch.tensor(echo_times, dtype=torch.float64), spectrum)
    species = torch.tensor([1 - fat_fraction, fat_fraction], dtype=torch.complex128) * snr
    rate = torch.tensor([R2_star], dtype=torch.float64)
    signal = model.basis(rate) @ species
    fit = fit_voxels(signal.mT, model, torch.zeros_like(rate), rate)
    precision = torch.full((2, 1), 1e12 if known_maps else 0.0, dtype=torch.float64)
    try:
        return float(fraction_deviation(fit, torch.ones_like(rate), precision))
    except RuntimeError:  # of which torch's singular matrix is one
        return math.inf


def fraction_deviation(fit: VoxelFit, variance: Tensor, precision: Tensor) -> Tensor:
    """Standard deviation of Re F/(W + F) of each voxel.

    Args:
        fit: of the voxels.
        variance: σ² of the real part of an image, float ``(voxel,)``.
        precision: what is known of δf and R2* from elsewhere, 1/variance, float ``(2, voxel)``.

    Returns:
        Float ``(voxel,)``; infinite without signal.
    """
    water, fat = fit.species
    total = water + fat
    square = total.square()
    a = torch.stack([-fat / square, water / square])
    by_noise = variance * torch.einsum("iv,ijv,jv->v", a, fit.covariance, a.conj()).real
    by_maps = (a.unsqueeze(1) * fit.sensitivity).sum(0).real  # (2, voxel)
    information = (fit.curvature / variance).movedim(-1, 0) + torch.diag_embed(precision.mT)
    solved = torch.linalg.solve(information, by_maps.mT.unsqueeze(-1)).squeeze(-1).mT
    found = (by_noise + (by_maps * solved).sum(0)).clamp_min(0).sqrt()
    return torch.where(torch.isfinite(found), found, torch.full_like(found, math.inf))


def precision_from_neighbours(information: Tensor, stiffness: Sequence[float]) -> Tensor:
    """What a smoothness prior adds to a voxel's own information, were it the same everywhere around.

        1/variance − h,   variance = mean over k of 1 / (h + Σ_axes 2 q (1 − cos k))

    Args:
        information: h of each voxel, float ``(voxel,)``.
        stiffness: q = 1/s² along every axis that has neighbours.

    Returns:
        Float ``(voxel,)``.

    Source: Rue and Held, Gaussian Markov Random Fields (2005), section 2.6: spectra of fields on a torus.
    """
    k = 2 * np.pi * (np.arange(N_FREQUENCIES) + 0.5) / N_FREQUENCIES
    eigenvalues = np.zeros(1)
    for q in stiffness:
        eigenvalues = (eigenvalues[:, None] + 2 * q * (1 - np.cos(k))).ravel()
    scale = float(sum(stiffness)) or 1.0
    table = np.logspace(-8, 8, 97)
    gained = np.array([1 / np.mean(1 / (h * scale + eigenvalues)) - h * scale for h in table])
    h = information.detach().cpu().double().numpy() / scale
    found = np.interp(np.log(np.maximum(h, 1e-8)), np.log(table), gained)
    return torch.from_numpy(found).to(information)
