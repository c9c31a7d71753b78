"""Ways in which a head moves: a nod, a drift, breathing along, restlessness."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bloch.phantom.motion import RigidMotion
from bloch.phantom.random_field import seeded

Triple = tuple[float, float, float]
NONE: Triple = (0.0, 0.0, 0.0)


def sudden_motion(time: float, *, rotation: Triple = NONE, translation: Triple = NONE) -> RigidMotion:
    """Rest, then another pose from one moment on: a nod that stays.

    Args:
        time: of the step, s, above 0.
        rotation: about L, P, S, rad. A nod is a rotation about L.
        translation: towards L, P, S, m.

    Returns:
        RigidMotion with two constant poses.
    """
    if time <= 0:
        raise ValueError(f"The step is at {time} s; expected a time above 0, since before it the phantom rests.")
    poses = [[0.0, time], [NONE, rotation], [NONE, translation]]
    times, rotations, translations = (torch.tensor(v, dtype=torch.float64) for v in poses)
    return RigidMotion(times, rotations, translations, interpolated=False)


def drift(duration: float, *, rotation: Triple = NONE, translation: Triple = NONE) -> RigidMotion:
    """A slow way from rest to another pose at constant speed, as a head that sinks into its cushion.

    Args:
        duration: until the last pose is reached, s; it is held from then on.
        rotation: about L, P, S at the end, rad.
        translation: towards L, P, S at the end, m.

    Returns:
        RigidMotion, linear in time.
    """
    if duration <= 0:
        raise ValueError(f"duration is {duration} s; expected a time above 0.")
    poses = [[0.0, duration], [NONE, rotation], [NONE, translation]]
    times, rotations, translations = (torch.tensor(v, dtype=torch.float64) for v in poses)
    return RigidMotion(times, rotations, translations)


def periodic_motion(
    duration: float, *, period: float, rotation: Triple = NONE, translation: Triple = NONE, steps_per_period: int = 32
) -> RigidMotion:
    """There and back with every breath: ``pose(t) = ½ (1 − cos 2πt/τ) · pose_max``.

    Args:
        duration: how long, s; afterwards the last pose is held.
        period: τ, s.
        rotation: about L, P, S at the turning point, rad.
        translation: towards L, P, S at the turning point, m.
        steps_per_period: nodes of the linear interpolation; 32 keeps it within 0.25 % of the turning point.

    Returns:
        RigidMotion.
    """
    if duration <= 0 or period <= 0 or steps_per_period < 2:
        raise ValueError(
            f"duration {duration} s, period {period} s and steps_per_period {steps_per_period}: expected times above 0 "
            "and at least 2 steps."
        )
    times = torch.linspace(0, duration, 1 + math.ceil(steps_per_period * duration / period), dtype=torch.float64)
    wave = 0.5 * (1 - torch.cos(2 * math.pi * times / period)).unsqueeze(1)
    return RigidMotion(times, wave * _row(rotation), wave * _row(translation))


def random_motion(
    generator: torch.Generator | int,
    duration: float,
    *,
    rotation: float = math.radians(1.0),
    translation: float = 1e-3,
    step: float = 5.0,
) -> RigidMotion:
    """A restless head: a random walk in all six parameters, pulled back to rest, linear between its steps.

    ``p_{n+1} = e^{−1/4} p_n + √(1 − e^{−1/2}) σ ξ_n`` from ``p_0 = 0``: its standard deviation grows to σ.

    Args:
        generator: source of randomness, or a seed.
        duration: how long, s.
        rotation: σ of each angle, rad.
        translation: σ along each axis, m.
        step: time between two steps, s.

    Returns:
        RigidMotion that starts at rest.
    """
    if duration <= 0 or step <= 0 or min(rotation, translation) < 0:
        raise ValueError(
            f"duration {duration} s, step {step} s, rotation {rotation} rad and translation {translation} m: "
            "expected times above 0 and no negative size."
        )
    generator = seeded(generator)
    n = 1 + math.ceil(duration / step)
    noise = torch.randn((n, 6), generator=generator, dtype=torch.float64)
    memory = math.exp(-0.25)
    walk = [torch.zeros(6, dtype=torch.float64)]
    for row in noise[1:]:
        walk.append(memory * walk[-1] + math.sqrt(1 - memory**2) * row)
    poses = torch.stack(walk)
    times = step * torch.arange(n, dtype=torch.float64)
    return RigidMotion(times, rotation * poses[:, :3], translation * poses[:, 3:])


def _row(values: Triple) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
