"""Ideal spoilers, for scans whose leftover magnetisation is not the question."""

from __future__ import annotations

from dataclasses import replace

from bloch.sequence.sequence import Sequence


def ideally_spoiled(sequence: Sequence) -> Sequence:
    """The same sequence with an ideal spoiler before every excitation.

    Real spoilers dephase; what they leave comes back in later repetitions until T2, diffusion and flow end it. Fluid
    whose T2 is many repetitions long then needs hundreds of isochromats in a voxel, and shows ghosts that diffusion
    would have ended in the body. An ideal spoiler leaves no transverse magnetisation, as closed forms assume.

    Args:
        sequence: whose repetitions are not to remember each other's transverse magnetisation.

    Returns:
        Sequence.

    Raises:
        ValueError: a balanced sequence, which lives on what an ideal spoiler destroys.
    """
    if sequence.protocol is not None and sequence.protocol.name == "balanced_ssfp":
        raise ValueError("balanced SSFP lives on the transverse magnetisation that a spoiler destroys; leave it out")
    blocks = list(sequence.blocks)
    for i, b in enumerate(sequence.blocks):
        if i > 0 and b.rf is not None and b.rf.use == "excitation":
            blocks[i - 1] = replace(blocks[i - 1], spoiler=True)
    return replace(sequence, blocks=tuple(blocks))
