"""The scanner: its field, its coils, and what its gradients, transmitter and receiver can do."""

from __future__ import annotations

from dataclasses import dataclass

from bloch.receiver.coil_array import CoilArray, Vector
from bloch.receiver.conducting_body import ConductingBody
from bloch.receiver.noise import CROSSOVER_FIELD


@dataclass(frozen=True)
class Scanner:
    """What stays the same from scan to scan. The limits' defaults are those of a small low-field scanner.

    Attributes:
        B0: field strength, T.
        array: receive coils.
        B0_direction: unit vector of the main field in patient coordinates (LPS): z in a superconducting solenoid, y
            between the poles of a permanent magnet above and below the patient.
        max_gradient: largest amplitude on one axis, T/m.
        max_slew: fastest change on one axis, T/m/s.
        max_B1: largest transmit field, T.
        gradient_raster: gradient shapes and blocks begin and end on multiples of it, s.
        rf_raster: step of pulse shapes, s.
        adc_raster: dwell times are multiples of it, s.
        rf_dead_time: from the start of a block to the first possible pulse, s.
        rf_ringdown_time: after a pulse, s.
        adc_dead_time: before and after a readout, s.
        crossover_field: field strength at which the coils hear the body as loudly as their own copper, T: the noise
            model's one free parameter. :func:`bloch.receiver.expected_crossover_field` estimates it from the wires.
        noise_figure: of the preamplifiers, dB.
        body: what conducts in the coils and makes their noise; a head where None.
    """

    B0: float
    array: CoilArray
    B0_direction: Vector = (0.0, 0.0, 1.0)
    max_gradient: float = 25e-3
    max_slew: float = 60.0
    max_B1: float = 60e-6
    gradient_raster: float = 10e-6
    rf_raster: float = 1e-6
    adc_raster: float = 100e-9
    rf_dead_time: float = 100e-6
    rf_ringdown_time: float = 30e-6
    adc_dead_time: float = 10e-6
    crossover_field: float = CROSSOVER_FIELD
    noise_figure: float = 0.5
    body: ConductingBody | None = None

    def __post_init__(self) -> None:
        for name in ("B0", "max_gradient", "max_slew", "max_B1", "gradient_raster", "rf_raster", "adc_raster"):
            if not getattr(self, name) > 0:
                raise ValueError(f"a scanner's {name} must be above 0 (SI units), but is {getattr(self, name)}")
