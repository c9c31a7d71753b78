"""How a phantom moves while it is measured: nouns. Builders are in ``trajectories`` and ``abdomen``."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class RigidMotion:
    """A rigid body's way: the spin that rests at r is at ``R(t) r + d(t)``.

    Before the first time the first pose holds, after the last the last one.

    Attributes:
        times: strictly increasing, ``(n,)``, s, float64.
        rotations: right-handed angles about the L, P and S axes (x, y, z) through the origin, ``(n, 3)``, rad;
            ``R = R_z R_y R_x``, so x is turned first.
        translations: d towards L, P, S, ``(n, 3)``, m.
        interpolated: angles and translations run linearly between the times; if not, each pose holds from its time on
            until the next.
    """

    times: Tensor
    rotations: Tensor
    translations: Tensor
    interpolated: bool = True

    def __post_init__(self) -> None:
        n = len(self.times)
        if self.times.ndim != 1 or n == 0 or bool((self.times.diff() <= 0).any()):
            raise ValueError(f"times must be a strictly increasing list (n,) in s; found {self.times.tolist()[:8]} ...")
        for name in ("rotations", "translations"):
            values = getattr(self, name)
            if tuple(values.shape) != (n, 3):
                raise ValueError(f"{name} has shape {tuple(values.shape)}; expected ({n}, 3), one row for each time.")
            if not bool(torch.isfinite(values).all()):
                raise ValueError(f"{name} holds NaN or infinity; every pose of a motion must be known.")
        if float(self.rotations.abs().max()) > 2 * torch.pi:
            raise ValueError(
                f"A rotation of {float(self.rotations.abs().max()):.3g} rad is more than a full turn. "
                "If the angles are in degrees, convert them with torch.deg2rad."
            )
        if float(self.translations.abs().max()) > 1:
            raise ValueError(
                f"A translation of {float(self.translations.abs().max()):.3g} m leaves every scanner. "
                "If the lengths are in mm, divide by 1000."
            )

    def at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The pose at some times.

        Args:
            t: times, any shape, s.

        Returns:
            R ``(*t, 3, 3)`` and d ``(*t, 3)``, m, float64, on the device of the motion.
        """
        t = t.to(self.times)
        pose = torch.cat([self.rotations, self.translations], 1).to(self.times)  # (n, 6)
        upper = torch.searchsorted(self.times, t.contiguous(), right=True)
        before = (upper - 1).clamp_min(0)
        after = upper.clamp_max(len(self.times) - 1) if self.interpolated else before
        span = (self.times[after] - self.times[before]).clamp_min(torch.finfo(self.times.dtype).tiny)
        weight = ((t - self.times[before]) / span).clamp(0, 1).unsqueeze(-1)
        now = torch.lerp(pose[before], pose[after], weight)
        return rotation_matrix(now[..., :3]), now[..., 3:]


@dataclass(frozen=True, eq=False)
class RespiratoryMotion:
    """Breathing: the spin that rests (at end of expiration) at r is at ``r + u(r) s(t)``.

    ``s(t) = a cos^{2n}(π t / τ − φ)``: 0 at end of expiration, a at end of inspiration.

    Attributes:
        displacement: u at end of inspiration on the phantom's grid, towards L, P, S, ``(3, z, y, x)``, m.
        period: τ, s.
        amplitude: a, 1 for the displacement as given.
        exponent: n; the larger, the longer the rest in expiration.
        phase: φ, rad; 0 starts at end of inspiration, π/2 at end of expiration.

    Source: Lujan et al., Med Phys 26:715 (1999), eq. 1.
    """

    displacement: Tensor
    period: float = 4.0
    amplitude: float = 1.0
    exponent: int = 3
    phase: float = torch.pi / 2

    def __post_init__(self) -> None:
        if self.displacement.ndim != 4 or self.displacement.shape[0] != 3:
            raise ValueError(
                f"displacement has shape {tuple(self.displacement.shape)}; expected (3, z, y, x): towards L, P and S."
            )
        if not bool(torch.isfinite(self.displacement).all()):
            raise ValueError("displacement holds NaN or infinity; a spin that does not move has displacement 0.")
        if float(self.displacement.abs().max()) > 0.2:
            raise ValueError(
                f"A displacement of {float(self.displacement.abs().max()):.3g} m is no breathing; "
                "if the numbers are in mm, divide by 1000."
            )
        if self.period <= 0 or self.exponent < 1:
            raise ValueError(
                f"period is {self.period} s and exponent {self.exponent}; expected a positive period and an exponent "
                "of 1 or more."
            )

    def at(self, t: Tensor) -> Tensor:
        """s at some times.

        Args:
            t: times, any shape, s.

        Returns:
            s, shape of ``t``.
        """
        return self.amplitude * torch.cos(torch.pi * t / self.period - self.phase) ** (2 * self.exponent)


Motion = RigidMotion | RespiratoryMotion


def rotation_matrix(angles: Tensor) -> Tensor:
    """``R = R_z(c) R_y(b) R_x(a)``, right-handed.

    Args:
        angles: a, b, c about x, y, z, ``(..., 3)``, rad.

    Returns:
        R ``(..., 3, 3)``.
    """
    (ca, cb, cc), (sa, sb, sc) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    rows = [
        torch.stack([cc * cb, cc * sb * sa - sc * ca, cc * sb * ca + sc * sa], -1),
        torch.stack([sc * cb, sc * sb * sa + cc * ca, sc * sb * ca - cc * sa], -1),
        torch.stack([-sb, cb * sa, cb * ca], -1),
    ]
    return torch.stack(rows, -2)


def motion_to_device(motion: Motion | None, device: torch.device) -> Motion | None:
    """The same motion on another device; None stays None."""
    if isinstance(motion, RigidMotion):
        return replace(
            motion,
            times=motion.times.to(device),
            rotations=motion.rotations.to(device),
            translations=motion.translations.to(device),
        )
    if isinstance(motion, RespiratoryMotion):
        return replace(motion, displacement=motion.displacement.to(device))
    return None
