"""What a network is made of, in words that fit into a config and a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field

from pirecon.priors import build_prior
from pirecon.unrolled.map_refinement import MapRefinement
from pirecon.unrolled.network import UnrolledNetwork
from pirecon.unrolled.schemes import build_scheme


@dataclass(frozen=True)
class Architecture:
    """What is needed to build the network before its weights are read.

    Attributes:
        prior: family name in ``pirecon.priors.PRIORS``, an entry point or an import path.
        prior_options: arguments of its constructor.
        scheme: name in ``pirecon.unrolled.schemes.SCHEMES``: how prior and data take turns.
        scheme_options: arguments of its constructor.
        n_iterations: unrolled iterations.
        n_priors: sets of prior weights: the first iterations have one each, all others share the last; 0 for one each
            throughout.
        refine_maps: a small network refines the sensitivity maps first.
        recompute: compute the priors' features again for the gradient instead of keeping them.
    """

    prior: str = "unet"
    prior_options: dict[str, object] = field(default_factory=dict)
    scheme: str = "modl"
    scheme_options: dict[str, object] = field(default_factory=dict)
    n_iterations: int = 5
    n_priors: int = 1
    refine_maps: bool = False
    recompute: bool = False


def build_network(architecture: Architecture) -> UnrolledNetwork:
    """An untrained network of this architecture.

    Raises:
        ValueError: unknown prior or scheme, or options that they do not take.
    """

    scheme = build_scheme(architecture.scheme, architecture.scheme_options)
    n_priors = architecture.n_priors or scheme.n_steps(architecture.n_iterations)
    return UnrolledNetwork(
        [build_prior(architecture.prior, architecture.prior_options) for _ in range(n_priors)],
        scheme=scheme,
        n_iterations=architecture.n_iterations,
        map_refinement=MapRefinement() if architecture.refine_maps else None,
        recompute=architecture.recompute,
    )
