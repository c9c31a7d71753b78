"""SNR and contrast of a scan at a field strength, in absolute terms, and the scan that gives most for its time."""

from bloch.snr.echo_signal import FieldSpread, TissueTimes, echo_signal, tissue_times
from bloch.snr.head_receiver import HeadReceiver, brain_points, head_receiver, intrinsic_snr, with_crossover
from bloch.snr.inhomogeneity import (
    Homogeneity,
    frequency_range,
    maxwell_frequency,
    range_in_voxel,
    smallest_pixel_bandwidth,
    typical_homogeneity,
)
from bloch.snr.optimal import Candidate, Limits, optimal_plans
from bloch.snr.scan_plan import ScanPlan, acquisition, scan_time
from bloch.snr.standard import standard_plan
from bloch.snr.table import SnrRow, snr_table, table_cells

__all__ = [
    "Candidate",
    "FieldSpread",
    "HeadReceiver",
    "Homogeneity",
    "Limits",
    "ScanPlan",
    "SnrRow",
    "TissueTimes",
    "acquisition",
    "brain_points",
    "echo_signal",
    "frequency_range",
    "head_receiver",
    "intrinsic_snr",
    "maxwell_frequency",
    "optimal_plans",
    "range_in_voxel",
    "scan_time",
    "smallest_pixel_bandwidth",
    "snr_table",
    "standard_plan",
    "table_cells",
    "tissue_times",
    "typical_homogeneity",
    "with_crossover",
]
