"""Priors: modules that map a complex image and its noise level to a complex image on the same grid."""

from pirecon.priors.apply import apply_prior
from pirecon.priors.equivariance import measure_equivariance
from pirecon.priors.image_prior import ImagePrior
from pirecon.priors.registry import PRIORS, build_prior, find_prior
from pirecon.priors.unet import UNet

__all__ = ["PRIORS", "ImagePrior", "UNet", "apply_prior", "build_prior", "find_prior", "measure_equivariance"]
