"""The unrolled network, its checkpoints and what they were trained for."""

from pirecon.unrolled.architecture import Architecture, build_network
from pirecon.unrolled.checkpoint import load_checkpoint, read_card, save_checkpoint, shipped_models
from pirecon.unrolled.model_card import ModelCard
from pirecon.unrolled.network import UnrolledNetwork
from pirecon.unrolled.plug_and_play import plug_and_play
from pirecon.unrolled.schemes import SCHEMES
from pirecon.unrolled.training_range import outside_training_range

__all__ = [
    "SCHEMES",
    "Architecture",
    "ModelCard",
    "UnrolledNetwork",
    "build_network",
    "load_checkpoint",
    "outside_training_range",
    "plug_and_play",
    "read_card",
    "save_checkpoint",
    "shipped_models",
]
