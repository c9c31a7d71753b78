"""Samples, readouts and noise scan."""

from __future__ import annotations

import numpy as np
import torch

from pirecon.rawdata.finding import Finding
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.noise_scan import noise_dwell_time_ratio, noise_samples
from pirecon.rawdata.non_cartesian import is_cartesian
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.readout import silent_lines


def check_samples(raw: RawData, kspace: KSpace) -> list[Finding]:
    """NaN, infinite and missing signal."""
    findings = []
    bad = int(np.count_nonzero(~np.isfinite(raw.samples)))
    if bad:
        findings.append(
            Finding("NaN or infinite samples", "error", f"{bad} samples", "nothing; the image is worthless")
        )
    data = kspace.data.reshape(-1, *kspace.data.shape[-4:])  # (batch, coil, kz, ky, kx)
    heard = (data != 0).any(dim=-1).any(dim=-1)  # (batch, coil, kz)
    silent = torch.nonzero(~heard.any(dim=2).any(dim=0)).flatten().tolist()
    if silent:
        done = "kept; prewhitening has to leave it out"
        findings.append(Finding("all-zero channel", "warning", f"coils {silent} of {data.shape[1]} (from 0)", done))
    lines = raw.imaging_lines
    zero = silent_lines(raw, lines)
    if zero.any():
        step = raw.readouts["idx"]["kspace_encode_step_2"][lines]
        partitions = sorted(set(step[zero].tolist()) - set(step[~zero].tolist()))
        found = f"{int(zero.sum())} of {len(lines)} lines" + (
            f", with all of partitions {partitions}" if partitions else ""
        )
        name = "all-zero partition" if partitions else "all-zero lines"
        findings.append(Finding(name, "warning", found, "taken for never measured"))
    return findings


def check_readouts(raw: RawData) -> list[Finding]:
    """Lengths, centre and dwell time of the imaging lines."""
    findings = []
    heads = raw.readouts[raw.imaging_lines]
    lengths, counts = np.unique(heads["number_of_samples"], return_counts=True)
    if len(lengths) > 1:
        found = ", ".join(f"{c} lines of {n} samples" for n, c in zip(lengths, counts, strict=True))
        findings.append(Finding("mixed readout lengths", "info", found, "each is placed by its own center_sample"))
    unset = int(np.count_nonzero(heads["center_sample"] == 0))
    if unset and lengths[-1] > 1:
        found = f"{unset} of {len(heads)} lines"
        done = "k = 0 taken to be in the middle of the line, unless the signal peaks at its start"
        findings.append(Finding("center_sample is 0", "info", found, done))
    if raw.dwell_time is None:
        done = "assumed equal to that of the noise scan, where there is one"
        findings.append(Finding("dwell time missing", "info", "sample_time_us of the lines is 0", done))
    if raw.field_strength is None:
        findings.append(
            Finding("field strength missing", "info", "neither field nor frequency is given", "left unknown")
        )
    if raw.encoding.trajectory == "other" and is_cartesian(raw):
        found = "the trajectory is 'other', and none is stored"
        findings.append(Finding("trajectory not Cartesian", "warning", found, "taken for Cartesian"))
    return findings


def check_noise_scan(raw: RawData) -> list[Finding]:
    """A noise scan with the coils of the image, with signal in every coil, and with a known bandwidth."""
    noise = noise_samples(raw)
    if noise is None:
        n = len(raw.streams.noise)
        found = (
            f"{n} noise readouts, none with the image's {raw.n_coils} coils" if n else "no readout is flagged as noise"
        )
        done = "the noise has to be estimated from the outer k-space of the image"
        return [Finding("noise scan missing", "info", found, done)]
    findings = []
    silent = torch.nonzero(noise.abs().amax(dim=1) == 0).flatten().tolist()
    if silent:
        findings.append(Finding("noise scan without noise", "warning", f"coils {silent} (from 0) are zero", "kept"))
    if noise_dwell_time_ratio(raw) is None:
        found = "the dwell time of noise scan or lines is unknown"
        findings.append(Finding("noise bandwidth unknown", "warning", found, "assumed equal"))
    return findings
