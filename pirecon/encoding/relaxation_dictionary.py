"""Echoes that tissue can give in a train at a field strength, simulated by ``bloch``."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.magnetisation.phase_graph_echo_train import EchoTrain, echo_train, longitudinal_after_echo_train
from bloch.tissue import Tissue, tissues_at
from pirecon.encoding.relaxation_train import RefocusedTrain

SPREAD = 0.25  # of ln T2 (half of it of ln T1) among people and within a tissue
STEPS = (-1.5, -0.75, 0.0, 0.75, 1.5)  # in standard deviations
TRANSMIT = ((0.9, 0.25), (1.0, 0.5), (1.1, 0.25))  # B1 over nominal, and how common
COMMON = {
    "grey_matter": 0.25, "white_matter": 0.25, "csf": 0.15, "fat": 0.10, "muscle": 0.08, "skin": 0.04,
    "marrow": 0.03, "blood": 0.02, "gland": 0.02,
}  # fmt: skip
"""Rough shares of a slice through a head; every other tissue that gives echoes has ``RARE``."""
RARE = 0.01
LEAST_T2 = 5e-3  # s; cortical bone gives no echo


@dataclass(frozen=True)
class EchoDictionary:
    """Signals of tissues at the echoes of a train.

    Attributes:
        signals: M+ times proton density, float64 ``(atom, echo)``; negative after an inversion that is not over.
        T1: s, ``(atom,)``.
        T2: s, ``(atom,)``.
        weight: how common, adds up to 1, ``(atom,)``.
        source: which tissues, and what was assumed, in a sentence.
    """

    signals: Tensor
    T1: Tensor
    T2: Tensor
    weight: Tensor
    source: str


def echo_signals(train: RefocusedTrain, T1: Tensor, T2: Tensor, *, B1: Tensor | float = 1.0) -> Tensor:
    """M+ at every echo, by extended phase graphs, from fully relaxed magnetisation.

    Inversion and repetition scale the whole train, so the ratio of two echoes does not depend on them.

    Args:
        train: pulses and times.
        T1: s, any shape.
        T2: s, broadcasts; taken as at most 2 T1.
        B1: transmit field over nominal, broadcasts.

    Returns:
        Float64 ``(..., echo)``.
    """
    played = EchoTrain(torch.tensor(train.refocusing_angles, dtype=torch.float64), train.echo_spacing)
    return echo_train(T1.double(), torch.minimum(T2, 1.99 * T1).double(), train=played, B1=B1).real


def echo_dictionary(train: RefocusedTrain, B0: float) -> EchoDictionary:
    """Every tissue of ``bloch.tissue`` at this field with a spread of T1, T2 and transmit field around it.

    Args:
        train: pulses and times.
        B0: T.

    Returns:
        EchoDictionary.

    Source: ``bloch.tissue.tissues_at`` for the times; the shares are ``COMMON``, assumed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the spread is wider than what extrapolation gets wrong
        tissues = [tissue for tissue in tissues_at(min(max(B0, 0.01), 7.0)).values() if tissue.T2 > LEAST_T2]
    rows = [row for tissue in tissues for row in _atoms(tissue)]
    T1, T2, density, B1, weight = torch.tensor(rows, dtype=torch.float64).T
    T2 = torch.minimum(T2, 1.99 * T1)
    scale = density * _longitudinal(train, T1, T2, B1)
    said = f"{len(tissues)} tissues at {B0:.3g} T with a spread of {100 * SPREAD:.0f} % in T2 and 10 % in B1"
    if train.repetition_time is None:
        said += "; the header has no repetition time, full relaxation assumed"
    signals = echo_signals(train, T1, T2, B1=B1) * scale[:, None]
    return EchoDictionary(signals, T1, T2, weight / weight.sum(), said)


def _atoms(tissue: Tissue) -> list[tuple[float, float, float, float, float]]:
    common = COMMON.get(tissue.name, RARE)
    return [
        (
            tissue.T1 * math.exp(SPREAD / 2 * step),
            tissue.T2 * math.exp(SPREAD * step),
            tissue.proton_density,
            B1,
            common * share * math.exp(-(step**2) / 2),
        )
        for step in STEPS
        for B1, share in TRANSMIT
    ]


def _longitudinal(train: RefocusedTrain, T1: Tensor, T2: Tensor, B1: Tensor) -> Tensor:
    """Mz before the excitation, steady over repetitions; as if fully relaxed where no repetition time is known."""
    length = train.n_echoes * train.echo_spacing
    TR, TI = train.repetition_time, train.inversion_time
    if TR is None or length >= TR:
        return torch.ones_like(T1) if TI is None else 1 - 2 * torch.exp(-TI / T1)
    played = EchoTrain(torch.tensor(train.refocusing_angles, dtype=torch.float64), train.echo_spacing)
    offset = longitudinal_after_echo_train(T1, T2, train=played, B1=B1, longitudinal=0.0)
    slope = longitudinal_after_echo_train(T1, T2, train=played, B1=B1, longitudinal=1.0) - offset
    wait = torch.exp(-max(TR - length - (TI or 0.0), 0.0) / T1)  # after the train, until the inversion or excitation
    # Mz = f(1 + (a Mz + b − 1) wait), with f the inversion and its recovery, or nothing.
    start, gain = 1 + (offset - 1) * wait, slope * wait
    if TI is not None:
        E = torch.exp(-TI / T1)
        start, gain = 1 - E - start * E, -gain * E
    return start / (1 - gain)


def temporal_basis(curves: Tensor, weight: Tensor | None = None, *, tolerance: float = 1e-3) -> tuple[Tensor, float]:
    """Fewest orthonormal functions of time that hold all curves.

        min ‖W^½ (curves − C B)‖,  the first rows of V in W^½ curves = U Σ Vᴴ

    Args:
        curves: ``(atom, time)``, real or complex.
        weight: how common each is, ``(atom,)``; None for alike.
        tolerance: of the root mean square that is left out, relative to that of the curves.

    Returns:
        Basis ``(component, time)`` and the error that is left.

    Source: Tamir J. I. et al., Magn Reson Med 77:180 (2017), section Theory; Huang C. et al., Magn Reson Med 67:1355
    (2012).
    """
    scaled = curves if weight is None else weight.sqrt()[:, None] * curves
    _, values, V = torch.linalg.svd(scaled, full_matrices=False)
    energy = values.square()
    left = (energy.flip(0).cumsum(0).flip(0) / energy.sum()).clamp_min(0).sqrt()  # without the first n: left[n]
    n = max(1, int((left > tolerance).sum()))
    return V[:n], float(left[n]) if n < len(left) else 0.0
