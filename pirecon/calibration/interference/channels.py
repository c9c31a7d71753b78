"""Which channels are sensing coils, and raw data without them."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pirecon.rawdata.finding import RawDataError
from pirecon.rawdata.raw_data import RawData

SENSING_NAME = re.compile(
    r"(?<![a-z])(sens(e|ing|or)|emi|rfi|noise|interference|reference|pick[ _-]?up)(?![a-z])", re.IGNORECASE
)
"""A channel with one of these words in its label is a sensing coil; "sensing_0" and "EMI 2" are, "semi-flex" is not."""


def sensing_channels(raw: RawData) -> tuple[int, ...]:
    """Channels whose coil label says that they hear interference and no patient.

    A label belongs to the channel of its ``coilNumber`` where the numbers are those of the channels, counted from 0;
    otherwise to the channel at its place in the list, where there are as many labels as channels.

    Args:
        raw: with ``acquisitionSystemInformation.coilLabel`` in its header.

    Returns:
        Channel indices, from 0; empty where no label says so.
    """
    system = raw.header.acquisitionSystemInformation
    labels = [] if system is None else system.coilLabel or []
    numbers = [int(label.coilNumber) for label in labels]
    if sorted(numbers) != list(range(raw.n_coils)):
        if len(labels) != raw.n_coils:
            return ()
        numbers = list(range(raw.n_coils))
    named = zip(numbers, labels, strict=True)
    return tuple(sorted(n for n, label in named if SENSING_NAME.search(label.coilName or "")))


def check_channels(raw: RawData, sensing: Sequence[int]) -> tuple[int, ...]:
    """The given sensing channels in order.

    Raises:
        ValueError: a channel that the file does not have, or none left for the image.
    """
    chosen = tuple(sorted({int(c) for c in sensing}))
    if chosen and not (chosen[0] >= 0 and chosen[-1] < raw.n_coils):
        raise ValueError(
            f"{raw.path}: sensing channels {list(chosen)} were asked for, but the file has channels 0 to "
            f"{raw.n_coils - 1}; channels are counted from 0"
        )
    if len(chosen) == raw.n_coils:
        raise RawDataError(
            f"{raw.path}: all {raw.n_coils} channels are marked as sensing coils, so none is left for the image. The "
            "coil labels are probably wrong; correct them in the header, or name the sensing channels yourself "
            "(an empty list: there are none)."
        )
    return chosen


def without_channels(raw: RawData, channels: Sequence[int]) -> RawData:
    """Raw data without some channels, in every readout that has as many channels as the image.

    Readouts with another number of channels are kept as they are.

    Args:
        raw: stays as it is.
        channels: to be left out, from 0.

    Returns:
        RawData with new samples, offsets, readouts and header.
    """
    if not channels:
        return raw
    n_coils = raw.n_coils
    kept = np.setdiff1d(np.arange(n_coils), channels)
    readouts = raw.readouts.copy()
    parts = []
    for i, head in enumerate(raw.readouts):
        whole = head["active_channels"] == n_coils
        data = raw.readout(i)
        parts.append((data[kept] if whole else data).ravel())
        if whole:
            readouts["active_channels"][i] = len(kept)
            readouts["available_channels"][i] = len(kept)
            readouts["channel_mask"][i] = _mask(len(kept), len(head["channel_mask"]))
    offsets = np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(raw.offsets.dtype)
    header = _header_without(raw, kept)
    return replace(raw, header=header, readouts=readouts, samples=np.concatenate(parts), offsets=offsets)


def _mask(n_channels: int, n_words: int) -> np.ndarray:
    bits = np.zeros(64 * n_words, dtype=np.uint8)
    bits[:n_channels] = 1
    return np.packbits(bits, bitorder="little").view("<u8")


def _header_without(raw: RawData, kept: np.ndarray) -> object:
    header = copy.deepcopy(raw.header)
    system = header.acquisitionSystemInformation
    if system is None:
        return header
    if system.receiverChannels is not None:
        system.receiverChannels = len(kept)
    labels = system.coilLabel or []
    if len(labels) == raw.n_coils:
        numbers = [int(label.coilNumber) for label in labels]
        if sorted(numbers) == list(range(raw.n_coils)):
            labels = sorted(labels, key=lambda label: int(label.coilNumber))
        system.coilLabel = [labels[c] for c in kept]
        for number, label in enumerate(system.coilLabel):
            label.coilNumber = number
    return header
