"""pirecon: from raw low-field k-space to an image, by physics and a learned prior.

The data's way: ``read_mrd`` → ``calibrate`` → ``reconstruct`` → ``write_image``.
"""

from pirecon.image import Image, write_image
from pirecon.measurement import Choices, Measurement, calibrate
from pirecon.pipeline import reconstruct
from pirecon.rawdata import Geometry, KSpace, RawData, RawDataError, audit, read_mrd, sort_kspace
from pirecon.unrolled import UnrolledNetwork, load_checkpoint

__version__ = "0.1.0"

__all__ = [
    "Choices",
    "Geometry",
    "Image",
    "KSpace",
    "Measurement",
    "RawData",
    "RawDataError",
    "UnrolledNetwork",
    "audit",
    "calibrate",
    "load_checkpoint",
    "read_mrd",
    "reconstruct",
    "sort_kspace",
    "write_image",
]
