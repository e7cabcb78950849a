"""How far a photograph is out of focus, from its edges alone."""

import numpy as np
from scipy import ndimage

AGAIN = 1.5
"""Standard deviation of the second blur, in pixels."""


def edge_blur(image: np.ndarray, *, share: float = 0.02) -> float:
    """[H, W, C] -> the standard deviation in pixels of the Gaussian that blurred it, 0 if it is sharp.

    Blurring once more by `AGAIN` lowers the slope of an edge of blur s by a factor of sqrt(s^2 + AGAIN^2) / s, whatever
    its height: Hu, de Haan 2006; Zhuo, Sim 2011. The median over the steepest `share` of the pixels.
    """
    grey = np.mean(np.asarray(image, np.float64), axis=-1)
    slope = lambda plane: np.hypot(*np.gradient(plane))
    once, twice = slope(grey), slope(ndimage.gaussian_filter(grey, AGAIN, mode="mirror"))
    steep = (once >= np.quantile(once, 1.0 - share)) & (twice > 0)
    if not steep.any():
        return 0.0
    ratio = float(np.median(once[steep] / twice[steep]))
    # Central differences blur a little themselves: a step measured so looks as if its s^2 were larger by 1/3.
    return float(np.sqrt(max(0.0, AGAIN**2 / max(ratio**2 - 1.0, 1e-6) - 1.0 / 3.0)))


def gaussian_kernel(sigma: float, size: int) -> np.ndarray:
    """[size, size], sum 1; for sigma 0 a single one."""
    point = np.zeros((size, size))
    point[size // 2, size // 2] = 1.0
    kernel = ndimage.gaussian_filter(point, sigma, mode="constant") if sigma > 0 else point
    return kernel / kernel.sum()


def kernels(y: dict) -> np.ndarray:
    """[B, k, k] to convolve with: of a measurement, or a Gaussian as wide as each image's edges look blurred."""
    if "kernel" in y:
        # Tasks correlate; libraries convolve.
        return np.asarray(y["kernel"], np.float64)[:, ::-1, ::-1]
    sigmas = [edge_blur(image) for image in y["image"]]
    side = 2 * int(np.ceil(4 * max(*sigmas, 0.5))) + 1
    return np.stack([gaussian_kernel(sigma, side) for sigma in sigmas])
