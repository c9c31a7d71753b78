"""What is said of a sequence by the header of a raw file, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bloch.closed_form import simulate_closed_form
from bloch.phantom import asymmetric
from bloch.rawfile import write_mrd
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Encoding, Protocol, fully_sampled
from bloch.standard.protocols import SequenceChoice, standard_protocol
from pirecon.quantitative.protocols import ContrastProtocol, contrasts_of, protocols_of_file
from pirecon.rawdata import RawData, read_mrd


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> RawData:
    """A small scan, whose header tests change."""
    encoding = Encoding((1, 8, 8), (5e-3, 0.2, 0.2), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, 8)))
    path = tmp_path_factory.mktemp("scan") / "raw.h5"
    protocol = Protocol("spoiled_gradient_echo", 0.005, 0.03)
    phantom = asymmetric((1, 16, 16), field_of_view=encoding.field_of_view)
    write_mrd(path, simulate_closed_form(phantom, protocol, Scanner(0.1, volume_coil()), encoding, snr=20))
    return read_mrd(path)


def read_as(raw: RawData, name: str | None, flip_angle: float) -> ContrastProtocol:
    """The protocol with another name and flip angle in the header; degrees."""
    raw.header.sequenceParameters.sequence_type = name
    physics = replace(raw.physics, flip_angles=(float(np.radians(flip_angle)),))
    return protocols_of_file(replace(raw, physics=physics))[0]


@pytest.mark.parametrize("flip_angle", [9, 57, 80])
@pytest.mark.parametrize(
    "name",
    [
        *(standard_protocol(SequenceChoice(kind), 0.1).name for kind in ("bssfp", "mprage", "epi")),
        "bSSFP",
        "TrueFISP",
        "trufi",
        "FISP",
        "tfl3d_MPRAGE",
        "t1_mpr_sag",
        "MP-RAGE",
        "ep2d_SE-EPI",
        "GRASE",
    ],
)
def test_sequences_without_a_model_are_refused_by_name(raw: RawData, name: str, flip_angle: float) -> None:
    with pytest.raises(ValueError, match=rf"raw\.h5: the sequence_type '{name}' .*not modelled"):
        read_as(raw, name, flip_angle)


@pytest.mark.parametrize(
    ("name", "is_gradient_echo"),
    [
        *((standard_protocol(SequenceChoice(kind), 0.1).name, False) for kind in ("tse", "spin-echo", "flair")),
        *((standard_protocol(SequenceChoice(kind), 0.1).name, True) for kind in ("gre", "multi-echo-gre")),
        ("TurboSpinEcho", False),
        ("t1_se_tra", False),
        ("SE", False),
        ("compressed_fse", False),
        ("Flash", True),
        ("GRE", True),
        ("3D SPGR", True),
    ],
)
def test_known_names_count_whatever_the_flip_angle(raw: RawData, name: str, is_gradient_echo: bool) -> None:
    for flip_angle in (20, 90):
        found = read_as(raw, name, flip_angle)
        assert found.is_gradient_echo == is_gradient_echo
        assert repr(name) in found.source
        assert "assumed" not in found.source


def test_what_is_assumed_quotes_the_name_that_is_not_known(raw: RawData) -> None:
    assert read_as(raw, "phase_mapper", 20).source == (
        "spoiled gradient echo assumed from the flip angle of 20 degrees: the sequence_type 'phase_mapper' is not known"
    )
    assert "spin echo assumed: the sequence_type 'phase_mapper' is not known" in read_as(raw, "phase_mapper", 90).source
    assert "spin echo assumed: the header names no sequence" in read_as(raw, None, 90).source


def test_a_gradient_echo_after_an_inversion_is_refused() -> None:
    prepared = ContrastProtocol(0.005, 2.0, inversion_time=0.5, flip_angle=0.2, is_gradient_echo=True)
    with pytest.raises(ValueError, match="after an inversion"):
        contrasts_of([prepared], [1.0])
    assert contrasts_of([replace(prepared, inversion_time=0.0)], [1.0]).n_contrasts == 1
