"""What several contrasts of one body measure: protocols known from the headers, and their signal."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

T1_RANGE = (0.03, 8.0)  # s; tissue and fluid from 0.01 to 3 T
T2_RANGE = (0.004, 4.0)  # s
TYPICAL_T2 = 0.1  # s, of brain below 1 T


@dataclass(frozen=True, eq=False)
class Contrasts:
    """Protocols of an examination; every field ``(*batch, contrast)``, float.

    Attributes:
        echo_time: TE, s; of an echo train the effective one.
        repetition_time: TR, s.
        inversion_time: TI, s; 0 without inversion, and of every gradient echo.
        flip_angle: of a gradient echo's excitation, rad; spin echoes are excited by 90 degrees and refocused by 180.
        train_duration: echo train length times echo spacing, s; 0 without a train.
        gradient_echo: 1 for an ideally spoiled gradient echo, 0 for a spin echo.
        gain: SNR units of an image per unit of proton density.
    """

    echo_time: Tensor
    repetition_time: Tensor
    inversion_time: Tensor
    flip_angle: Tensor
    train_duration: Tensor
    gradient_echo: Tensor
    gain: Tensor

    def __post_init__(self) -> None:
        shapes = {tuple(getattr(self, f.name).shape) for f in fields(self)}
        if len(shapes) > 1 or () in shapes:
            raise ValueError(f"protocols of shapes {sorted(shapes)}; every field must be (*batch, contrast)")
        spins = self.gradient_echo == 0
        if not bool((self.echo_time > 0).all() and (self.echo_time < self.repetition_time).all()):
            raise ValueError(
                f"echo times {self.echo_time.tolist()} s and repetition times {self.repetition_time.tolist()} s: "
                "0 < TE < TR is needed; times are in s, not ms"
            )
        if bool((~spins & (self.inversion_time > 0)).any()):
            raise ValueError(
                f"inversion times {self.inversion_time.tolist()} s, gradient echo {self.gradient_echo.tolist()}: a "
                "gradient echo after an inversion (MPRAGE) is not modelled. Leave it out, or where it is a spin echo "
                "after all, say so in the header's sequence_type"
            )
        used = self.inversion_time + torch.maximum(self.train_duration, self.echo_time)
        if bool((spins & (used > self.repetition_time)).any()):
            raise ValueError(
                f"inversion and echoes take {used.tolist()} s, longer than the repetition times of "
                f"{self.repetition_time.tolist()} s"
            )

    @property
    def n_contrasts(self) -> int:
        """Number of contrasts."""
        return self.echo_time.shape[-1]


@dataclass(frozen=True, eq=False)
class Signals:
    """Signal of unit proton density and its slopes, real ``(*batch, contrast, z, y, x)``.

    Attributes:
        value: signed S.
        by_log_T1: ∂S/∂ln T1.
        by_log_T2: ∂S/∂ln T2.
    """

    value: Tensor
    by_log_T1: Tensor
    by_log_T2: Tensor


def contrast_signals(contrasts: Contrasts, T1: Tensor, T2: Tensor) -> Signals:
    """Steady-state signals of every contrast, differentiable in T1 and T2.

        spin echo:      S = (1 − 2ι exp(−TI/T1) ∓ R) exp(−TE/T2),  upper sign without inversion (ι = 0)
                        R = 2 exp(−(TR − TE/2)/T1) − exp(−TR/T1), or exp(−(TR − ETL·ESP)/T1) after an echo train
        gradient echo:  S = sin α (1 − E1)/(1 − E1 cos α) exp(−TE/T2),  E1 = exp(−TR/T1)

    A gradient echo decays by T2*, which is taken for T2: at low field they differ by about 1 per cent of the signal
    at an echo time of 20 ms.

    Args:
        contrasts: protocols ``(*batch, contrast)``.
        T1: s, ``(*batch, z, y, x)``.
        T2: s, same shape.

    Source: Bernstein, King & Zhou, Handbook of MRI Pulse Sequences (2004), sections 14.1–14.3 and 16.4; written
    without the simulator's code, and tested against it.
    """
    TE, TR, TI, flip, train, is_gradient = (
        value.to(T1)[..., None, None, None]
        for value in (
            contrasts.echo_time,
            contrasts.repetition_time,
            contrasts.inversion_time,
            contrasts.flip_angle,
            contrasts.train_duration,
            contrasts.gradient_echo,
        )
    )
    T1, T2 = T1.unsqueeze(-4), T2.unsqueeze(-4)
    inverted, has_train = (TI > 0).to(T1), (train > 0).to(T1)
    sign = 2 * inverted - 1

    def left(time: Tensor) -> tuple[Tensor, Tensor]:  # exp(−t/T1) and its slope by ln T1
        ratio = time / T1
        decay = torch.exp(-ratio)
        return decay, decay * ratio

    E1, E1_slope = left(TR)
    late, late_slope = left(TR - TE / 2)
    after_train, after_train_slope = left(TR - train)
    early, early_slope = left(TI)
    rest = torch.lerp(2 * late - E1, after_train, has_train)
    rest_slope = torch.lerp(2 * late_slope - E1_slope, after_train_slope, has_train)
    spin = 1 - 2 * inverted * early + sign * rest
    spin_slope = -2 * inverted * early_slope + sign * rest_slope
    cosine, sine = torch.cos(flip), torch.sin(flip)
    below = 1 - E1 * cosine
    spoiled, spoiled_slope = sine * (1 - E1) / below, sine * (cosine - 1) / below.square() * E1_slope
    E2 = torch.exp(-TE / T2)
    value = torch.lerp(spin, spoiled, is_gradient) * E2
    return Signals(value, torch.lerp(spin_slope, spoiled_slope, is_gradient) * E2, value * TE / T2)


def typical_T1(field_strength: Tensor | float) -> Tensor:
    """T1 of white matter, ``0.583 B0^0.382`` s, B0 in T: the scale about which maps are expected.

    Source: Rooney et al., Magn Reson Med 57:308 (2007), abstract.
    """
    return 0.583 * torch.as_tensor(field_strength) ** 0.382
