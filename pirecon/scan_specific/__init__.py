"""Learning from one scan: samples are held out, and judge what the others taught."""

from pirecon.scan_specific.budget import Budget, Learned
from pirecon.scan_specific.deep_image_prior import deep_image_prior
from pirecon.scan_specific.masked import Masked, measured_samples, restrict
from pirecon.scan_specific.risk import stein_risk
from pirecon.scan_specific.split import chi_square, split_samples
from pirecon.scan_specific.zero_shot import fine_tune, zero_shot

__all__ = [
    "Budget",
    "Learned",
    "Masked",
    "chi_square",
    "deep_image_prior",
    "fine_tune",
    "measured_samples",
    "restrict",
    "split_samples",
    "stein_risk",
    "zero_shot",
]
