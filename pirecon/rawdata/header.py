"""The XML header of an MRD file, read with tolerance: what real files leave out or get wrong is repaired and said.

Source: MRD header, https://ismrmrd.readthedocs.io/en/latest/mrd_header.html, and the schema ``ismrmrd.xsd``.
"""

from __future__ import annotations

import dataclasses
import types
import typing
import warnings
import xml.etree.ElementTree as ElementTree
from enum import Enum
from pathlib import Path
from typing import Any

import defusedxml
import defusedxml.ElementTree
import ismrmrd.xsd
from xsdata.exceptions import ParserError
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig

from pirecon.rawdata.finding import Finding, RawDataError

NAMESPACE = "{http://www.ismrm.org/ISMRMRD}"
LARGEST_HEADER_BYTES = 16 * 2**20  # vendors' headers with all their parameters stay below 1 MiB
# The schema demands these, but they have a natural value where they are missing.
DEFAULTS = {"patientPosition": "HFS", "trajectory": "cartesian", "calibrationMode": "other"}


def parse_header(xml: bytes | str, path: Path) -> tuple[Any, list[Finding]]:
    """Parse the XML header of an MRD file.

    Entities and DTDs that declare them are refused before anything is expanded. Then the tree is brought into the
    shape that the schema demands, and given to ``ismrmrd.xsd``.

    Args:
        xml: the document.
        path: the file that it was found in, for messages.

    Returns:
        The ``ismrmrd.xsd.ismrmrdHeader``, and what was repaired.

    Raises:
        RawDataError: not well-formed, no MRD header, hostile, or without any encoding.
    """
    root = _parse_safely(xml, path)
    findings: list[Finding] = []
    for element in root.iter():
        element.tag = NAMESPACE + element.tag.rpartition("}")[2]
    if root.tag != NAMESPACE + "ismrmrdHeader":
        name = root.tag.removeprefix(NAMESPACE)
        raise RawDataError(
            f"{path}: the XML header starts with <{name}>, but an MRD header starts with <ismrmrdHeader>. The file was "
            "probably written by another program for another purpose; convert the raw data to MRD (ISMRMRD)."
        )
    _complete_encodings(root, path, findings)
    _repair(root, ismrmrd.xsd.ismrmrdHeader, "", findings)
    if root.find(NAMESPACE + "measurementInformation") is None:
        done = "not needed: directions and positions of the readouts are in patient coordinates"
        findings.append(_missing("measurementInformation with a patientPosition", done))
    parser = XmlParser(config=ParserConfig(fail_on_unknown_properties=False))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            header = parser.from_bytes(ElementTree.tostring(root), ismrmrd.xsd.ismrmrdHeader)
        except (ParserError, ValueError, TypeError) as error:
            raise RawDataError(
                f"{path}: the XML header does not follow the MRD schema ({error}). It was probably written by hand or "
                "by a faulty converter; correct the named element or convert the raw data again."
            ) from error
    findings += [Finding("header element not understood", "info", str(w.message), "left as it is") for w in caught]
    return header, findings


def _parse_safely(xml: bytes | str, path: Path) -> ElementTree.Element:
    text = xml if isinstance(xml, str) else xml.decode("utf-8", errors="replace")
    text = text.strip("\0 \t\r\n\ufeff")
    if len(text) > LARGEST_HEADER_BYTES:
        raise RawDataError(
            f"{path}: the XML header has {len(text) / 2**20:.0f} MiB, and at most {LARGEST_HEADER_BYTES / 2**20:.0f} "
            "MiB are read, because no scanner writes so much. The file is probably damaged; convert the raw data again."
        )
    try:
        root: ElementTree.Element = defusedxml.ElementTree.fromstring(text)
    except defusedxml.DefusedXmlException as error:
        raise RawDataError(
            f"{path}: the XML header declares entities ({type(error).__name__}), which may expand without bound or "
            "read other files, and is refused. No scanner writes them; remove the DOCTYPE if you trust the file."
        ) from error
    except (ElementTree.ParseError, ValueError) as error:
        raise RawDataError(
            f"{path}: the XML header is not well-formed ({error}). It was probably cut off or edited by hand; correct "
            "it there or convert the raw data again."
        ) from error
    return root


