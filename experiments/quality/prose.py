"""What the page says about how each number was measured."""

from __future__ import annotations


def _paragraph(text: str) -> str:
    return " ".join(text.split())


BENCHMARK = _paragraph("""
R: random lines of variable density with {calibration_lines} central lines. SNR: voxel SNR of the fully sampled image,
mean over the object. Phase, coils, lines and noise are simulated and drawn by seed. Several coils: maps by ESPIRiT from
the scan's own noisy central lines, the same for every method; the truth is what these maps make of the noise-free coil
images. *Oracle*: regularisation strength tuned for every image against the truth, which no real reconstruction can do.
Metrics of the magnitude over the whole image; PSNR's peak is the maximum of the truth. Sharpness: regression of the
image's gradient on the truth's where the truth is steepest (5 % of the voxels); 1 is the truth, a blurred edge less.
Where the truth is finer than the acquired matrix, the oracles reconstruct the acquired matrix and are
sinc-interpolated, tuned by the interpolated image.
""")

PREDICTION = _paragraph("""
χ² = mean |E x − y|² / 2 in SNR units over samples that the method was not given; mean over the slices of a file. Every
method at its default. The published files were filtered before they were stored: noise is weaker in the outer k-space
than on average, so a χ² below 1 is possible, and what counts is the order of the methods. With one coil, zero-filling
and CG-SENSE predict zero for a sample that was not measured (column *zero*: a prediction of zero everywhere).
""")

AVERAGES = _paragraph("""
*Itself*: the samples of the first average as the prediction, with the noise of both (2 for white noise); 1 would be the
noise of the second alone.
""")

FIDELITY = _paragraph("""
All measured samples; unrolled minus zero-filled image, both low-passed by a Gaussian of 8 mm full width at half
maximum. Zero-filled: E.H y ÷ Σ|c|², for the weights of columns with interference are in c, and E.H y alone would be
darker there. χ²: mean over the head of |difference|² / (2 σ²), σ the noise of the low-passed zero-filled image from 64
pseudo-replicas of white noise of the estimated level. The published files were filtered, so their noise is stronger
at low spatial frequencies than on average: *σ in air / σ* is the same noise as found in the air at least 15 mm from
the head (ghosts count as well), and *χ², noise of the air* refers to it. Brightness: mean of the brightest compact
region of the brain (at least 1.2 cm², 15 mm inside the head's surface, found in the low-passed zero-filled image)
in the unrolled over that in the zero-filled image, of the part in phase with the low-passed image, which has no
noise bias; ± is the noise of the latter mean.
""")

PHASE = _paragraph("""
Fully sampled image data, noise included, times linear phases of up to 12 turns over the field of view, whole and
fractional, on both axes; change of the magnitude of the unrolled image, relative to its maximum.
""")

ORIENTATION = _paragraph("""
The same with smooth phases (second order: 1.5 (y² + xy/2) − 2x² turns, third order: 0.8 (y³ − x²y) + 2.2x, wave:
0.6 sin(2.2x + 1.5y), bump: 3 turns at the top of a Gaussian whose standard deviation is an eighth of the field of
view; y and x from −1 to 1): largest change inside the object. Turned and flipped: root mean square of the change
inside the object, which is what training gives, for nothing in the network enforces it.
""")
