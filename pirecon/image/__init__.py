"""The reconstructed image and the files it is written to."""

from pirecon.image.image import Image
from pirecon.image.nifti import affine_ras_mm
from pirecon.image.write import check_output_path, write_image

__all__ = ["Image", "affine_ras_mm", "check_output_path", "write_image"]