def _complete_encodings(root: ElementTree.Element, path: Path, findings: list[Finding]) -> None:
    """An encoding needs an encoded matrix; the reconstructed one may be taken from it, and the other way round."""
    encodings = root.findall(NAMESPACE + "encoding")
    spaces = ("encodedSpace", "reconSpace")
    for encoding in encodings:
        found = [encoding.find(NAMESPACE + name) for name in spaces]
        if found[0] is None and found[1] is None:
            encodings = []
            break
        for name, own, other in zip(spaces, found, reversed(found), strict=True):
            if own is None and other is not None:
                copy = ElementTree.fromstring(ElementTree.tostring(other))
                copy.tag = NAMESPACE + name
                encoding.append(copy)
                taken = spaces[1 - spaces.index(name)]
                findings.append(_missing(f"encoding/{name}", f"taken to be the {taken}"))
    if not encodings:
        raise RawDataError(
            f"{path}: the XML header has no encoding with an encodedSpace, so neither matrix nor field of view is "
            "known. The file was probably written by a faulty converter; add the encoding or convert the raw data "
            "again."
        )


def _missing(where: str, done: str) -> Finding:
    name = "missing patientPosition" if where.endswith("patientPosition") else "header element missing"
    return Finding(name, "info", f"the header has no {where}", done)


def _repair(element: ElementTree.Element, cls: Any, where: str, findings: list[Finding]) -> None:
    """Give ``element`` every child that the schema class ``cls`` demands, and every number the type that it demands."""
    hints = typing.get_type_hints(cls, vars(ismrmrd.xsd.ismrmrdschema.ismrmrd))
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        kind = _plain_type(hints[field.name])
        children = element.findall(NAMESPACE + field.name)
        if required and not children:
            children = [_add_default(element, field.name, kind, where, findings)]
        for child in children:
            if dataclasses.is_dataclass(kind):
                _repair(child, kind, f"{where}{field.name}/", findings)
            else:
                _repair_value(element, child, kind, f"{where}{field.name}", required, findings)


def _plain_type(hint: Any) -> Any:
    """``X`` of ``X``, ``None | X`` and ``list[X]``."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        hint = next(a for a in typing.get_args(hint) if a is not types.NoneType)
    return typing.get_args(hint)[0] if typing.get_origin(hint) is list else hint


def _add_default(
    parent: ElementTree.Element, name: str, kind: Any, where: str, findings: list[Finding]
) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, NAMESPACE + name)
    if not dataclasses.is_dataclass(kind):
        child.text = DEFAULTS.get(name, "0" if kind in (int, float) else "")
    if name != "encodingLimits":  # its own elements are optional, and the data tell the same
        done = f"taken to be {child.text}" if name in DEFAULTS else "taken to be unknown"
        findings.append(_missing(where + name, done))
    return child


def _repair_value(
    parent: ElementTree.Element,
    child: ElementTree.Element,
    kind: Any,
    where: str,
    required: bool,
    findings: list[Finding],
) -> None:
    """Round what must be an integer, and take out what is not of its kind."""
    text = (child.text or "").strip()
    repaired: str | None = text
    if kind in (int, float):
        repaired = _number(text, kind)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        known = {str(member.value).lower(): str(member.value) for member in kind}
        repaired = known.get(text.lower())
    if repaired == text:
        return
    name = child.tag.removeprefix(NAMESPACE)
    if repaired is None and (required or name in ("x", "y", "z", "minimum", "maximum", "center")):
        repaired = DEFAULTS.get(name, "0")
    if repaired is None:
        parent.remove(child)
    else:
        child.text = repaired
    if kind is int and repaired is not None and text.rstrip("0") == repaired + ".":
        return  # 128.0 says nothing else than 128
    done = "left out" if repaired is None else f"taken to be {repaired}"
    findings.append(Finding("header value not valid", "warning", f"{where} is {text!r}", done))


def _number(text: str, kind: type) -> str | None:
    """``text`` as the schema wants a number: an integer is rounded; None for what is no finite number."""
    try:
        return str(int(text)) if kind is int else (text if abs(float(text)) < float("inf") else None)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return None
    return str(round(value)) if abs(value) < 2**63 else None
