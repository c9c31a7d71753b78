"""Header against data: what a raw file claims, what it holds, and what was made of the difference."""

from __future__ import annotations

from pirecon.rawdata.audit.centre import check_centre, check_reversed_lines
from pirecon.rawdata.audit.sampling import check_acceleration, check_calibration, check_partial_fourier, line_sampling
from pirecon.rawdata.audit.signal import check_noise_scan, check_readouts, check_samples
from pirecon.rawdata.finding import Finding
from pirecon.rawdata.grid import choose_grid
from pirecon.rawdata.non_cartesian import is_cartesian
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.sort import sort_kspace

SEVERITIES = ("error", "warning", "info")


def audit(raw: RawData) -> list[Finding]:
    """Compare the header with the data.

    Args:
        raw: what :func:`pirecon.rawdata.mrd.read_mrd` gave.

    Returns:
        Findings, the gravest first: what was repaired while reading, what had to be decided for the grid, and what the
        data tell. None of the checks changes anything.

    Raises:
        RawDataError: the lines cannot be sorted.
    """
    if not is_cartesian(raw):
        return _sorted([*raw.findings, *check_readouts(raw), *check_noise_scan(raw)])
    grid = choose_grid(raw)
    kspace = sort_kspace(raw)
    sampling = line_sampling(kspace)
    findings = [*raw.findings, *grid.findings]
    findings += check_samples(raw, kspace)
    findings += check_readouts(raw)
    findings += check_noise_scan(raw)
    findings += check_centre(kspace, sampling)
    if raw.encoding.trajectory != "epi":  # whose reversed lines are aligned by lines of their own
        findings += check_reversed_lines(raw, grid)
    findings += check_acceleration(raw, sampling)
    findings += check_partial_fourier(kspace, sampling)
    findings += check_calibration(raw, sampling)
    return _sorted(findings)


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
