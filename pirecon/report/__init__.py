"""What the images are worth: metrics and comparison figures."""

from pirecon.report.figures import comparison_figure
from pirecon.report.metrics import ImageMetrics, edge_sharpness, image_metrics, nrmse, psnr, ssim

__all__ = ["ImageMetrics", "comparison_figure", "edge_sharpness", "image_metrics", "nrmse", "psnr", "ssim"]
