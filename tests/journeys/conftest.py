"""What journeys share: commands as a user types them, and raw files from our own simulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import bloch.cli
import pirecon.cli
from pirecon.unrolled import Architecture, ModelCard, build_network, save_checkpoint

Command = Callable[..., int]


def _run(main: Callable[[], None], name: str, *arguments: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [name, *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


@pytest.fixture(scope="session")
def pirecon_command() -> Command:
    """Exit code of ``pirecon *arguments``."""
    return lambda *arguments: _run(pirecon.cli.main, "pirecon", *arguments)


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Raw file that ``bloch simulate *options`` writes, each made once."""
    folder, made = tmp_path_factory.mktemp("raw"), {}

    def simulate(*options: object) -> Path:
        if options not in made:
            path = folder / f"raw{len(made)}.h5"
            assert _run(bloch.cli.main, "bloch", "simulate", *options, "-q", "-o", path) == 0
            made[options] = path
        return made[options]

    return simulate


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network, which reconstructs as CG-SENSE does, with a narrow training range."""
    torch.manual_seed(0)
    architecture = Architecture(prior_options={"widths": [4, 8], "blocks": [1, 1]}, n_iterations=2)
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    card = ModelCard(architecture, "0.1.0", "untrained", {"snr": (2.0, 60.0), "field_strength": (0.05, 0.1)})
    save_checkpoint(path, build_network(architecture), card)
    return path
