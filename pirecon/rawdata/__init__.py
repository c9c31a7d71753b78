"""Read what scanners write, and sort it."""

from pirecon.rawdata.audit import audit
from pirecon.rawdata.finding import Finding, RawDataError
from pirecon.rawdata.geometry import Geometry
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.mrd import read_mrd
from pirecon.rawdata.noise_scan import noise_dwell_time_ratio, noise_samples
from pirecon.rawdata.non_cartesian import is_cartesian, sort_readouts
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.sort import calibration_kspace, sort_kspace
from pirecon.rawdata.timing import LineTiming, line_timing
from pirecon.rawdata.trajectory import NonCartesianKSpace, Trajectory

__all__ = [
    "Finding",
    "Geometry",
    "KSpace",
    "LineTiming",
    "NonCartesianKSpace",
    "RawData",
    "RawDataError",
    "Trajectory",
    "audit",
    "calibration_kspace",
    "is_cartesian",
    "line_timing",
    "noise_dwell_time_ratio",
    "noise_samples",
    "read_mrd",
    "sort_kspace",
    "sort_readouts",
]
