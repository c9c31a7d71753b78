"""TOML tables become dataclasses, and what does not fit is said with its file and key."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeGuard, get_args, get_origin, get_type_hints

from pirecon.priors.registry import nearest

WORDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false", Path: "a path (string)"}


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not TOML.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no config file {path}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error


def build(kind: type, values: dict[str, Any], where: str) -> Any:
    """A dataclass from a TOML table; its fields may be dataclasses and tuples of them.

    Args:
        kind: the dataclass.
        values: the table.
        where: begins the error messages.

    Raises:
        ValueError: an unknown key (the nearest known one is named), a missing one, a value of another type, or one
            that the dataclass refuses.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{where}expected a table with the keys of {kind.__name__}, found {values!r}")
    hints, known = get_type_hints(kind), [f.name for f in fields(kind)]
    for key in values:
        if key not in known:
            raise ValueError(f"{where}unknown key {key!r} for {kind.__name__}; {nearest(key, known, 'known keys:')}")
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    missing = [repr(name) for name in needed if name not in values]
    if missing:
        raise ValueError(f"{where}missing: {', '.join(missing)}; without a default in {kind.__name__}")
    arguments = {key: convert(hints[key], value, f"{where}{key}: ") for key, value in values.items()}
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}{error}") from error


def convert(hint: Any, value: Any, where: str) -> Any:
    """A TOML value as a field of type ``hint`` holds it.

    Raises:
        ValueError: it has another type; the message starts with ``where``.
    """
    if isinstance(hint, type) and is_dataclass(hint):
        return build(hint, value, where)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value, where)
    if get_origin(hint) is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{where}expected a table, found {value!r}")
        return {key: convert(get_args(hint)[1], item, f"{where}{key}: ") for key, item in value.items()}
    return _single(hint, value, where)


def _tuple(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where}expected a list in brackets, found {value!r}")
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(convert(inner[0], item, f"{where}item {n}: ") for n, item in enumerate(value))
    if len(inner) != len(value):
        raise ValueError(f"{where}expected {len(inner)} values, found {len(value)}: {value!r}")
    return tuple(convert(hint, item, where) for hint, item in zip(inner, value, strict=True))


def _single(hint: Any, value: Any, where: str) -> Any:
    if hint not in WORDS:  # object, unions: the owner of the value checks it
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(f"{where}expected {WORDS[hint]}, found {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}expected a finite number, found {value!r}")
    return value


def paths_below(folder: Path, value: Any) -> Any:
    """The same value, with its relative paths starting at ``folder``; a path, or a tuple of them."""
    if isinstance(value, tuple):
        return tuple(paths_below(folder, item) for item in value)
    return folder / value if isinstance(value, Path) else value


def differences(old: Mapping[str, Any], new: Mapping[str, Any], where: str = "") -> list[str]:
    """``key: old → new`` for every value that two nested tables do not share."""
    found = []
    for key in sorted({*old, *new}):
        before, after, name = old.get(key), new.get(key), f"{where}{key}"
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += differences(before, after, f"{name}.")
        elif _list_of_tables(before) and _list_of_tables(after) and len(before) == len(after):
            for n, (a, b) in enumerate(zip(before, after, strict=True)):
                found += differences(a, b, f"{name}[{n}].")
        elif before != after:
            found.append(f"{name}: {before!r} → {after!r}")
    return found


def _list_of_tables(value: Any) -> TypeGuard[list[Mapping[str, Any]]]:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)
