"""Perceptual loss: distance of features instead of voxels."""

from __future__ import annotations

from torch import Tensor, nn

from pirecon.training.losses.features import load_features
from pirecon.training.losses.pixelwise import peak


class Perceptual(nn.Module):
    """Mean over resolutions and scans of ‖φ(|x|) − φ(|t|)‖² / ‖φ(|t|) − φ(0)‖², φ the features before the activation.

    Magnitudes are divided by max|t|; φ(0), the features of an empty image, is what biases alone give. 0 for the truth,
    1 for an empty image, whatever the scan's SNR and the size of the image. The features are those of a small network
    trained here to recognise corruptions (:class:`FeatureNetwork`), not VGG's.

    Source: Johnson et al., ECCV (2016), Eq. 2; before the activation as in ESRGAN, Wang X. et al., ECCV Workshops
    (2018), section 3.3.
    """

    def __init__(self) -> None:
        super().__init__()
        # In a tuple, so that frozen weights are in no optimiser, no moving average and no checkpoint.
        self._features = (load_features()[0],)

    def forward(self, image: Tensor, truth: Tensor) -> Tensor:
        """Distance of two images.

        Args:
            image: complex ``(batch, z, y, x)``, any unit.
            truth: complex, same shape and unit.
        """
        scale = peak(truth)
        x, t = ((a.abs() / scale).reshape(-1, 1, *a.shape[-2:]) for a in (image, truth))
        network = self._features[0].to(x)
        empty = network.features(t.new_zeros(1, *t.shape[1:]))
        features = zip(network.features(x), network.features(t), empty, strict=True)
        return sum(((f - g).square().mean() / _energy(g - e) for f, g, e in features), x.new_zeros(())) / len(empty)


def _energy(features: Tensor) -> Tensor:
    energy = features.detach().square().mean()
    return energy.where(energy > 0, energy.new_ones(()))
