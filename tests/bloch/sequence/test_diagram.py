"""The diagram shows what is played, when it is played."""

from __future__ import annotations

import numpy as np
import pytest

from bloch.sequence import HARD_PULSE, PulseDesign, gradient_echo, plot_sequence, turbo_spin_echo


def test_rows_show_pulses_readouts_and_gradients_in_their_units(scanner, encoding_of, tmp_path) -> None:
    sequence = turbo_spin_echo(
        encoding_of(), scanner, echo_time=28e-3, repetition_time=0.1, echo_train_length=3, echo_spacing=14e-3
    )
    figure = plot_sequence(sequence, 0.0, 60e-3)
    rf, adc, *gradients = figure.axes
    assert [row.get_ylabel().splitlines()[-1] for row in gradients] == ["mT/m"] * 3
    assert rf.get_xlim() == pytest.approx((0.0, 60.0))
    texts = [text.get_text() for text in rf.texts]
    assert texts == ["90°\n∠0°"] + ["180°\n∠90°"] * 3
    first = sequence.blocks[0].gz
    drawn = gradients[2].lines[0].get_xydata()
    assert drawn[1:-1] == pytest.approx(np.stack([first.times * 1e3, first.amplitudes * 1e3], axis=1))
    opened = [path.get_extents() for c in adc.collections for path in c.get_paths()]
    starts = [
        sum(b.duration for b in sequence.blocks[:i]) + block.readout.delay
        for i, block in enumerate(sequence.blocks)
        if block.readout is not None
    ]
    assert [box.x0 for box in opened] == pytest.approx([1e3 * t for t in starts[: len(opened)]])
    assert len(opened) == 3
    figure.savefig(tmp_path / "sequence.png")


def test_the_first_repetition_is_shown_unless_asked_otherwise(scanner, encoding_of) -> None:
    for pulse in (HARD_PULSE, PulseDesign(0.0, slice_selective=False)):
        sequence = gradient_echo(
            encoding_of(), scanner, echo_time=7e-3, repetition_time=30e-3, flip_angle=0.3, pulse=pulse
        )
        figure = plot_sequence(sequence)
        assert figure.axes[0].get_xlim() == pytest.approx((0.0, 30.0))
        assert len(figure.axes[0].texts) == 1


@pytest.mark.parametrize(("start", "stop"), [(0.2, 0.1), (1e3, 2e3)])
def test_an_empty_window_is_refused(start: float, stop: float, scanner, encoding_of) -> None:
    sequence = gradient_echo(encoding_of(), scanner, echo_time=7e-3, repetition_time=30e-3, flip_angle=0.3)
    with pytest.raises(ValueError, match="nothing is played"):
        plot_sequence(sequence, start, stop)
