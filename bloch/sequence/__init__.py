"""Sequences: events, builders for every family, their timing, their trajectory, and Pulseq files.

The signals in closed form are in ``bloch.sequence.signal_equations``.
"""

from bloch.sequence.balanced_ssfp import balanced_ssfp
from bloch.sequence.diagram import plot_sequence
from bloch.sequence.echo_planar import echo_planar, echo_planar_readings, spin_echo_planar
from bloch.sequence.echo_train import TrainDesign
from bloch.sequence.encoding import TRANSAXIAL, Encoding, Line, scan_plan
from bloch.sequence.events import Block, Gradient, Readout, RFPulse, block, hard_pulse, trapezoid
from bloch.sequence.gradient_echo import Spoiling, gradient_echo
from bloch.sequence.mprage import mprage
from bloch.sequence.multi_echo import multi_echo_gradient_echo, multi_echo_readings
from bloch.sequence.protocol import Protocol, inversion_time_of_null, random_protocol
from bloch.sequence.protocol_times import on_raster_of
from bloch.sequence.pulseq_read import read_pulseq
from bloch.sequence.pulseq_write import to_pypulseq, write_pulseq
from bloch.sequence.pulses import (
    HARD_PULSE,
    SINC_PULSE,
    PulseDesign,
    hyperbolic_secant,
    hyperbolic_secant_bandwidth,
    sinc_pulse,
)
from bloch.sequence.radial import GOLDEN_ANGLE, koosh_ball_readings, radial_readings
from bloch.sequence.readings import Reading, Readings, cartesian_readings
from bloch.sequence.refocusing_angles import angles_of_amplitudes, plateau_angles
from bloch.sequence.sampling import (
    SamplingPattern,
    central_block,
    equispaced,
    fully_sampled,
    partial_fourier,
    variable_density,
)
from bloch.sequence.sequence import Sequence
from bloch.sequence.spin_echo import spin_echo, turbo_spin_echo
from bloch.sequence.spiral import spiral_readings
from bloch.sequence.spoiling import ideally_spoiled
from bloch.sequence.timing import check
from bloch.sequence.trajectory import trajectory
from bloch.sequence.view_order import centric_order, linear_order

__all__ = [
    "GOLDEN_ANGLE",
    "HARD_PULSE",
    "SINC_PULSE",
    "TRANSAXIAL",
    "Block",
    "Encoding",
    "Gradient",
    "Line",
    "Protocol",
    "PulseDesign",
    "RFPulse",
    "Reading",
    "Readings",
    "Readout",
    "SamplingPattern",
    "Sequence",
    "Spoiling",
    "TrainDesign",
    "angles_of_amplitudes",
    "balanced_ssfp",
    "block",
    "cartesian_readings",
    "central_block",
    "centric_order",
    "check",
    "echo_planar",
    "echo_planar_readings",
    "equispaced",
    "fully_sampled",
    "gradient_echo",
    "hard_pulse",
    "hyperbolic_secant",
    "hyperbolic_secant_bandwidth",
    "ideally_spoiled",
    "inversion_time_of_null",
    "koosh_ball_readings",
    "linear_order",
    "mprage",
    "multi_echo_gradient_echo",
    "multi_echo_readings",
    "on_raster_of",
    "partial_fourier",
    "plateau_angles",
    "plot_sequence",
    "radial_readings",
    "random_protocol",
    "read_pulseq",
    "scan_plan",
    "sinc_pulse",
    "spin_echo",
    "spin_echo_planar",
    "spiral_readings",
    "to_pypulseq",
    "trajectory",
    "trapezoid",
    "turbo_spin_echo",
    "variable_density",
    "write_pulseq",
]
