"""pirecon: from raw low-field k-space to an image, by physics and a learned prior.

The data's way: ``read_mrd`` → ``calibrate`` → ``reconstruct`` → ``write_image``.
"""

from pirecon.image import Image, write_image
from pirecon.pipeline import Measurement, calibrate, reconstruct
from pirecon.rawdata import Geometry, KSpace, RawData, RawDataError, audit, read_mrd, sort_kspace
from pirecon.unrolled import UnrolledNetwork, load_checkpoint

__version__ = "0.1.0"

__all__ = [
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
