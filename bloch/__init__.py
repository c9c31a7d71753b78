"""bloch: a scanner in software, from tissue at a field strength to an MRD raw file.

The signal's way: ``tissues_at`` → ``Phantom`` → ``Sequence`` → ``simulate`` with a ``Scanner`` → ``write_mrd``.
"""

from bloch.tissue import GYROMAGNETIC_RATIO, Tissue, tissues_at  # isort: skip
from bloch.phantom import MapPhantom, Phantom, brain_volume, shepp_logan  # isort: skip
from bloch.receiver import CoilArray, loop_array, volume_coil  # isort: skip
from bloch.scanner import Scanner  # isort: skip
from bloch.sequence import Encoding, Protocol, Sequence  # isort: skip
from bloch.simulate import Conditions, simulate  # isort: skip
from bloch.rawfile import RawScan, write_mrd  # isort: skip

__all__ = [  # noqa: RUF022  # in the order of the signal's way
    "GYROMAGNETIC_RATIO",
    "Tissue",
    "tissues_at",
    "MapPhantom",
    "Phantom",
    "brain_volume",
    "shepp_logan",
    "CoilArray",
    "loop_array",
    "volume_coil",
    "Scanner",
    "Encoding",
    "Protocol",
    "Sequence",
    "Conditions",
    "simulate",
    "RawScan",
    "write_mrd",
]
