"""What the commands say besides their results: notes at once and once, a bar that they do not break."""

from __future__ import annotations

import io
import warnings

import pytest
from rich.console import Console

from pirecon.cli.words import notes, progress_bar


def test_a_note_comes_at_once_and_each_text_once(capsys: pytest.CaptureFixture[str]) -> None:
    with notes(Console(stderr=True)):
        warnings.warn("5 of 6 volumes are absent", stacklevel=1)
        assert capsys.readouterr().err == "note: 5 of 6 volumes are absent\n"
        warnings.warn("5 of 6 volumes are absent", stacklevel=1)
        warnings.warn("for programmers", DeprecationWarning, stacklevel=1)
        warnings.warn("another", stacklevel=1)
    assert capsys.readouterr().err == "note: another\n"
    with pytest.warns(UserWarning, match="afterwards"):
        warnings.warn("afterwards", stacklevel=1)


def test_a_note_stands_on_a_line_of_its_own_above_the_bar() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=60)
    with notes(console), progress_bar(console, "learning") as bar:
        bar(1, 3)
        warnings.warn("odd lines are missing", stacklevel=1)
    before, _, after = screen.getvalue().partition("note: odd lines are missing\n")
    assert before.endswith("\x1b[2K")  # on a line that was wiped
    assert "learning" in after
    assert "1/3" in after


def test_a_quiet_console_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with notes(Console(stderr=True, quiet=True)):
        warnings.warn("5 of 6 volumes are absent", stacklevel=1)
    assert capsys.readouterr() == ("", "")
