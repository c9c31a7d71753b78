"""A phantom made of parameter maps instead of tissues: what a quantitative scan or another simulator provides."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from bloch.phantom.map_checks import check_everywhere, check_optional_maps, check_shape, check_voxel_size
from bloch.phantom.motion import Motion, motion_to_device
from bloch.phantom.phantom import check_motion

MILLISECONDS = 30.0  # s: no relaxation time of water in a body is longer, so the number is in ms


@dataclass(frozen=True, eq=False)
class MapPhantom:
    """One kind of spin in each voxel. Times matter only where there are protons.

    Attributes:
        proton_density: relative to water, ``(z, y, x)``, float32, at least 0; 0 for air.
        T1: ``(z, y, x)``, s; infinity for none.
        T2: ``(z, y, x)``, s, at most 2 T1; infinity for none.
        voxel_size: edge lengths ``(z, y, x)``, m.
        T2_star: with static dephasing inside a voxel, ``(z, y, x)``, s, at most T2. None for T2.
        field_offset: deviation of the field from B0, ``(z, y, x)``, ppm. None for none.
        chemical_shift: of the spins relative to water, ``(z, y, x)``, ppm; fat −3.4. None for 0.
        transmit_field: B1+ relative to the nominal one, real or complex, ``(z, y, x)``. None for 1.
        diffusion: coefficient, ``(z, y, x)``, m²/s. None for 0.
        motion: how the object moves. None for rest.
    """

    proton_density: Tensor
    T1: Tensor
    T2: Tensor
    voxel_size: tuple[float, float, float]
    T2_star: Tensor | None = None
    field_offset: Tensor | None = None
    chemical_shift: Tensor | None = None
    transmit_field: Tensor | None = None
    diffusion: Tensor | None = None
    motion: Motion | None = None

    def __post_init__(self) -> None:
        if self.proton_density.ndim != 3:
            raise ValueError(
                f"proton_density has shape {tuple(self.proton_density.shape)}; expected (z, y, x), "
                "with z = 1 for a slice."
            )
        check_voxel_size(self.voxel_size)
        density = self.proton_density
        good = torch.isfinite(density) & (density >= 0)
        check_everywhere("proton_density", density, good, expected="0 for air and positive elsewhere, 1 for water.")
        _check_times(self)
        maps = {name: getattr(self, name) for name in ("field_offset", "chemical_shift", "transmit_field", "diffusion")}
        check_optional_maps(maps, self.matrix)
        _check_diffusion(self)
        check_motion(self.motion, self.matrix)

    @property
    def matrix(self) -> tuple[int, int, int]:
        """Voxels ``(z, y, x)``."""
        z, y, x = self.proton_density.shape
        return z, y, x


def maps_to_device(phantom: MapPhantom, device: torch.device) -> MapPhantom:
    """The same phantom with its tensors on another device."""
    moved = {f.name: getattr(phantom, f.name) for f in fields(phantom)}
    changes: dict[str, Any] = {name: value.to(device) for name, value in moved.items() if isinstance(value, Tensor)}
    return replace(phantom, **changes, motion=motion_to_device(phantom.motion, device))


def _check_times(phantom: MapPhantom) -> None:
    spins = phantom.proton_density > 0
    for name in ("T1", "T2", "T2_star"):
        times = getattr(phantom, name)
        if times is None:
            continue
        check_shape(name, times, phantom.matrix)
        expected = "a positive time in s wherever proton_density is above 0 (infinity for no relaxation)."
        check_everywhere(name, times, times > 0, where=spins, expected=expected)  # NaN > 0 is False
        expected = "seconds; the numbers are probably in ms: divide by 1000."
        good = (times < MILLISECONDS) | torch.isinf(times)
        check_everywhere(name, times, good, where=spins, expected=expected)
    T1, T2, T2_star = phantom.T1, phantom.T2, phantom.T2_star
    expected = "at most 2 T1 (no spin system relaxes otherwise); are T1 and T2 swapped, or in different units?"
    check_everywhere("T2", T2, T2 <= 2.001 * T1, where=spins, expected=expected)
    if T2_star is not None:
        expected = "at most T2, since static dephasing only adds; is this T2' (1/T2* = 1/T2 + 1/T2')?"
        check_everywhere("T2_star", T2_star, T2_star <= 1.001 * T2, where=spins, expected=expected)


def _check_diffusion(phantom: MapPhantom) -> None:
    diffusion = phantom.diffusion
    if diffusion is None:
        return
    expected = "m²/s from 0 to 1e-8 (free water at 37 °C: 3e-9); for numbers in 1e-3 mm²/s multiply by 1e-9."
    good = (diffusion >= 0) & (diffusion <= 1e-8)
    check_everywhere("diffusion", diffusion, good, where=phantom.proton_density > 0, expected=expected)
