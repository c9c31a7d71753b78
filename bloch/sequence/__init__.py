"""Sequences: protocols and their closed-form signals."""

from bloch.sequence.protocol import Protocol, inversion_time_of_null, random_protocol
from bloch.sequence.signal_equations import inversion_recovery, spin_echo, spoiled_gradient_echo, turbo_spin_echo

__all__ = [
    "Protocol",
    "inversion_recovery",
    "inversion_time_of_null",
    "random_protocol",
    "spin_echo",
    "spoiled_gradient_echo",
    "turbo_spin_echo",
]
