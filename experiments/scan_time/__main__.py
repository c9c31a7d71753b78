"""Shorten scans until the network is no better than the whole scan reconstructed classically."""

from __future__ import annotations

import math
from pathlib import Path

from experiments.machine import page_head, table
from experiments.networks import compare, of_part, score
from pirecon.training.evaluation.benchmark import read_benchmark
from pirecon.training.evaluation.evaluate import Results

HERE = Path(__file__).parent
WHOLE = (5.0, 10.0, 20.0)  # voxel SNR of the whole scan
SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)  # of the scan time
REFERENCES = {"CG-SENSE": "cg-sense", "wavelet": "wavelet"}
PARTS = {"simulated": False, "real 3 T": True}


def main() -> None:
    """Measure both ways of shortening, and write the page."""
    found = {}
    for name in ("lines", "averages"):
        benchmark = read_benchmark(HERE / f"{name}.toml")
        found[name] = compare(benchmark, {"unrolled": "default"}, "scan_time")
    scans = ", ".join(f"{len(r.cases)} scans, seed {r.config.seed} ({name})" for name, r in found.items())
    lines = page_head("Scan time at equal quality", "scan_time", scans, "Network: the shipped checkpoint `default`")
    for metric, title in (("psnr", "PSNR"), ("ssim", "SSIM")):
        lines += [f"## Share of the scan time that the network needs for equal {title}", ""]
        header = ["images", "SNR of the whole scan", "equal to", "fewer lines", "fewer averages"]
        lines += [*table(header, list(rows(found, metric))), ""]
    (HERE / "result.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows(found: dict[str, Results], metric: str):  # type: ignore[no-untyped-def]
    """One row for each part, SNR and reference."""
    for part, real in PARTS.items():
        for snr in WHOLE:
            for label, method in REFERENCES.items():
                shares = []
                for name, results in found.items():
                    wanted = _mean(results, method, metric, real, _cell(name, snr, 1.0))
                    course = [_mean(results, "unrolled", metric, real, _cell(name, snr, share)) for share in SHARES]
                    shares.append(needed_share(course, wanted))
                yield [part, f"{snr:g}", label, *shares]


def needed_share(course: list[float], wanted: float) -> str:
    """The smallest of ``SHARES`` at which ``course`` reaches ``wanted``, interpolated; as text."""
    if course[0] < wanted:
        return "more than the whole scan"
    for (longer, above), (shorter, below) in zip(
        list(zip(SHARES, course, strict=True)), list(zip(SHARES[1:], course[1:], strict=True)), strict=False
    ):
        if below < wanted:
            part = (above - wanted) / (above - below)
            return f"{math.exp(math.log(longer) + part * math.log(shorter / longer)):.2f}"
    return f"< {SHARES[-1]:g}"


def _cell(way: str, snr: float, share: float) -> tuple[float, float]:
    """(acceleration, SNR) of a shortened scan."""
    return (1 / share, snr) if way == "lines" else (1.0, snr * math.sqrt(share))


def _mean(results: Results, method: str, metric: str, real: bool, cell: tuple[float, float]) -> float:
    def inside(case) -> bool:  # type: ignore[no-untyped-def]
        close = math.isclose(case.acceleration, cell[0], rel_tol=1e-3) and math.isclose(case.snr, cell[1], rel_tol=1e-3)
        return close and of_part(real)(case)

    return score(results, [method], metric, where=inside)[0]


if __name__ == "__main__":
    main()
