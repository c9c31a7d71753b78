"""Reconstruct the embedded raw file and, where it lies beside the checkout, a real 0.055 T brain."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from pirecon.image import write_image
from pirecon.pipeline import reconstruct
from pirecon.rawdata import RawData, read_mrd
from pirecon.report.figures import comparison_figure

EMBEDDED = Path(__file__).parent / "brain_0.064T.h5"
REAL = Path("..") / "shared" / "data" / "brain_0.055T_S6A_FSE.h5"  # S6A: no image of this patient was trained on
OUTPUT = Path("output") / "demo"
PANELS = {"zero-filled": "adjoint", "CG-SENSE": "cg-sense", "L1-wavelet": "wavelet", "unrolled": "unrolled"}


def demonstrate(raw: RawData, name: str, console: Console) -> None:
    """Reconstruct by every method; write the unrolled image and the comparison."""
    images = {}
    for title, method in PANELS.items():
        with console.status(f"{raw.path.name}: {title}"):
            images[title] = reconstruct(raw, method)
    unrolled = images["unrolled"]
    console.print(f"[bold]{raw.path.name}[/bold]")
    for station, note in unrolled.notes.items():
        console.print(f"  {station}: {note}", highlight=False, markup=False)
    for suffix in (".nii.gz", ".png"):
        write_image(unrolled, OUTPUT / f"{name}{suffix}")
        console.print(f"  image       {OUTPUT / name}{suffix}", highlight=False)
    comparison = OUTPUT / f"{name}_comparison.png"
    comparison_figure({title: image.data for title, image in images.items()}, comparison, geometry=unrolled.geometry)
    console.print(f"  comparison  {comparison}  (zero-filled | CG-SENSE | L1-wavelet | unrolled)", highlight=False)


def main() -> None:
    """Run the demonstration."""
    console = Console()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    demonstrate(read_mrd(EMBEDDED), "simulated_0.064T", console)
    if REAL.is_file():
        demonstrate(read_mrd(REAL), "real_0.055T", console)
    else:
        console.print(f"{REAL} is not there: the real 0.055 T brain is left out", highlight=False)


if __name__ == "__main__":
    main()
