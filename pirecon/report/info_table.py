"""What a raw file holds, as a table for the terminal."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from rich.console import Group
from rich.table import Table
from rich.text import Text

from pirecon.algebra.fft import centred_ifft
from pirecon.calibration.interference import sensing_channels, without_channels
from pirecon.rawdata.audit import audit
from pirecon.rawdata.audit.sampling import line_sampling
from pirecon.rawdata.finding import Finding, RawDataError
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.noise_scan import noise_dwell_time_ratio, noise_samples
from pirecon.rawdata.non_cartesian import image_geometry, is_cartesian, sort_readouts
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.sort import sort_kspace
from pirecon.rawdata.trajectory import NonCartesianKSpace

COLOURS = {"error": "bold red", "warning": "yellow", "info": "cyan"}
Rows = list[tuple[str, str]]


def describe(raw: RawData) -> Group:
    """Header, dimensions, sampling, SNR and audit of a raw file.

    Args:
        raw: what :func:`pirecon.rawdata.mrd.read_mrd` gave.

    Returns:
        A renderable of ``rich``; ``rich.print`` shows it.
    """
    sensing = sensing_channels(raw)
    raw = without_channels(raw, sensing) if 0 < len(sensing) < raw.n_coils else raw
    kspace = sort_kspace(raw) if is_cartesian(raw) else _sorted_readouts(raw)
    table = Table(title=Text(str(raw.path)), show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    parts = [_header_rows(raw), _dimension_rows(raw, kspace)]
    if sensing:
        parts.append([("sensing coils", f"channels {', '.join(map(str, sensing))}: interference alone, left out here")])
    if isinstance(kspace, KSpace):
        parts += [_sampling_rows(raw, kspace), _noise_rows(raw, kspace)]
    else:
        parts.append(_trajectory_rows(raw, kspace))
    for rows in parts:
        for name, value in rows:
            table.add_row(Text(name), Text(value))
        table.add_section()
    return Group(table, _audit_table(audit(raw)))


def estimate_snr(raw: RawData, kspace: KSpace) -> tuple[float, str]:
    """SNR of a typical voxel of the object in the zero-filled image, and where the noise was taken from.

    The image is m = √(Σ_c |F⁻¹ (k_c / σ_c)|²) with σ_c the noise of one sample's real part. F is orthonormal, so a
    channel of the image has noise √q in its real part, q being the mean of the squared noise over measured and empty
    samples.
    The object is what lies above half of the 99th percentile of m, and the SNR its median of √(m² − 2 n q) / √q, where
    2 n q is what noise alone adds to the n channels.

    Returns:
        The SNR (0 where nothing rises above the noise), and the source of the noise level.
    """
    sigma, source = _noise_level(raw, kspace)
    data = kspace.data.reshape(-1, *kspace.data.shape[-4:]) / sigma[:, None, None, None]
    weights = kspace.weights.reshape(-1, *kspace.weights.shape[-3:])[0]
    measured = weights[weights > 0]
    noise_power = float((1 / (measured.square() * kspace.n_averages)).sum() / weights.numel())
    power = centred_ifft(data, (-3, -2, -1)).abs().square().sum(dim=1)
    excess = (power - 2 * data.shape[1] * noise_power).clamp(min=0).sqrt().flatten().double()
    bright = excess[excess > 0.5 * float(np.quantile(excess.cpu().numpy(), 0.99))]
    return (float(bright.median()) if len(bright) else 0.0) / math.sqrt(noise_power), source


def _noise_level(raw: RawData, kspace: KSpace) -> tuple[torch.Tensor, str]:
    """Noise of the real part of one sample before averaging, by coil."""
    noise = noise_samples(raw)
    if noise is not None:
        sigma = noise.abs().square().mean(dim=1).div(2).sqrt() * math.sqrt(noise_dwell_time_ratio(raw) or 1.0)
        return sigma.clamp(min=float(sigma.max()) * 1e-6), "noise scan"
    # |noise| is Rayleigh distributed, with median σ √(2 ln 2); the median is deaf to the signal's few large samples.
    white = (kspace.weights * kspace.data * math.sqrt(kspace.n_averages)).reshape(-1, *kspace.data.shape[-4:])
    measured = (kspace.weights > 0).expand_as(kspace.data).reshape(white.shape)
    edge = white.shape[-1] // 8
    columns = torch.cat([torch.arange(edge + 1), torch.arange(-edge - 1, 0)]).to(white.device) % white.shape[-1]
    outer, held = white[..., columns], measured[..., columns]
    medians = [outer[:, c][held[:, c]].abs().median() for c in range(white.shape[1])]
    sigma = torch.stack(medians) / math.sqrt(2 * math.log(2))
    return sigma.clamp(min=float(sigma.max()) * 1e-6 + 1e-30), "outer k-space, an upper limit"


def _header_rows(raw: RawData) -> Rows:
    header = raw.header
    system, measurement = header.acquisitionSystemInformation, header.measurementInformation
    scanner = [system.systemVendor, system.systemModel, system.institutionName] if system else []
    position = measurement.patientPosition.value if measurement and measurement.patientPosition else None
    sequence = header.sequenceParameters.sequence_type if header.sequenceParameters else None
    times = [("echo time", raw.physics.echo_times), ("repetition time", raw.physics.repetition_times)]
    times.append(("inversion time", raw.physics.inversion_times))
    rows = [
        ("scanner", ", ".join(s for s in scanner if s) or "–"),
        ("protocol", (measurement.protocolName if measurement else None) or sequence or "–"),
        ("patient position", position or "–"),
        ("field strength", "–" if raw.field_strength is None else f"{raw.field_strength:.4g} T"),
        ("proton frequency", "–" if raw.centre_frequency is None else f"{raw.centre_frequency * 1e-6:.4f} MHz"),
    ]
    rows += [(name, ", ".join(f"{1e3 * t:.4g}" for t in values) + " ms") for name, values in times if values]
    if raw.physics.flip_angles:
        rows.append(("flip angle", ", ".join(f"{math.degrees(a):.4g}°" for a in raw.physics.flip_angles)))
    return rows


def _sorted_readouts(raw: RawData) -> NonCartesianKSpace | None:
    """None where the file has no trajectory that can be read."""
    try:
        return sort_readouts(raw)
    except RawDataError as error:
        warnings.warn(str(error), UserWarning, stacklevel=2)
        return None


def _dimension_rows(raw: RawData, kspace: KSpace | NonCartesianKSpace | None) -> Rows:
    space = raw.encoding
    geometry = image_geometry(raw) if kspace is None else kspace.geometry
    shape, axes = ((), ()) if kspace is None else (kspace.data.shape, kspace.batch_axes)
    batch = ", ".join(f"{n} × {name}" for n, name in zip(shape, axes, strict=False))
    normal = "  ".join(f"{name} {_patient_axis(d)}" for name, d in zip("xyz", geometry.directions[::-1], strict=True))
    return [
        ("encoded matrix x × y × z", " × ".join(str(n) for n in reversed(space.matrix))),
        ("sorted matrix x × y × z", " × ".join(str(n) for n in reversed(geometry.matrix))),
        ("voxel x × y × z", " × ".join(f"{1e3 * s:.4g}" for s in reversed(geometry.voxel_size)) + " mm"),
        ("directions", normal),
        ("coils", str(raw.n_coils)),
        ("batch", batch or "one image"),
        ("averages", "–" if kspace is None else str(kspace.n_averages)),
        ("dwell time", "–" if raw.dwell_time is None else f"{1e6 * raw.dwell_time:.4g} µs"),
    ]


def _patient_axis(direction: np.ndarray) -> str:
    """The nearest of left, posterior, superior and their opposites, and how many degrees it is away."""
    axis = int(np.abs(direction).argmax())
    name = (("right", "left"), ("anterior", "posterior"), ("inferior", "superior"))[axis][int(direction[axis] > 0)]
    angle = math.degrees(math.acos(min(1.0, abs(float(direction[axis])))))
    return f"to {name}" + (f" ({angle:.0f}° oblique)" if angle >= 0.5 else "")


def _trajectory_rows(raw: RawData, kspace: NonCartesianKSpace | None) -> Rows:
    rows = [("trajectory", raw.encoding.trajectory), ("readouts", _streams(raw))]
    if kspace is None:
        return [*rows, ("stored trajectory", "none that can be read; see the note")]
    n_readouts, n_samples = kspace.data.shape[-2:]
    reach = kspace.trajectory.k.abs().flatten(0, -2).amax(dim=0).tolist()
    return [
        *rows,
        ("one image", f"{n_readouts} readouts of {n_samples} samples"),
        ("stored trajectory", kspace.trajectory.source),
        ("reach along x × y × z", " × ".join(f"{r:.4g}" for r in reversed(reach)) + " 1/m"),
    ]


def _streams(raw: RawData) -> str:
    streams = {name.replace("_", " "): len(getattr(raw.streams, name)) for name in vars(raw.streams)}
    return ", ".join(f"{n} {name}" for name, n in streams.items() if n)


def _sampling_rows(raw: RawData, kspace: KSpace) -> Rows:
    sampling = line_sampling(kspace)
    n_z, n_y = sampling.lines.shape
    return [
        ("trajectory", raw.encoding.trajectory),
        ("readouts", _streams(raw)),
        ("lines of one image", f"{int(sampling.lines.sum())} of {n_y * n_z}"),
        ("acceleration claimed y × z", " × ".join(str(r) for r in reversed(raw.encoding.acceleration))),
        ("acceleration found y × z", f"{sampling.spacing[1]} × {sampling.spacing[0]}, net {sampling.net:.2f}"),
    ]


def _noise_rows(raw: RawData, kspace: KSpace) -> Rows:
    snr, source = estimate_snr(raw, kspace)
    return [("voxel SNR, zero-filled", f"about {snr:.3g} (noise from: {source})")]


def _audit_table(findings: list[Finding]) -> Table | Text:
    if not findings:
        return Text("Audit: nothing found.")
    table = Table(title=Text("Audit"), title_justify="left")
    for name in ("finding", "found", "done"):
        table.add_column(name)
    for finding in findings:
        table.add_row(Text(finding.name, style=COLOURS[finding.severity]), Text(finding.found), Text(finding.done))
    return table
