"""Fills of a hole by functions of NumPy libraries, one image at a time on the host."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage, spatial
from scipy.interpolate import LinearNDInterpolator

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(image [H, W, C] in [0, 1] with zeros in the hole, hole [H, W] of bool, neither all nor nothing) -> [H, W, C]."""


def per_image(fill: Fill, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """image: [B, H, W, C] in [-1, 1], hole: [B, H, W, 1] -> [B, H, W, C] float32, known pixels bit for bit."""
    image, hole = np.asarray(image, np.float32), np.asarray(hole) > 0
    filled = np.zeros_like(image)
    for index, missing in enumerate(hole[..., 0]):
        # Libraries stumble over a hole that is nothing or everything; there is nothing to compute then.
        if missing.any() and not missing.all():
            unit = np.where(missing[..., None], 0.0, 0.5 * image[index].astype(np.float64) + 0.5)
            filled[index] = 2.0 * fill(unit, missing) - 1.0
    return np.where(hole, filled, image)


def nearest(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The nearest known pixel by Euclidean distance."""
    rows, columns = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    return image[rows, columns]


def linear(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Linear on the Delaunay triangles between the pixels at the rim, nearest outside of their hull."""
    filled = nearest(image, hole)
    # Triangles that reach into the hole have their corners at its rim: other known pixels would only cost time.
    rim = ndimage.binary_dilation(hole, np.ones((3, 3)), iterations=2) & ~hole
    try:
        inside = LinearNDInterpolator(np.argwhere(rim), image[rim])(np.argwhere(hole))
    except (spatial.QhullError, ValueError):
        # Fewer than three pixels, or all in one row: no triangle.
        return filled
    filled[hole] = np.where(np.isnan(inside), filled[hole], inside)
    return filled


def channelwise(
    paint: Callable[[np.ndarray, np.ndarray], np.ndarray], image: np.ndarray, hole: np.ndarray
) -> np.ndarray:
    """OpenCV's convention: uint8 with one or three channels, the hole as 255. Other counts go channel by channel."""
    levels, marked = np.round(image * 255.0).astype(np.uint8), hole.astype(np.uint8) * 255
    if image.shape[-1] == 3:
        return paint(np.ascontiguousarray(levels), marked) / 255.0
    planes = [paint(np.ascontiguousarray(levels[..., c]), marked) for c in range(image.shape[-1])]
    return np.stack(planes, axis=-1) / 255.0
