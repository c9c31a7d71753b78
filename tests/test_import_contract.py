"""Who may import whom: the contract in setup.cfg, what layers cannot say, and that the contract bites."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

LINTER = Path(sys.executable).with_name("lint-imports")
# One line for each contract: which file breaks it, and how.
OFFENCES = {
    "pirecon's stations import downwards only": ("pirecon/algebra/fft.py", "import pirecon.rawdata.geometry"),
    "the simulator has never heard of the reconstruction": ("bloch/tissue/__init__.py", "import pirecon.algebra.fft"),
    "only pirecon.encoding and pirecon.training may import bloch": (
        "pirecon/rawdata/geometry.py",
        "import bloch.tissue",
    ),
    "nothing imports experiments or tests": ("bloch/tissue/__init__.py", "import experiments.speed"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [LINTER, "--config", "setup.cfg", "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    """A copy of both packages and the contract, to spoil."""
    for package in ("pirecon", "bloch"):
        shutil.copytree(repository / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.h5"))
    shutil.copy(repository / "setup.cfg", tmp_path)
    return tmp_path


def test_every_contract_is_kept(repository: Path) -> None:
    result = lint(repository)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(OFFENCES)} kept, 0 broken" in result.stdout


@pytest.mark.parametrize("contract", OFFENCES)
def test_an_offence_breaks_its_contract(contract: str, copy: Path) -> None:
    file, line = OFFENCES[contract]
    with (copy / file).open("a") as source:
        source.write(f"\n{line}\n")
    result = lint(copy)
    assert result.returncode != 0
    assert f"{contract} BROKEN" in result.stdout


def test_a_new_station_must_be_given_its_place(copy: Path) -> None:
    (copy / "pirecon" / "helpers.py").touch()
    result = lint(copy)
    assert result.returncode != 0
    assert "helpers" in result.stdout


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("pirecon", "bloch", include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize("package", ["pirecon", "bloch"])
def test_only_what_stands_above_the_public_face_imports_it(package: str, graph: grimp.ImportGraph) -> None:
    # ``from pirecon import …`` inside a lower station would go round every layer: the root re-exports the pipeline.
    importers = graph.find_modules_that_directly_import(package)
    assert {name.split(".")[1] for name in importers} <= {"__main__", "cli", "demo", "serve", "training"}


def test_no_module_imports_torchvision_or_torchaudio(graph: grimp.ImportGraph) -> None:
    # Their wheels do not import beside a CPU build of torch.
    assert not {"torchvision", "torchaudio"} & graph.modules
