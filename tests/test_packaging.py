"""What is installed and shipped, and what importing it costs."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Each takes long to import, and none is needed to read a raw file or to compose an operator.
HEAVY = {
    "lightning", "matplotlib", "nibabel", "nilearn", "numba", "pandas", "pytorch_lightning", "pywt", "sigpy", "skimage",
    "sklearn", "tensorboard", "torchmetrics", "torchvision",
}  # fmt: skip
DATA = ("*.csv", "*.h5", "*.safetensors", "py.typed")
LARGEST_CHECKPOINT = 8_000_000  # bytes


@functools.cache
def imported_by(statement: str) -> set[str]:
    """Top-level names in ``sys.modules`` of a new interpreter after ``statement``."""
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(result.stdout)}


@pytest.mark.parametrize("package", ["pirecon", "bloch"])
def test_import_brings_no_heavy_package_that_torch_does_not_bring(package: str) -> None:
    surplus = imported_by(f"import {package}") - imported_by("import torch")
    assert package in surplus
    assert not surplus & HEAVY


@pytest.mark.parametrize("command", ["pirecon", "bloch"])
def test_console_command_explains_itself(command: str) -> None:
    program = Path(sys.executable).with_name(command)
    result = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "usage" in result.stdout.lower()


def test_one_distribution_holds_both_packages() -> None:
    names = importlib.metadata.packages_distributions()
    scripts = importlib.metadata.distribution("pirecon").entry_points.select(group="console_scripts")
    assert set(names["pirecon"]) == set(names["bloch"]) == {"pirecon"}
    assert {script.name: script.value for script in scripts} == {
        "pirecon": "pirecon.cli:main",
        "bloch": "bloch.cli:main",
    }


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """A wheel built from a copy, so that the checkout stays clean."""
    source = tmp_path_factory.mktemp("wheel")
    for package in ("pirecon", "bloch"):
        shutil.copytree(repository / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(repository / name, source)
    build = "import setuptools.build_meta as backend; backend.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=True)
    (path,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_wheel_ships_every_module_and_data_file_and_nothing_else(wheel: zipfile.ZipFile, repository: Path) -> None:
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {
        str(path.relative_to(repository))
        for package in ("pirecon", "bloch")
        for pattern in ("*.py", *DATA)
        for path in (repository / package).rglob(pattern)
    }
    assert shipped == expected


def test_wheel_carries_the_licence(wheel: zipfile.ZipFile, repository: Path) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("licenses/LICENSE"))
    assert wheel.read(name) == (repository / "LICENSE").read_bytes()


def test_shipped_checkpoints_are_small(wheel: zipfile.ZipFile) -> None:
    sizes = {entry.filename: entry.file_size for entry in wheel.infolist() if entry.filename.endswith(".safetensors")}
    assert all(size <= LARGEST_CHECKPOINT for size in sizes.values()), sizes
