"""Learning from one scan: samples are held out, and judge what the others taught."""

from pirecon.scan_specific.masked import Masked, measured_samples, restrict
from pirecon.scan_specific.split import chi_square, split_samples

__all__ = ["Masked", "chi_square", "measured_samples", "restrict", "split_samples"]
