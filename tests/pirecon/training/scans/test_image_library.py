"""Images are rendered once, and again when what they are made of is another; workers alone have a single thread."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import bloch
from pirecon.training.scans.anatomy import BLOCH_CODE, brain_contrasts, brain_image
from pirecon.training.scans.guide import guided_sources
from pirecon.training.scans.image_library import SIZE, in_parallel, load_library, volume_slices
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.played import play_scan
from pirecon.training.scans.sources import load_sources
from pirecon.training.scans.tissue_maps import anatomy_image
from pirecon.training.scans.volume_library import head_volumes
from pirecon.training.scans.whole_cache import code_digest

REAL = {"volumes": 1.0}


def nifti(path: Path, *, seed: int, empty: tuple[int, ...] = ()) -> Path:
    """Four slices 20 × 24 of noise, those of ``empty`` of zeros."""
    from nibabel.nifti1 import Nifti1Image

    path.parent.mkdir(exist_ok=True)
    volume = np.random.default_rng(seed).uniform(1, 2, (20, 24, 4)).astype(np.float32)
    volume[..., list(empty)] = 0
    volume[:3] = 0  # air
    Nifti1Image(volume, np.eye(4)).to_filename(path)
    return path


def test_volumes_of_one_name_are_told_apart_by_their_content(tmp_path: Path) -> None:
    def images(folder: str) -> np.ndarray:
        path = str(tmp_path / folder / "t1.nii.gz")
        return np.array(load_sources(ImageShares(volumes=(path,), shares=REAL, cache=str(tmp_path)))[0].images)

    for seed, folder in enumerate(("A", "B")):
        nifti(tmp_path / folder / "t1.nii.gz", seed=seed)
    first = images("A")
    assert not np.array_equal(first, images("B"))
    nifti(tmp_path / "C" / "t1.nii.gz", seed=0)
    n_libraries = len(list(tmp_path.glob("volumes-*.npy")))
    assert np.array_equal(first, images("C"))  # a copy is not rendered again
    assert len(list(tmp_path.glob("volumes-*.npy"))) == n_libraries


def test_contrasts_of_one_name_are_told_apart_by_their_content(tmp_path: Path) -> None:
    def images(folder: str) -> np.ndarray:
        paths = tuple(str(tmp_path / folder / f"one_{contrast}.nii.gz") for contrast in ("T1", "T2"))
        return np.array(guided_sources(ImageShares(volumes=paths, shares=REAL, cache=str(tmp_path)))[0].images)

    for seed, name in enumerate(("A/one_T1", "A/one_T2", "B/one_T1", "B/one_T2")):
        nifti(tmp_path / f"{name}.nii.gz", seed=seed, empty=(seed,))
    first, second = images("A"), images("B")
    assert first.shape == (2, 2, SIZE, SIZE)  # of four slices those that both contrasts have
    assert not np.array_equal(first, second)


def test_empty_slices_are_left_out(tmp_path: Path) -> None:
    slices = list(volume_slices(nifti(tmp_path / "a.nii.gz", seed=1, empty=(0, 3))))
    assert len(slices) == 2
    assert all(np.isfinite(slice_).all() and slice_.max() > 0.5 for slice_ in slices)


def test_a_source_without_images_is_refused(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii.gz", seed=1, empty=(0, 1, 2, 3))
    with pytest.raises(ValueError, match="no image in the source 'volumes'"):
        load_library("volumes", lambda: volume_slices(path), tmp_path, "key")


def test_a_cache_follows_code_and_tables_and_not_comments(tmp_path: Path) -> None:
    def digest(code: str, table: str = "1") -> str:
        (tmp_path / "station").mkdir(exist_ok=True)
        (tmp_path / "station" / "a.py").write_text(code)
        (tmp_path / "station" / "b.csv").write_text(table)
        code_digest.cache_clear()
        return code_digest(str(tmp_path / "station"))

    plain = digest("def f():\n    return 1\n")
    assert digest('"""Page."""\n\ndef f():\n    """One."""\n    return 1  # one\n') == plain
    assert digest("def f():\n    return 2\n") != plain
    assert digest("def f():\n    return 1\n", "2") != plain


def test_what_makes_anatomies_imports_nothing_of_the_simulator_that_the_cache_does_not_follow() -> None:
    root = Path(bloch.__file__).parents[1]
    places = [root / place for place in BLOCH_CODE]
    files = [file for place in places for file in (place.glob("*.py") if place.is_dir() else [place])]
    followed = {".".join(file.relative_to(root).with_suffix("").parts) for file in files}
    for file in files:
        imported = {
            node.module
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("bloch")
        }
        known = followed | {name.removesuffix(".__init__") for name in followed}
        assert imported <= known, f"{file.name} imports {imported - known}: add them to BLOCH_CODE"


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    "make",
    [
        lambda: brain_image(1),
        lambda: brain_contrasts(1),
        lambda: anatomy_image(1),
        lambda: next(head_volumes(1, 1, (0.1, 0.1), voxel=16e-3)),
        lambda: play_scan(0, matrix=16, field_strength=(0.1, 0.1), inhomogeneity=0.0),
    ],
    ids=["brain", "contrasts", "anatomy", "head", "played"],
)
def test_rendering_leaves_the_threads_of_its_process_alone(make: Callable[[], object]) -> None:
    make()
    assert torch.get_num_threads() == 2


def threads(number: int) -> np.ndarray:
    return np.array(torch.get_num_threads())


@pytest.mark.usefixtures("two_threads")
def test_rendering_processes_have_one_thread_each() -> None:
    assert list(in_parallel(threads, 2)) == [1, 1]


def test_nothing_to_train_on_names_the_files_that_are_absent(tmp_path: Path) -> None:
    images = ImageShares(volumes=(str(tmp_path / "nothere.nii.gz"),), shares={"volumes": 1.0}, cache=str(tmp_path))
    with (
        pytest.warns(UserWarning, match="trained without .*nothere"),
        pytest.raises(ValueError, match=r"nothing to train on.*absent: .*nothere\.nii\.gz"),
    ):
        load_sources(images)


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "render.py"
    script.write_text(
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from pirecon.training.scans.image_library import in_parallel\n"
        "def make(number):\n"
        "    Path(sys.argv[1], str(os.getpid())).touch()\n"
        "    time.sleep(60 if number else 0)\n"
        "if __name__ == '__main__':\n"
        "    list(in_parallel(make, 20))\n"
    )
    seen = tmp_path / "workers"
    seen.mkdir()
    parent = subprocess.Popen([sys.executable, str(script), str(seen)])
    try:
        assert _soon(lambda: any(seen.iterdir()))
    finally:
        parent.kill()
        parent.wait()
    assert _soon(lambda: not any(Path("/proc", worker.name).exists() for worker in seen.iterdir()))


def _soon(is_so: Callable[[], bool], *, seconds: int = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not is_so():
        time.sleep(0.2)
    return is_so()
