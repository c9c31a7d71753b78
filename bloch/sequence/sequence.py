"""A sequence: its blocks in order of time, and what they are meant to measure."""

from __future__ import annotations

from dataclasses import dataclass

from bloch.sequence.encoding import Encoding
from bloch.sequence.events import Block
from bloch.sequence.protocol import Protocol


@dataclass(frozen=True, eq=False)
class Sequence:
    """Blocks that play one after another.

    Attributes:
        blocks: in order of time.
        protocol: what the operator sets; None where it is not known (a read file).
        encoding: what is measured, and where; None where it is not known. Its directions turn the gradients' logical
            axes into the patient's.
    """

    blocks: tuple[Block, ...]
    protocol: Protocol | None = None
    encoding: Encoding | None = None

    @property
    def duration(self) -> float:
        """Scan time, s."""
        return sum(block.duration for block in self.blocks)

    @property
    def n_readouts(self) -> int:
        """How often the receiver opens."""
        return sum(block.readout is not None for block in self.blocks)
