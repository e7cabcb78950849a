"""Filters of NumPy libraries, which take one image, or one channel, at a time on the host."""

from collections.abc import Callable

import numpy as np

Filter = Callable[..., np.ndarray]
"""(image [H, W, C] float64 in [0, 1], ...) -> [H, W, C], not clipped."""


def per_image(clean: Filter, image: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """[B, H, W, C] in [-1, 1] -> the same, float32. `others` [B, ...] are handed over image by image."""
    unit = 0.5 * np.asarray(image, np.float64) + 0.5
    return np.stack([2.0 * clean(*one) - 1.0 for one in zip(unit, *others, strict=True)]).astype(np.float32)


def per_channel(clean: Filter, image: np.ndarray) -> np.ndarray:
    """[H, W, C] -> the same, by a function of planes [H, W]."""
    return np.stack([clean(image[..., channel]) for channel in range(image.shape[-1])], axis=-1)


def with_margin(clean: Filter, image: np.ndarray, margin: int) -> np.ndarray:
    """A filter whose own border rule is unfit: [H, W, C] is mirrored by `margin` pixels before and cut after."""
    if margin == 0:
        return clean(image)
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    return clean(padded)[margin:-margin, margin:-margin]


def wrapped(clean: Filter, image: np.ndarray, margin: int) -> np.ndarray:
    """A filter that takes [H, W, C] for periodic: in `margin` pixels more, one end fades into the other."""
    if margin == 0:
        return clean(image)
    height, width = image.shape[:2]
    for axis, side in enumerate((height, width)):
        after, before = ([(0, 0)] * 3 for _ in range(2))
        after[axis], before[axis] = (0, margin), (margin, 0)
        tail, lead = (np.pad(image, pad, mode="symmetric") for pad in (after, before))
        share = (np.arange(margin) + 1) / (margin + 1)
        share = np.expand_dims(share, [i for i in range(3) if i != axis])
        tail, lead = np.take(tail, range(side, side + margin), axis), np.take(lead, range(margin), axis)
        image = np.concatenate([image, (1 - share) * tail + share * lead], axis)
    return clean(image)[:height, :width]
