"""What is refused before a scan begins: places that cannot be written, and options that would change nothing."""

from __future__ import annotations

from pathlib import Path

import typer

from bloch.phantom import Lesion
from bloch.standard.phantoms import PhantomChoice
from bloch.standard.protocols import CLOSED_FORM, SequenceChoice, Times
from bloch.standard.sequences import Playing, TrajectoryChoice

INVERTED = (SequenceChoice.tse, SequenceChoice.spin_echo, SequenceChoice.flair, SequenceChoice.mprage)
"""Sequences that can begin with an inversion."""

TRAINS = (SequenceChoice.tse, SequenceChoice.flair, SequenceChoice.multi_echo_gre)
"""Sequences of several echoes, whose number is chosen."""


def check_places(output: Path, preview: Path | None) -> None:
    """Refuse places where nothing can be written, before the scan and not after it.

    Args:
        output: raw file.
        preview: picture, or None.

    Raises:
        OSError: the folder does not exist, or the path is a folder.
        typer.BadParameter: the picture is no png.
    """
    for path in (output, preview):
        if path is None:
            continue
        if not path.parent.is_dir():
            raise FileNotFoundError(f"{path} cannot be written: the folder {path.parent} does not exist; make it first")
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder; name a file in it")
    if preview is not None and preview.suffix.lower() != ".png":
        raise typer.BadParameter(f"a picture ends in .png, not {preview.suffix!r}", param_hint="--preview")


def refuse_idle_options(
    sequence: SequenceChoice, playing: Playing, times: Times, *, phantom: str, lesion: Lesion | None, undersampled: bool
) -> None:
    """Refuse options that this scan would pass over in silence.

    Args:
        sequence: contrast.
        playing: how it is played.
        times: what is changed of the standard protocol.
        phantom: name or file.
        lesion: asked for.
        undersampled: lines are to be left out.

    Raises:
        typer.BadParameter: with the option and where it belongs.
    """
    cartesian = playing.trajectory is TrajectoryChoice.cartesian
    is_train = sequence in (*TRAINS, SequenceChoice.mprage)
    idle = {
        "--shots": (playing.n_shots is not None and sequence is not SequenceChoice.epi, "belongs to --sequence epi"),
        "--turns": (playing.n_turns is not None and cartesian, "counts spokes or interleaves; choose a --trajectory"),
        "--acceleration": (undersampled and not cartesian, "leaves out Cartesian lines; take fewer --turns"),
        "--inversion-time": (
            times.inversion_time is not None and sequence not in INVERTED, f"belongs to {', '.join(INVERTED)}",
        ),
        "--echo-train": (
            times.echo_train_length is not None and sequence not in TRAINS, f"belongs to {', '.join(TRAINS)}",
        ),
        "--echo-spacing": (
            times.echo_spacing is not None and not is_train, f"belongs to {', '.join(TRAINS)}, mprage",
        ),
        "--lesion": (lesion is not None and phantom != PhantomChoice.brain, "lies in --phantom brain"),
    }  # fmt: skip
    for option, (given, reason) in idle.items():
        if given:
            raise typer.BadParameter(f"{reason}; it would change nothing here", param_hint=option)


def refuse_for_equations(
    sequence: SequenceChoice, seq: Path | None, trajectory: TrajectoryChoice, interference: float
) -> None:
    """Refuse what only isochromats can do.

    Args:
        sequence: contrast.
        seq: Pulseq file.
        trajectory: through k-space.
        interference: strength.

    Raises:
        typer.BadParameter: with the options that no equation knows.
    """
    asked = {
        f"--sequence {sequence}": sequence not in CLOSED_FORM,
        "--seq": seq is not None,
        f"--trajectory {trajectory}": trajectory is not TrajectoryChoice.cartesian,
        "--interference": interference > 0,
    }
    if refused := [option for option, given in asked.items() if given]:
        raise typer.BadParameter(f"no equation knows {', '.join(refused)}; leave out --engine", param_hint="--engine")
