"""The raw file: what a scan leaves behind, and the ISMRMRD (MRD) writer."""

from bloch.rawfile.mrd import acquisitions, write_mrd
from bloch.rawfile.raw_scan import RawScan

__all__ = ["RawScan", "acquisitions", "write_mrd"]
