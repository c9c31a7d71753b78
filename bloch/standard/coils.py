"""Receive coils by name."""

from __future__ import annotations

from enum import StrEnum

from bloch.receiver import CoilArray, birdcage, helmet_array, loop_array, solenoid, volume_coil
from bloch.receiver.coil_array import Vector


class CoilChoice(StrEnum):
    """Kinds of receive coils."""

    loops = "loops"
    helmet = "helmet"
    volume = "volume"
    birdcage = "birdcage"
    solenoid = "solenoid"


def coils_for(choice: CoilChoice, n_coils: int, B0_direction: Vector) -> CoilArray:
    """An array round a head.

    Args:
        choice: loops on rings, loops on a helmet, or one channel: a near-homogeneous volume coil, a birdcage in
            quadrature, a solenoid. One loop stands for the volume coil.
        n_coils: of loops and helmet.
        B0_direction: unit vector of the main field.

    Returns:
        CoilArray.

    Raises:
        ValueError: a coil of one channel is asked for more; a solenoid along the field.
    """
    if choice in (CoilChoice.loops, CoilChoice.helmet):
        if n_coils == 1:
            return volume_coil(B0_direction=B0_direction)
        return loop_array(n_coils) if choice is CoilChoice.loops else helmet_array(n_coils)
    if n_coils != 1:
        raise ValueError(f"a {choice} coil has one channel, but {n_coils} were asked for; ask for 1, or for loops")
    makers = {CoilChoice.volume: volume_coil, CoilChoice.birdcage: birdcage, CoilChoice.solenoid: solenoid}
    return makers[choice](B0_direction=B0_direction)
