"""The raw file: encoding, plan of readouts, and the ISMRMRD (MRD) writer."""

from bloch.rawfile.mrd import acquisitions, write_mrd
from bloch.rawfile.raw_scan import TRANSAXIAL, Encoding, Line, RawScan, scan_plan
from bloch.rawfile.sampling import (
    SamplingPattern,
    central_block,
    equispaced,
    fully_sampled,
    partial_fourier,
    variable_density,
)

__all__ = [
    "TRANSAXIAL",
    "Encoding",
    "Line",
    "RawScan",
    "SamplingPattern",
    "acquisitions",
    "central_block",
    "equispaced",
    "fully_sampled",
    "partial_fourier",
    "scan_plan",
    "variable_density",
    "write_mrd",
]
