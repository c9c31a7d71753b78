"""Arrays on disk that are there whole or not at all, and whose damage is noticed."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import pirecon


@dataclass(frozen=True)
class StoredArrays:
    """Sets of named arrays in one memory-mapped file.

    Attributes:
        path: of the samples; the index lies beside it, with the ending .json.
        records: of every set: where each array begins, its shape, type and checksum; and numbers that go with the set.
    """

    path: Path
    records: tuple[dict[str, object], ...]

    def __len__(self) -> int:
        return len(self.records)

    def facts(self, number: int) -> dict[str, object]:
        """The numbers that were stored with a set, and the shape of each of its arrays."""
        return self.records[number]

    def read(self, number: int) -> dict[str, np.ndarray]:
        """The arrays of one set.

        Raises:
            ValueError: the file was changed or cut off after it was written.
        """
        bytes_ = np.memmap(self.path, dtype=np.uint8, mode="r")
        arrays = {}
        places: dict[str, dict[str, object]] = self.records[number]["arrays"]  # type: ignore[assignment]
        for name, place in places.items():
            start, length = int(place["start"]), int(place["length"])  # type: ignore[call-overload]
            block = np.array(bytes_[start : start + length])
            if len(block) != length or zlib.crc32(block.tobytes()) != place["checksum"]:
                raise ValueError(
                    f"{self.path} is damaged: {name} of set {number} is not what was written. Delete the file and its "
                    f"index {self.path.with_suffix('.json').name}; the next run makes them again"
                )
            arrays[name] = block.view(str(place["dtype"])).reshape(place["shape"])  # type: ignore[call-overload]
        return arrays


def store_arrays(path: Path, sets: Sequence[tuple[Mapping[str, np.ndarray], Mapping[str, object]]]) -> StoredArrays:
    """Write sets of arrays with numbers; the index appears last, so that a file without one does not count.

    Args:
        path: of the samples, without an index yet.
        sets: arrays by name, and numbers that JSON can hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    records, start, part = [], 0, path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        for arrays, facts in sets:
            places = {}
            for name, array in arrays.items():
                block = np.ascontiguousarray(array).tobytes()
                file.write(block)
                places[name] = {
                    "start": start,
                    "length": len(block),
                    "shape": list(array.shape),
                    "dtype": array.dtype.str,
                    "checksum": zlib.crc32(block),
                }
                start += len(block)
            records.append({**facts, "arrays": places})
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    index, part = path.with_suffix(".json"), path.with_suffix(f".{os.getpid()}.index")
    part.write_text(json.dumps(records), encoding="utf-8")
    part.replace(index)
    return StoredArrays(path, tuple(records))


def find_arrays(path: Path) -> StoredArrays | None:
    """What :func:`store_arrays` wrote; None where there is nothing or it was interrupted.

    Raises:
        ValueError: the file is shorter than its index says.
    """
    index = path.with_suffix(".json")
    if not (path.is_file() and index.is_file()):
        return None
    records = json.loads(index.read_text(encoding="utf-8"))
    end = max((place["start"] + place["length"] for r in records for place in r["arrays"].values()), default=0)
    if path.stat().st_size != end:
        raise ValueError(
            f"{path} is damaged: {path.stat().st_size} bytes where its index says {end}. Delete both; the next run "
            "makes them again"
        )
    return StoredArrays(path, tuple(records))


@cache
def code_digest(*stations: str) -> str:
    """Digest of the code and tables of some packages and files, so that a cache follows what filled it.

    Comments and docstrings do not count.

    Args:
        stations: as ``pirecon/algebra`` or ``bloch/sequence/protocol.py``.
    """
    digest = hashlib.sha256()
    for station in stations:
        path = Path(pirecon.__file__).parents[1] / station
        for file in sorted(path.rglob("*.*")) if path.is_dir() else [path]:
            if file.suffix == ".py":
                digest.update(_without_words(file.read_text(encoding="utf-8")).encode())
            elif file.suffix == ".csv":
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _without_words(source: str) -> str:
    """The syntax tree of a module without its docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def content_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
