"""Zero-shot self-supervision: fine-tune a network on the one scan that it shall reconstruct."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.scan_specific.budget import Budget, Learned
from pirecon.scan_specific.masked import measured_samples, restrict
from pirecon.scan_specific.risk import stein_risk
from pirecon.scan_specific.split import chi_square, split_samples
from pirecon.unrolled.network import UnrolledNetwork

Scan = tuple[Tensor, LinearOperator]  # weighted samples (coil, *samples) in SNR units and their E
VALIDATION, LOSS = 0.2, 0.4  # shares: Γ of all samples, Λ of what is left
STEP = 0.1  # of SURE's divergence, in standard deviations of the noise
LEARNING_RATE = 2e-4  # of trained networks, which 1e-3 drives away from what they know; fresh ones take 1e-3
MOST_KEPT = 2**17  # voxels, of which the features of all iterations are kept for the gradient: about 5 GB
MOST_JUDGED = 4  # scans that are looked at: more cost time and tell little


@dataclass(frozen=True)
class _Part:
    """One scan without its validation samples Γ."""

    kspace: Tensor
    E: LinearOperator
    rest: Tensor  # Ω \\ Γ
    held_out: Tensor  # Γ

    @property
    def n_axes(self) -> int:
        return len(self.E.codomain_shape) - 1


def fine_tune(
    network: UnrolledNetwork,
    scans: Sequence[Scan],
    *,
    budget: Budget | None = None,
    learning_rate: float = LEARNING_RATE,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[UnrolledNetwork, Learned]:
    r"""Teach a network one raw file: its slices, contrasts, …

    The samples Ω are split in three, Ω = Θ ∪ Λ ∪ Γ. Each step draws Λ anew, reconstructs from Θ and lowers
    |Λ| χ²(Λ) + |Θ| SURE(Θ) (see :class:`~pirecon.training.regimes.ssdu.SSDU`, of which this is the one-scan form); Γ, a
    fifth, never teaches. The same sum on Θ ∪ Λ and Γ judges: learning stops when it has not fallen for a while, and
    the best weights are kept. They are kept only if they explain Γ better than the old ones, and if the error of the
    image from all samples, which is what will be used, has not grown by Stein's estimate: to be better at filling gaps
    is of no use where there are none.

    Args:
        network: trained or fresh; is not changed.
        scans: samples ``(coil, *samples)`` and E of each.
        budget: when to stop.
        learning_rate: of Adam.
        progress: called with (steps done, most steps).

    Returns:
        The tuned network, in evaluation mode, and what came of it.

    Raises:
        ValueError: no scan, or one with too few samples to split.

    Source: Yaman B. et al., ICLR (2022): the three parts and the stopping; SURE(Θ) is not theirs.
    """
    budget = budget or Budget()
    if not scans:
        raise ValueError("there is no scan to learn from")
    generator = torch.Generator().manual_seed(budget.seed)
    parts = [_part(kspace, E, generator) for kspace, E in scans]
    judges = parts[:: -(-len(parts) // MOST_JUDGED)]
    tuned = copy.deepcopy(network).train()
    tuned.recompute |= max(math.prod(E.domain_shape) for _, E in scans) > MOST_KEPT
    optimiser = torch.optim.Adam(tuned.parameters(), lr=learning_rate)
    best_score, start, start_whole = _judge(tuned, judges, budget.seed)
    best, best_weights, since, taken = start, None, 0, 0
    for step, look in budget.looks(progress):
        taken = step
        optimiser.zero_grad()
        loss = _loss(tuned, parts[(step - 1) % len(parts)], generator)
        if not torch.isfinite(loss):
            break
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tuned.parameters(), 1.0)
        optimiser.step()
        if not look:
            continue
        score, chi, whole = _judge(tuned, judges, budget.seed)
        since += 1
        if score < best_score and chi < start and whole <= start_whole:
            best_score, best, since = score, chi, 0
            best_weights = copy.deepcopy(tuned.state_dict())
        if since >= budget.patience:
            break
    tuned.load_state_dict(network.state_dict() if best_weights is None else best_weights)
    tuned.recompute = network.recompute
    return tuned.eval(), Learned(start, best, taken, best_weights is not None)


def zero_shot(
    kspace: Tensor,
    E: LinearOperator,
    *,
    network: UnrolledNetwork,
    budget: Budget | None = None,
    learning_rate: float = LEARNING_RATE,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Tensor, Learned]:
    """Image by a network that was fine-tuned on this very scan, from all of its samples.

    Args:
        kspace: weighted samples ``(coil, *samples)``, SNR units.
        E: forward operator.
        network: to start from.
        budget: when to stop.
        learning_rate: of Adam.
        progress: called with (steps done, most steps).

    Returns:
        Complex image ``(z, y, x)``, SNR units, and what came of learning.
    """
    scans = [(kspace, E)]
    tuned, learned = fine_tune(network, scans, budget=budget, learning_rate=learning_rate, progress=progress)
    with torch.no_grad():
        return tuned(kspace, E), learned


def _part(kspace: Tensor, E: LinearOperator, generator: torch.Generator) -> _Part:
    measured = measured_samples(kspace, E)
    n_axes = len(E.codomain_shape) - 1
    centre = 4 if n_axes == 3 else 0  # off the grid the middle of the array is not that of k-space
    held_out = split_samples(measured, VALIDATION, centre=centre, n_axes=n_axes, generator=generator)
    return _Part(kspace, E, measured & ~held_out, held_out)


def _loss(network: UnrolledNetwork, part: _Part, generator: torch.Generator) -> Tensor:
    centre = 4 if part.n_axes == 3 else 0
    drawn = split_samples(part.rest, LOSS, centre=centre, n_axes=part.n_axes, generator=generator)
    score, _ = _score(network, part, part.rest & ~drawn, drawn, generator)
    return score


@torch.no_grad()
def _judge(network: UnrolledNetwork, parts: Sequence[_Part], seed: int) -> tuple[float, float, float]:
    """Error by estimate and χ² of Γ where Γ is held out, error by estimate where it is given; always the same draw."""
    generator = torch.Generator().manual_seed(seed + 1)
    found = []
    for part in parts:
        measured = part.rest | part.held_out
        given, _ = _score(network, part, measured, torch.zeros_like(measured), generator)
        found.append((*_score(network, part, part.rest, part.held_out, generator), given))
    score, chi, whole = (float(torch.stack(values).mean()) for values in zip(*found, strict=True))
    return score, chi, whole


def _score(
    network: UnrolledNetwork, part: _Part, given: Tensor, held_out: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Share-weighted χ² of the held-out samples and SURE of the given ones; and that χ²."""
    E_given, seen = restrict(part.E, given), part.kspace * given
    predicted = part.E.forward(network(seen, E_given))
    chi = chi_square(predicted - part.kspace, held_out, n_axes=part.n_axes)
    risk = stein_risk(
        lambda y: part.E.forward(network(y, E_given)),
        seen,
        prediction=predicted,
        density=given.to(seen.real.dtype),
        step=STEP,
        n_axes=part.n_axes,
        generator=generator,
    )
    share = held_out.sum() / (held_out.sum() + given.sum())
    return share * chi + (1 - share) * risk, chi
