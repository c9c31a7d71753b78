"""Sequences: events, encodings, protocols and their closed-form signals."""

from bloch.sequence.encoding import TRANSAXIAL, Encoding, Line, scan_plan
from bloch.sequence.events import Block, Gradient, Readout, RFPulse, block, hard_pulse, trapezoid
from bloch.sequence.protocol import Protocol, inversion_time_of_null, random_protocol
from bloch.sequence.sampling import (
    SamplingPattern,
    central_block,
    equispaced,
    fully_sampled,
    partial_fourier,
    variable_density,
)
from bloch.sequence.sequence import Sequence
from bloch.sequence.signal_equations import (
    balanced_steady_state,
    inversion_recovery,
    spin_echo,
    spoiled_gradient_echo,
    turbo_spin_echo,
)

__all__ = [
    "TRANSAXIAL",
    "Block",
    "Encoding",
    "Gradient",
    "Line",
    "Protocol",
    "RFPulse",
    "Readout",
    "SamplingPattern",
    "Sequence",
    "balanced_steady_state",
    "block",
    "central_block",
    "equispaced",
    "fully_sampled",
    "hard_pulse",
    "inversion_recovery",
    "inversion_time_of_null",
    "partial_fourier",
    "random_protocol",
    "scan_plan",
    "spin_echo",
    "spoiled_gradient_echo",
    "trapezoid",
    "turbo_spin_echo",
    "variable_density",
]
