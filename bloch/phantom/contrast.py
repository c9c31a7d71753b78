"""From a phantom and a protocol to the magnetisation that the scanner sees."""

from __future__ import annotations

import torch
from torch import Tensor

from bloch.phantom.phantom import Phantom
from bloch.phantom.texture import tissue_texture
from bloch.sequence.protocol import Protocol
from bloch.sequence.signal_equations import inversion_recovery, spin_echo, spoiled_gradient_echo, turbo_spin_echo
from bloch.tissue import Tissue, tissues_at

FATTY = ("fat", "marrow")
SUPPRESSED = 0.1  # fat signal which a suppression leaves


def magnetisation_image(
    phantom: Phantom,
    protocol: Protocol,
    B0: float,
    *,
    generator: torch.Generator | None = None,
    texture: float = 1.0,
) -> Tensor:
    """Transverse magnetisation of a phantom at the echo.

    ``m(r) = |Σ_t f_t(r) S(PD_t, T1_t, T2_t, T2*_t)|``. With a generator the tissues differ from person to person, and
    proton density and relaxation times have a fractal texture: real tissue is nowhere flat.

    Args:
        phantom: tissue fractions.
        protocol: sequence parameters.
        B0: field strength, T.
        generator: source of the texture, on the CPU; None for flat tissue.
        texture: strength of the variation, see :func:`bloch.phantom.texture.tissue_texture`.

    Returns:
        Magnetisation in units of the equilibrium magnetisation of water, ``(z, y, x)``, float32, at least 0.

    Raises:
        ValueError: a tissue of the phantom is not in the table.

    Source: the equations of ``bloch.sequence.signal_equations``.
    """
    tissues = tissues_at(B0)
    unknown = [name for name in phantom.tissues if name not in tissues]
    if unknown:
        raise ValueError(f"The phantom holds the unknown tissues {unknown}; known are {sorted(tissues)}.")
    chosen = [tissues[name] for name in phantom.tissues]
    drawn = None if generator is None else tissue_texture(phantom, generator=generator, strength=texture)
    person = torch.zeros(3, len(chosen), dtype=torch.float64) if drawn is None else drawn.person
    signal, *by_logarithm = _tissue_signals(chosen, protocol, person, phantom.fractions.device)
    image = torch.einsum("tzyx,t->zyx", phantom.fractions, signal)
    if drawn is not None and drawn.density is not None and drawn.relaxation is not None:
        slopes = torch.einsum("tzyx,st->szyx", phantom.fractions, torch.stack(by_logarithm))
        image = image + drawn.density * slopes[0] + drawn.relaxation * (slopes[1] + slopes[2])
    return image.abs()


def tissue_signal(tissue: Tissue, protocol: Protocol) -> Tensor:
    """Signed signal of one tissue under a protocol, scalar tensor, float64."""
    parameters = (torch.tensor(value, dtype=torch.float64) for value in _parameters(tissue))
    return _fat_factor(tissue, protocol) * protocol_signal(protocol, *parameters)


def _parameters(tissue: Tissue) -> tuple[float, float, float, float]:
    return tissue.proton_density, tissue.T1, tissue.T2, tissue.T2_star


def protocol_signal(protocol: Protocol, PD: Tensor, T1: Tensor, T2: Tensor, T2_star: Tensor) -> Tensor:
    """Signed signal of a protocol by its closed form; differentiable, shapes broadcast, times in s.

    Raises:
        ValueError: the protocol has no closed form here, or lacks a parameter.
    """
    times = {"echo_time": protocol.echo_time, "repetition_time": protocol.repetition_time}
    if protocol.name == "spin_echo":
        return spin_echo(PD, T1, T2, **times)
    if protocol.name == "spoiled_gradient_echo":
        return spoiled_gradient_echo(PD, T1, T2_star, flip_angle=protocol.flip_angle, **times)
    if protocol.name == "inversion_recovery" and protocol.inversion_time is not None:
        return inversion_recovery(PD, T1, T2, inversion_time=protocol.inversion_time, **times)
    if protocol.name == "turbo_spin_echo" and protocol.echo_spacing is not None:
        return turbo_spin_echo(
            PD,
            T1,
            T2,
            effective_echo_time=protocol.echo_time,
            repetition_time=protocol.repetition_time,
            echo_spacing=protocol.echo_spacing,
            echo_train_length=protocol.echo_train_length,
        )
    raise ValueError(
        f"Protocol {protocol.name!r} is unknown or lacks a parameter (an inversion recovery needs inversion_time, "
        f"a turbo spin echo echo_spacing): {protocol}."
    )


def _tissue_signals(chosen: list[Tissue], protocol: Protocol, logs: Tensor, device: torch.device) -> list[Tensor]:
    """Signal of each tissue and its slopes ∂S/∂ln PD, ∂S/∂ln T1, ∂S/∂ln T2 (T2* in step), each ``(tissue,)``.

    ``logs`` are the ln PD, ln T1, ln T2 of this person relative to the table, ``(3, tissue)``.
    """
    table = torch.tensor([_parameters(tissue) for tissue in chosen], dtype=torch.float64).T
    logs = logs.requires_grad_()
    with torch.enable_grad():
        PD, T1, T2, T2_star = table
        density, times = logs[0].exp(), logs[2].exp()
        signal = protocol_signal(protocol, PD * density, T1 * logs[1].exp(), T2 * times, T2_star * times)
        signal = signal * torch.tensor([_fat_factor(tissue, protocol) for tissue in chosen], dtype=torch.float64)
        (slopes,) = torch.autograd.grad(signal.sum(), logs)
    return [row.to(device, torch.float32) for row in (signal.detach(), *slopes)]


def _fat_factor(tissue: Tissue, protocol: Protocol) -> float:
    return SUPPRESSED if protocol.fat_suppressed and tissue.name in FATTY else 1.0
