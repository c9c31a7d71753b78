"""The XML header: what is missing or wrong is repaired and said; what is hostile is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pirecon.rawdata import RawDataError, read_mrd
from pirecon.rawdata.header import parse_header
from tests.pirecon.rawdata.conftest import lines_of, make_header, write_file

PATH = Path("scan.h5")


def xml(*edits: tuple[str, str]) -> str:
    text = make_header((1, 6, 8)).toXML()
    for pattern, replacement in edits:
        text, n = re.subn(pattern, replacement, text, flags=re.DOTALL)
        assert n
    return text


def test_a_proper_header_needs_no_repair():
    header, findings = parse_header(xml(), PATH)
    assert findings == []
    assert header.encoding[0].encodedSpace.matrixSize.y == 6


@pytest.mark.parametrize("element", ["patientPosition", "measurementInformation"])
def test_missing_patient_position_is_said(element):
    _, findings = parse_header(xml((f"<{element}>.*</{element}>", "")), PATH)
    assert [finding.name for finding in findings] == ["missing patientPosition"]


@pytest.mark.parametrize(
    ("element", "check"),
    [
        ("experimentalConditions", lambda h: h.experimentalConditions.H1resonanceFrequency_Hz == 0),
        ("encodingLimits", lambda h: h.encoding[0].encodingLimits.kspace_encoding_step_1 is None),
        ("trajectory", lambda h: h.encoding[0].trajectory.value == "cartesian"),
        ("reconSpace", lambda h: h.encoding[0].reconSpace == h.encoding[0].encodedSpace),
        ("encodedSpace", lambda h: h.encoding[0].encodedSpace.matrixSize.x == 8),
        ("sequenceParameters", lambda h: h.sequenceParameters is None),
    ],
)
def test_missing_elements_get_their_natural_value(element, check):
    header, _ = parse_header(xml((f"<{element}>.*</{element}>", "")), PATH)
    assert check(header)


@pytest.mark.parametrize(("written", "read"), [("126.4", 126), ("126.0", 126), (" 126 ", 126), ("1.26e2", 126)])
def test_a_matrix_that_is_not_an_integer_is_rounded(written, read):
    header, findings = parse_header(xml(("<y>6</y>", f"<y>{written}</y>")), PATH)
    assert header.encoding[0].encodedSpace.matrixSize.y == read
    assert all("matrixSize/y" in finding.found for finding in findings)
    assert bool(findings) == (float(written) != 126 or "e" in written)


def test_unknown_elements_and_values_do_no_harm():
    text = xml(("<trajectory>cartesian", "<vendorSecret>1</vendorSecret><trajectory>Cartesian"), ("HFS", "upside down"))
    header, findings = parse_header(text, PATH)
    assert header.encoding[0].trajectory.value == "cartesian"
    assert header.measurementInformation.patientPosition.value == "HFS"
    assert any("upside down" in finding.found for finding in findings)


def test_a_header_without_namespace_is_read():
    header, _ = parse_header(xml((' xmlns="[^"]*"', "")), PATH)
    assert header.encoding[0].encodedSpace.matrixSize.x == 8


def test_bytes_with_another_encoding_and_padding_are_read():
    text = xml(("<patientPosition>", "<protocolName>Kopf-Schädel</protocolName><patientPosition>"))
    header, _ = parse_header(text.encode("latin-1") + b"\0\0", PATH)
    assert header.encoding[0].encodedSpace.matrixSize.x == 8


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE a [<!ENTITY x "ha">]><ismrmrdHeader>&x;</ismrmrdHeader>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><ismrmrdHeader>&x;</ismrmrdHeader>',
        "<ismrmrdHeader><encoding>",
        "",
        "<somethingElse/>",
        "<ismrmrdHeader/>",
        "<ismrmrdHeader><encoding/></ismrmrdHeader>",
    ],
    ids=["entity", "external entity", "cut off", "empty", "other root", "no encoding", "empty encoding"],
)
def test_a_useless_header_is_refused_with_the_name_of_the_file(document):
    with pytest.raises(RawDataError, match=r"^scan\.h5: "):
        parse_header(document, PATH)


def test_a_billion_laughs_are_refused_before_they_are_expanded():
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 30))
    with pytest.raises(RawDataError, match="entities"):
        parse_header(f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]><ismrmrdHeader>&l29;</ismrmrdHeader>', PATH)


def test_times_and_angles_are_si(tmp_path, complex_normal):
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 6, 8)), lines_of(complex_normal(1, 1, 6, 8))))
    assert raw.echo_time == pytest.approx(0.0125)
    assert raw.repetition_time == pytest.approx(0.5)
    assert raw.inversion_time is None
    assert raw.flip_angle == pytest.approx(1.5707963)
    assert raw.field_strength == pytest.approx(0.1)
    assert raw.dwell_time == pytest.approx(1e-5)


def test_field_strength_follows_from_the_frequency(tmp_path, complex_normal):
    header = make_header((1, 6, 8))
    header.acquisitionSystemInformation = None
    raw = read_mrd(write_file(tmp_path / "raw.h5", header, lines_of(complex_normal(1, 1, 6, 8))))
    assert raw.field_strength == pytest.approx(0.1, rel=1e-4)
