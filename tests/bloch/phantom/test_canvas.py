"""The canvas that bodies are painted on."""

from __future__ import annotations

import torch

from bloch.phantom.canvas import Canvas


def test_a_tissue_that_was_painted_nowhere_has_an_empty_layer() -> None:
    # A slice that only grazes the cortex holds no white matter.
    canvas = Canvas((1, 3, 5), edge=1.0)
    canvas.paint("white_matter", torch.zeros(1, 3, 5))
    canvas.paint("grey_matter", torch.ones(1, 3, 5))
    assert float(canvas.layer("white_matter").abs().max()) == 0
    assert float(canvas.layer("grey_matter").min()) == 1
