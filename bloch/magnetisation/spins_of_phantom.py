"""From a phantom at a field strength to the pools of spins that precess."""

from __future__ import annotations

import torch
from torch import Tensor

from bloch.magnetisation.spins import Spins, join
from bloch.phantom import MapPhantom, Phantom, RespiratoryMotion
from bloch.phantom.grid import voxel_centres
from bloch.phantom.texture import TissueTexture, tissue_texture
from bloch.tissue import GYROMAGNETIC_RATIO, Tissue, tissues_at

SMALLEST_FRACTION = 1e-3
"""Of a voxel; tissue that fills less is left out."""


def spins_of(
    phantom: Phantom | MapPhantom,
    B0: float,
    *,
    generator: torch.Generator | None = None,
    texture: float = 1.0,
    dtype: torch.dtype = torch.float32,
) -> Spins:
    """The spins of a phantom: one pool for each tissue in a voxel, and one for each line of its spectrum.

        M0 = PD f a ΔV,  Δf = (δ + ΔB/B0) γB0,  R2' = 1/T2* − 1/T2

    with the tissue's fraction f of the voxel, the amplitude a and the shift δ of the spectral line.

    Args:
        phantom: tissue fractions, or parameter maps.
        B0: field strength, T.
        generator: source of the tissues' texture, on the CPU; None for flat tissue. Maps have their own.
        texture: strength of the texture, see :func:`bloch.phantom.texture.tissue_texture`.
        dtype: of the spins, float32 or float64.

    Returns:
        Spins; equilibrium magnetisation of water is 1/m³, so a sum over pools is an integral. Device of the phantom.

    Raises:
        ValueError: a tissue is unknown, B0 is out of range, or nothing in the phantom has protons.
    """
    if isinstance(phantom, MapPhantom):
        pools = [_pool_of_maps(phantom, B0)]
    else:
        drawn = None if generator is None else tissue_texture(phantom, generator=generator, strength=texture)
        pools = _pools_of_tissues(phantom, B0, drawn)
    spins = join(pools, dtype=dtype) if pools else None
    if spins is None or not len(spins):
        raise ValueError("nothing in the phantom has protons; its fractions or its proton density are 0 everywhere")
    return spins


def _pools_of_tissues(phantom: Phantom, B0: float, texture: TissueTexture | None) -> list[Spins]:
    tissues = tissues_at(B0)
    unknown = [name for name in phantom.tissues if name not in tissues]
    if unknown:
        raise ValueError(f"The phantom holds the unknown tissues {unknown}; known are {sorted(tissues)}.")
    pools = []
    for index, name in enumerate(phantom.tissues):
        inside = phantom.fractions[index] > SMALLEST_FRACTION
        if bool(inside.any()):
            factors = _texture_factors(texture, index, inside)
            amount = phantom.fractions[index][inside].double() * tissues[name].proton_density * factors[0]
            pools += _spectrum(phantom, B0, tissues[name], inside, (amount, *factors[1:]))
    return pools


def _spectrum(
    phantom: Phantom, B0: float, tissue: Tissue, inside: Tensor, textured: tuple[Tensor, Tensor, Tensor]
) -> list[Spins]:
    """One pool for each line of a tissue's spectrum; ``textured`` are its amount and the factors on T1 and T2."""
    amount, factor_T1, factor_T2 = textured
    R2_prime = torch.full_like(amount, max(1 / tissue.T2_star - 1 / tissue.T2, 0.0))
    times = (tissue.T1 * factor_T1, tissue.T2 * factor_T2, R2_prime)
    return [
        _pool(phantom, inside, equilibrium=amount * peak.amplitude, times=times, shift=peak.shift, B0=B0)
        for peak in tissue.chemical_shift
    ]


def _texture_factors(texture: TissueTexture | None, tissue: int, inside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """On proton density, T1 and T2."""
    flat = torch.zeros(int(inside.sum()), dtype=torch.float64, device=inside.device)
    if texture is None:
        return flat.exp(), flat.exp(), flat.exp()
    density = flat if texture.density is None else texture.density[inside].double()
    relaxation = flat if texture.relaxation is None else texture.relaxation[inside].double()
    person = texture.person[:, tissue].tolist()
    return (density + person[0]).exp(), (relaxation + person[1]).exp(), (relaxation + person[2]).exp()


def _pool_of_maps(phantom: MapPhantom, B0: float) -> Spins:
    inside = phantom.proton_density > 0
    T2 = phantom.T2[inside].double()
    T2_star = T2 if phantom.T2_star is None else phantom.T2_star[inside].double()
    shift = 0.0 if phantom.chemical_shift is None else phantom.chemical_shift[inside].double()
    times = (phantom.T1[inside].double(), T2, (1 / T2_star - 1 / T2).clamp_min(0))
    return _pool(
        phantom, inside, equilibrium=phantom.proton_density[inside].double(), times=times, shift=shift, B0=B0
    )


def _pool(
    phantom: Phantom | MapPhantom,
    inside: Tensor,
    *,
    equilibrium: Tensor,
    times: tuple[Tensor, Tensor, Tensor],
    shift: Tensor | float,
    B0: float,
) -> Spins:
    """Spins of the voxels of a mask; ``times`` are T1, T2 and R2', ``shift`` is in ppm."""
    z, y, x = phantom.voxel_size
    offset = torch.zeros_like(equilibrium) if phantom.field_offset is None else phantom.field_offset[inside].double()
    transmit = torch.ones_like(equilibrium) if phantom.transmit_field is None else phantom.transmit_field[inside]
    displacement = None
    if isinstance(phantom.motion, RespiratoryMotion):
        displacement = phantom.motion.displacement.movedim(0, -1)[inside].double()
    T1, T2, R2_prime = times
    return Spins(
        position=voxel_centres(phantom.matrix, phantom.voxel_size, device=inside.device)[inside],
        equilibrium=equilibrium * (z * y * x),
        T1=T1,
        T2=T2,
        R2_prime=R2_prime,
        off_resonance=(offset + shift) * 1e-6 * GYROMAGNETIC_RATIO * B0,
        transmit=transmit.to(torch.complex128),
        extent=(x, y, z),
        displacement=displacement,
    )
