"""What was noticed while a raw file was read, and the error for a file that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "error"]


class RawDataError(ValueError):
    """A raw file cannot be used. The message is one paragraph: the file, what was found, the likely cause and the "
    "cure."""


@dataclass(frozen=True)
class Finding:
    """One difference between what a raw file says and what it holds, or what a reconstruction needs.

    Attributes:
        name: what kind of finding, a few lower-case words, always the same for the same kind.
        severity: ``info`` changes nothing, ``warning`` may be seen in the image, ``error`` makes it worthless.
        found: what was found, with numbers.
        done: what was assumed or repaired.
    """

    name: str
    severity: Severity
    found: str
    done: str
