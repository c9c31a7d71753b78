"""What is rendered for training is said while it happens: it can take minutes, once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

SECONDS_BETWEEN_LINES = 20.0
T = TypeVar("T")
logger = logging.getLogger(__name__)


def told(items: Iterable[T], count: int, what: str) -> Iterator[T]:
    """The same items; logs how many there will be and, every so many seconds, how many are done.

    Args:
        items: made one by one, or made from one by one: one is done when the next is asked for.
        count: of them; 0 logs nothing.
        what: they are, after a number: "images".
    """
    if count:
        logger.info("making %d %s", count, what)
    said = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            logger.info("made %d of %d %s", done, count, what)
