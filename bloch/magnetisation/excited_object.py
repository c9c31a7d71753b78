"""The object after excitation: its transverse magnetisation at any point of space."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from bloch.phantom import Phantom, magnetisation_image
from bloch.sequence import Protocol


@dataclass(frozen=True, eq=False)
class SmoothPhase:
    """φ(r) = φ0 + 2π g·r + Σ_j a_j cos(2π q_j·r + θ_j).

    Attributes:
        constant: φ0, rad.
        gradient: g, ``(3,)``, 1/m: shifts the echo in k-space.
        amplitudes: a, ``(wave,)``, rad.
        waves: q, ``(wave, 3)``, 1/m.
        offsets: θ, ``(wave,)``, rad.
    """

    constant: float
    gradient: Tensor
    amplitudes: Tensor
    waves: Tensor
    offsets: Tensor


@dataclass(frozen=True, eq=False)
class ExcitedObject:
    """Transverse magnetisation on the phantom's grid, whose voxel ``n // 2`` is the origin; x, y, z are L, P, S.

    Attributes:
        magnitude: ``(z, y, x)``, float64, magnetisation of water = 1. One plane stands for a cylinder without end.
        voxel_size: ``(z, y, x)``, m.
        phase: of the magnetisation.
    """

    magnitude: Tensor
    voxel_size: tuple[float, float, float]
    phase: SmoothPhase


def random_phase(generator: torch.Generator, *, strength: float = 1.0) -> SmoothPhase:
    """A smooth phase as receivers, eddy currents and the magnet's field leave it.

    Args:
        generator: source of randomness.
        strength: 1 shifts the echo by up to about 12 / m (3 samples of 0.25 m) and bends the phase by about 1 rad.

    Returns:
        SmoothPhase with wavelengths of 0.12 to 0.4 m.
    """
    uniform = torch.rand(10, dtype=torch.float64, generator=generator)
    direction = torch.nn.functional.normalize(torch.randn(4, 3, dtype=torch.float64, generator=generator), dim=-1)
    wavelength = 0.12 + 0.28 * uniform[:4]
    gradient = 8 * torch.tanh(torch.randn(3, dtype=torch.float64, generator=generator))
    return SmoothPhase(
        constant=float(strength * 2 * math.pi * uniform[4]),
        gradient=strength * gradient,
        amplitudes=strength * 0.7 * torch.randn(4, dtype=torch.float64, generator=generator),
        waves=direction / wavelength.unsqueeze(1),
        offsets=2 * math.pi * uniform[5:9],
    )


def excite(
    phantom: Phantom,
    protocol: Protocol,
    B0: float,
    *,
    generator: torch.Generator,
    variation: float = 1.0,
) -> ExcitedObject:
    """Magnetisation of a phantom at the echo, by the sequence's closed-form equation, with a random smooth phase.

    Args:
        phantom: tissue fractions.
        protocol: sequence.
        B0: field strength, T.
        generator: source of the texture and the phase.
        variation: strength of both; 0 leaves flat tissue with phase 0.

    Returns:
        ExcitedObject.
    """
    phase = random_phase(generator, strength=variation)
    magnitude = magnetisation_image(phantom, protocol, B0, generator=generator, texture=variation)
    return ExcitedObject(magnitude.to(torch.float64), phantom.voxel_size, phase)


def magnetisation_at(excited: ExcitedObject, points: Tensor) -> Tensor:
    """m(r) exp(iφ(r)), linearly interpolated between voxel centres; nothing beyond the phantom.

    Args:
        excited: the object.
        points: ``(y, x, 3)``, order x y z, LPS, m, float64.

    Returns:
        Complex128 ``(y, x)``.
    """
    volume = excited.magnitude
    shape = torch.tensor(volume.shape[::-1], dtype=torch.float64, device=points.device)
    size = torch.tensor(excited.voxel_size[::-1], dtype=torch.float64, device=points.device)
    index = points / size + torch.div(shape, 2, rounding_mode="floor")
    normal = (2 * index + 1) / shape - 1
    if len(volume) == 1:
        normal[..., 2] = 0
    sampled = grid_sample(volume[None, None], normal[None, None], padding_mode="zeros", align_corners=False)
    return torch.polar(sampled[0, 0, 0], _phase_at(excited.phase, points))


def _phase_at(phase: SmoothPhase, points: Tensor) -> Tensor:
    gradient, amplitudes, waves, offsets = (
        t.to(points) for t in (phase.gradient, phase.amplitudes, phase.waves, phase.offsets)
    )
    bend = (2 * math.pi * points @ waves.T + offsets).cos() @ amplitudes
    return phase.constant + 2 * math.pi * points @ gradient + bend
