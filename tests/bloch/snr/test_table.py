"""The table that `bloch snr` prints."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bloch.receiver import loop_array, volume_coil
from bloch.snr import Homogeneity, brain_points, head_receiver, intrinsic_snr, snr_table, standard_plan, table_cells
from bloch.tissue import tissue

RECEIVER = head_receiver(loop_array(4), points=brain_points(0.05, n_across=5))
PLAN = standard_plan("spin_echo")
EVEN = Homogeneity(1.0)


def test_snr_of_a_spin_echo_from_its_factors() -> None:
    (row,) = snr_table([0.55], PLAN, receiver=RECEIVER, homogeneity=EVEN)
    t = tissue("white_matter", 0.55)
    TE, TR = PLAN.protocol.echo_time, PLAN.protocol.repetition_time
    recovery = 1 - 2 * math.exp(-(TR - TE / 2) / t.T1) + math.exp(-TR / t.T1)
    m = t.proton_density * recovery * math.exp(-TE / t.T2)
    psi = intrinsic_snr(RECEIVER, 0.55)
    expected = m * 20e-9 * math.sqrt(112 / 150) * psi
    assert row.snr["white_matter"] == pytest.approx(float(expected.mean()))
    assert row.snr_at_centre["white_matter"] == pytest.approx(float(expected[0]))
    assert row.cnr["grey_matter/white_matter"] == pytest.approx(abs(row.snr["grey_matter"] - row.snr["white_matter"]))


def test_averaging_changes_snr_but_not_snr_per_root_minute() -> None:
    (one,) = snr_table([0.1], PLAN, receiver=RECEIVER, homogeneity=EVEN)
    (four,) = snr_table([0.1], replace(PLAN, averages=4), receiver=RECEIVER, homogeneity=EVEN)
    assert four.snr["csf"] == pytest.approx(2 * one.snr["csf"])
    assert four.per_root_minute(four.snr["csf"]) == pytest.approx(one.per_root_minute(one.snr["csf"]))
    assert one.time_for("csf", 2 * one.snr["csf"]) == pytest.approx(four.scan_time)


def test_bandwidth_costs_its_root_and_saves_its_shift() -> None:
    wide = replace(PLAN, pixel_bandwidth=4 * PLAN.pixel_bandwidth)
    (a,), (b,) = (snr_table([1.5], p, receiver=RECEIVER, homogeneity=EVEN) for p in (PLAN, wide))
    assert a.snr["grey_matter"] == pytest.approx(2 * b.snr["grey_matter"])
    assert a.fat_shift == pytest.approx(4 * b.fat_shift)
    assert a.fat_shift == pytest.approx(42.577478518 * 1.5 * 3.4 / 150)


def test_cells_have_a_column_for_each_field_and_a_line_for_each_quantity() -> None:
    pair, fields = ("fat", "muscle"), [0.1, 1.5, 3.0]
    rows = snr_table(fields, PLAN, receiver=RECEIVER, tissues=("fat",), contrasts=(pair,), homogeneity=EVEN)
    head, lines = table_cells(rows)
    assert head == ["", "0.1 T", "1.5 T", "3 T"]
    assert all(len(line) == 4 for line in lines)
    labels = [line[0] for line in lines]
    assert "CNR fat/muscle" in labels
    assert "SNR muscle" in labels
    snr = [float(cell) for cell in lines[labels.index("SNR fat")][1:]]
    assert snr == pytest.approx([row.snr["fat"] for row in rows], rel=0.01)


def test_large_distortion_is_said() -> None:
    with pytest.warns(UserWarning, match=r"displaces by up to .* voxels"):
        snr_table([0.05], PLAN, receiver=RECEIVER, homogeneity=Homogeneity(1000.0))


def test_bad_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        snr_table([], PLAN, receiver=RECEIVER)
    with pytest.raises(ValueError, match="No tissue is called 'cheese'"):
        snr_table([1.5], PLAN, receiver=RECEIVER, tissues=("cheese",))
    with pytest.raises(ValueError, match=r"0\.01 to 7"):
        snr_table([0.0], PLAN, receiver=RECEIVER)


def test_one_channel_has_no_more_signal_at_the_rim_than_an_array_has() -> None:
    rows = [
        snr_table([1.5], PLAN, receiver=head_receiver(coil), homogeneity=EVEN)[0]
        for coil in (loop_array(8), volume_coil())
    ]
    gain = [row.snr["csf"] / row.snr_at_centre["csf"] for row in rows]
    assert gain[0] > 1.2 > gain[1]
