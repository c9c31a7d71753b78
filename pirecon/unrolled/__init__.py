"""The unrolled network, its checkpoints and what they were trained for."""

from pirecon.unrolled.architecture import Architecture, build_network
from pirecon.unrolled.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from pirecon.unrolled.network import UnrolledNetwork
from pirecon.unrolled.training_range import outside_training_range

__all__ = [
    "Architecture",
    "ModelCard",
    "UnrolledNetwork",
    "build_network",
    "load_checkpoint",
    "outside_training_range",
    "save_checkpoint",
]
