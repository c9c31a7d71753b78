"""Spins: what precesses, where, and how voxels are divided into isochromats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Spins:
    """Pools of spins that share a place and a tissue; one voxel holds one pool or several. All on one device.

    Attributes:
        position: of the pool's centre, ``(spin, 3)``, x y z in patient coordinates (LPS), m.
        equilibrium: magnetisation at rest, times volume where a sum over pools is to be an integral, ``(spin,)``.
        T1: ``(spin,)``, s.
        T2: ``(spin,)``, s.
        R2_prime: half width of the Lorentzian spread of frequencies inside the pool, ``(spin,)``, 1/s.
        off_resonance: ``(spin,)``, Hz; positive where the field is larger.
        transmit: B1+ over its nominal value, complex ``(spin,)``; 1 is nominal.
        extent: edges of the pool's box, ``(3,)``, x y z, m; 0 for points.
        displacement: way at unit amplitude of a breathing motion, ``(spin, 3)``, m; None where nothing breathes.
    """

    position: Tensor
    equilibrium: Tensor
    T1: Tensor
    T2: Tensor
    R2_prime: Tensor
    off_resonance: Tensor
    transmit: Tensor
    extent: tuple[float, float, float] = (0.0, 0.0, 0.0)
    displacement: Tensor | None = None

    def __len__(self) -> int:
        return len(self.equilibrium)


def point_spins(
    T1: Tensor,
    T2: Tensor,
    *,
    equilibrium: Tensor | None = None,
    off_resonance: Tensor | float = 0.0,
    transmit: Tensor | float = 1.0,
    position: Tensor | None = None,
) -> Spins:
    """Spins without extent, by default all at the origin; numbers hold for all.

    Args:
        T1: ``(spin,)``, s.
        T2: ``(spin,)``, s.
        equilibrium: ``(spin,)``; None for 1.
        off_resonance: Hz.
        transmit: B1+ over nominal.
        position: ``(spin, 3)``, m.

    Returns:
        Spins, dtype and device of ``T1``.

    Raises:
        ValueError: a relaxation time is not positive, or T2 > 2 T1.
    """
    ones = torch.ones_like(T1)
    complex_dtype = torch.complex(ones[:1], ones[:1]).dtype
    spins = Spins(
        position=T1.new_zeros(len(T1), 3) if position is None else position,
        equilibrium=ones if equilibrium is None else equilibrium,
        T1=T1,
        T2=T2,
        R2_prime=torch.zeros_like(T1),
        off_resonance=ones * off_resonance,
        transmit=(ones * transmit).to(complex_dtype),
    )
    check_spins(spins)
    return spins


def check_spins(spins: Spins) -> None:
    """Refuse spins that cannot be: every engine calls this before it begins.

    Args:
        spins: to look at.

    Raises:
        ValueError: a value is missing or not finite, T1 or T2 is not positive, R2' is negative, or T2 > 2 T1.
    """
    n = len(spins)
    for name in ("position", "equilibrium", "T1", "T2", "R2_prime", "off_resonance", "transmit"):
        values = getattr(spins, name)
        if len(values) != n:
            raise ValueError(f"{name} has {len(values)} spins, but the equilibrium magnetisation has {n}")
        if not bool(values.detach().sum().isfinite()):  # a sum carries NaN and infinity, and is one pass
            raise ValueError(f"{name} holds NaN or infinity; is a voxel without tissue among the spins? Leave it out")
    T1, T2 = spins.T1.detach(), spins.T2.detach()
    if n == 0:
        raise ValueError("there are no spins; is the phantom empty, or outside the field of view?")
    if not (float(T1.min()) > 0 and float(T2.min()) > 0):
        raise ValueError(f"T1 and T2 must be above 0 s; found T1 from {float(T1.min())}, T2 from {float(T2.min())}")
    narrowest = float(spins.R2_prime.detach().min())
    if narrowest < 0:
        raise ValueError(f"R2' is a width and cannot be negative, but goes down to {narrowest} 1/s")
    if float((T2 / T1).max()) > 2 * (1 + 1e-6):
        raise ValueError("T2 cannot be longer than twice T1; were the two swapped, or given in different units?")


def select(spins: Spins, chosen: Tensor | slice) -> Spins:
    """Some of the spins, by index, mask or slice."""
    moved = None if spins.displacement is None else spins.displacement[chosen]
    return replace(
        spins,
        position=spins.position[chosen],
        equilibrium=spins.equilibrium[chosen],
        T1=spins.T1[chosen],
        T2=spins.T2[chosen],
        R2_prime=spins.R2_prime[chosen],
        off_resonance=spins.off_resonance[chosen],
        transmit=spins.transmit[chosen],
        displacement=moved,
    )


def join(pools: Sequence[Spins], *, dtype: torch.dtype) -> Spins:
    """Spins of several pools of one extent, one after another, in float32 or float64."""
    complex_dtype = torch.complex(*torch.zeros(2, 1, dtype=dtype)).dtype
    ways = [pool.displacement for pool in pools if pool.displacement is not None]
    return Spins(
        position=torch.cat([pool.position for pool in pools]).to(dtype),
        equilibrium=torch.cat([pool.equilibrium for pool in pools]).to(dtype),
        T1=torch.cat([pool.T1 for pool in pools]).to(dtype),
        T2=torch.cat([pool.T2 for pool in pools]).to(dtype),
        R2_prime=torch.cat([pool.R2_prime for pool in pools]).to(dtype),
        off_resonance=torch.cat([pool.off_resonance for pool in pools]).to(dtype),
        transmit=torch.cat([pool.transmit for pool in pools]).to(complex_dtype),
        extent=pools[0].extent,
        displacement=torch.cat(ways).to(dtype) if ways else None,
    )


def isochromat_offsets(n: int) -> Tensor:
    """Places of n isochromats in a pool: a rank-1 lattice in x, y, z and frequency.

        u_id = frac(i g_d / n) + 1/(2n),  g_d coprime to n

    Along every one of the four axes the n values are the n evenly spaced ones, so dephasing along any axis sums to
    zero exactly until it has turned n times; a grid of as many points would alias after n^(1/4) turns. Dephasing
    along several axes at once aliases at the lattice's dual vectors h, h·g = 0 mod n. The g_d, chosen one after
    another, keep these long:

        minimise Σ_h Π_d 1 / (π h_d)²  =  mean_i Π_d (1 + 2 B₂(i g_d / n)) − 1,   B₂(x) = x² − x + 1/6

    which is the squared error for what falls off as 1/h, as dephasing by fractions of a turn does.

    Args:
        n: isochromats in a pool, at least 1.

    Returns:
        Float64 ``(n, 4)``, each in (0, 1).

    Source: Nuyens and Cools, Math Comp 75:903 (2006): rank-1 lattices, component by component.
    """
    index = np.arange(n)
    places = np.stack([index * g % n for g in _generators(n)], axis=1)
    return torch.from_numpy((places + 0.5) / n)


@lru_cache(maxsize=256)
def _generators(n: int) -> tuple[int, ...]:
    index = np.arange(n)
    kernel = 1 + 2 * ((index / n) ** 2 - index / n + 1 / 6)
    candidates = [g for g in range(1, n // 2 + 1) if math.gcd(g, n) == 1] or [1]
    chosen, product = [1], kernel.copy()
    for _ in range(3):
        # A generator twice would put the isochromats of two axes on a diagonal.
        left = [g for g in candidates if g not in chosen] or candidates
        best = min(left, key=lambda g: float(product @ kernel[index * g % n]))
        chosen.append(best)
        product *= kernel[index * best % n]
    return tuple(chosen)


def subdivide(spins: Spins, n: int) -> Spins:
    """Replace each pool by n isochromats in its box, with the frequencies of its Lorentzian.

        r_i = r + (u_i − ½) · extent,  Δf_i = Δf + R2' / 2π · tan(π (v_i − ½)),  M0_i = M0 / n

    The mean over the quantiles of a Lorentzian of half width R2' decays as exp(−R2' t) (until about n/R2').

    Args:
        spins: pools.
        n: isochromats in a pool.

    Returns:
        Spins ``(n · spin,)``, the isochromats of one pool ``spin`` apart; R2' is 0.
    """
    u = isochromat_offsets(n).to(spins.position)  # (n, 4)
    box = spins.position.new_tensor(spins.extent)
    position = spins.position + ((u[:, :3] - 0.5) * box).unsqueeze(1)  # (n, spin, 3)
    spread = torch.tan(math.pi * (u[:, 3:] - 0.5)) / (2 * math.pi)
    displacement = None if spins.displacement is None else spins.displacement.repeat(n, 1)
    return Spins(
        position=position.reshape(-1, 3),
        equilibrium=spins.equilibrium.repeat(n) / n,
        T1=spins.T1.repeat(n),
        T2=spins.T2.repeat(n),
        R2_prime=torch.zeros_like(spins.R2_prime).repeat(n),
        off_resonance=(spins.off_resonance + spread * spins.R2_prime).reshape(-1),
        transmit=spins.transmit.repeat(n),
        displacement=displacement,
    )
