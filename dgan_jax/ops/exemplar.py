"""Exemplar-based filling: whole patches are copied into the hole, most certain and most structured places first.

Criminisi, Perez, Toyama, "Region Filling and Object Removal by Exemplar-Based Image Inpainting", IEEE TIP 13(9), 2004.
NumPy and OpenCV on the host: each step depends on the one before.
"""

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dgan_jax.ops import progress

OUTSIDE = np.inf


def slopes(values: np.ndarray) -> list[np.ndarray]:
    """The slopes of [H, W] down and to the right; across a single row or column there is none."""
    return [np.gradient(values, axis=axis) if values.shape[axis] > 1 else np.zeros_like(values) for axis in (0, 1)]


def around(centre: np.ndarray, reach: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The window of `reach` pixels around a pixel, cut off at the image's border."""
    low, high = np.maximum(centre - reach, 0), np.minimum(centre + reach + 1, shape[:2])
    return slice(low[0], high[0]), slice(low[1], high[1])


def largest_patch(hole: np.ndarray, patch: int) -> int:
    """The greatest odd side up to `patch` of which a square without any missing pixel exists."""
    while patch > 1 and not sources(hole, patch).any():
        patch -= 2
    return patch


def sources(hole: np.ndarray, patch: int) -> np.ndarray:
    """[H, W] of bool: centres of patches that lie in the image and lack nothing."""
    bad = np.pad(hole, patch // 2, constant_values=True).astype(np.uint8)
    spread = cv2.dilate(bad, np.ones((patch, patch), np.uint8))
    reach = patch // 2
    return spread[reach : reach + hole.shape[0], reach : reach + hole.shape[1]] == 0


def compared(image: np.ndarray) -> np.ndarray:
    """What patches are compared in: Lab, where equal distances look alike, or the channels as they are."""
    image = np.ascontiguousarray(image, np.float32)
    return cv2.cvtColor(image, cv2.COLOR_RGB2Lab) if image.shape[-1] == 3 else 100.0 * image


def priorities(grey: np.ndarray, hole: np.ndarray, trust: np.ndarray, patch: int) -> np.ndarray:
    """[H, W]: confidence x data term on the hole's rim, -1 elsewhere. grey, trust: [H, W]; trust is 0 in the hole."""
    missing = hole.astype(np.uint8)
    rim = hole & (cv2.erode(missing, np.ones((3, 3), np.uint8), borderValue=1) == 0)
    mean = cv2.boxFilter(trust, -1, (patch, patch), borderType=cv2.BORDER_CONSTANT)
    # A slope counts only where all four neighbours that make it are known.
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    usable = cv2.dilate(missing, cross) == 0
    down, right = slopes(grey)
    half = patch // 2
    size = np.pad(np.where(usable, down * down + right * right, -1.0), half, constant_values=-1.0)
    side_down, side_right = slopes(cv2.GaussianBlur(missing.astype(np.float64), (0, 0), 1.0))
    places = np.nonzero(rim)
    steepest = np.argmax(sliding_window_view(size, (patch, patch))[places].reshape(-1, patch**2), axis=1)
    # Where no slope is usable in the whole window the place may lie outside, and its slope is not used.
    row = np.clip(places[0] + steepest // patch - half, 0, hole.shape[0] - 1)
    column = np.clip(places[1] + steepest % patch - half, 0, hole.shape[1] - 1)
    normal = np.hypot(side_down[places], side_right[places])
    flow = np.abs(down[row, column] * side_right[places] - right[row, column] * side_down[places])
    data = np.where(usable[row, column], flow / np.maximum(normal, 1e-12), 0.0)
    result = np.full(hole.shape, -1.0)
    # Flat surroundings have no structure anywhere; confidence must then still decide.
    result[places] = mean[places] * (data + 1e-3)
    return result


def best(
    target: np.ndarray, known: np.ndarray, field: np.ndarray, allowed: np.ndarray, corner: np.ndarray
) -> np.ndarray:
    """The upper left corner of the patch of `field` [h, w, C] nearest to `target` [p, q, C] where it is known.

    allowed: [h - p + 1, w - q + 1], by upper left corners. corner: the target's own, which decides between equals.
    """
    weight = np.repeat(known.astype(np.float32)[..., None], target.shape[-1], axis=-1)
    apart = cv2.matchTemplate(field, target, cv2.TM_SQDIFF, mask=weight)
    apart = np.where(allowed, np.maximum(apart, 0.0), OUTSIDE)
    rows, columns = np.nonzero(apart <= apart.min())
    nearest = np.argmin((rows - corner[0]) ** 2 + (columns - corner[1]) ** 2)
    return np.array((rows[nearest], columns[nearest]))


def fill(image: np.ndarray, hole: np.ndarray, *, patch: int = 9, reach: int = 50) -> np.ndarray:
    """[H, W, C] in [0, 1], hole [H, W] of bool -> filled. Patches come from at most `reach` pixels away, if one does.

    The side of a patch is reduced where no whole one of this size is known.
    """
    patch = largest_patch(hole, patch)
    half = patch // 2
    image, hole, whole = image.copy(), hole.copy(), sources(hole, patch)
    field, trust = compared(image), np.where(hole, 0.0, 1.0)
    priority = priorities(field[..., 0].astype(np.float64), hole, trust, patch)
    left = of = int(hole.sum())
    while left:
        progress.tell(of - left, of)
        centre = np.array(np.unravel_index(np.argmax(priority), hole.shape))
        window = around(centre, half, hole.shape)
        missing = hole[window].copy()
        left -= int(missing.sum())
        certainty = trust[window].sum() / patch**2
        taken = source(field, hole, whole, centre, half, reach)
        for array in (image, field):
            array[window][missing] = array[taken][missing]
        hole[window], trust[window] = False, np.where(missing, certainty, trust[window])
        # Priorities look at a patch and at slopes just beyond it: farther away nothing has changed.
        inner, outer = (around(centre, 2 * half + n, hole.shape) for n in (6, 6 + patch))
        fresh = priorities(field[outer][..., 0].astype(np.float64), hole[outer], trust[outer], patch)
        place = tuple(slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True))
        priority[inner] = fresh[place]
    return image


def source(
    field: np.ndarray, hole: np.ndarray, whole: np.ndarray, centre: np.ndarray, half: int, reach: int
) -> tuple[slice, slice]:
    """The window to copy from, of the shape of the one around `centre`."""
    window = around(centre, half, hole.shape)
    shape = np.array([part.stop - part.start for part in window])
    before = centre - [part.start for part in window]
    near = around(centre, reach, hole.shape)
    if not whole[near].any():
        near = around(centre, max(hole.shape), hole.shape)
    # The search field must hold the whole patches around the centres in it.
    area = tuple(
        slice(max(0, part.start - half), min(side, part.stop + half))
        for part, side in zip(near, hole.shape, strict=True)
    )
    origin = np.array([part.start for part in area])
    allowed = np.zeros(hole.shape, bool)
    allowed[near] = whole[near]
    corners = np.argwhere(allowed[area]) - before
    fits = np.zeros(np.array(allowed[area].shape) - shape + 1, bool)
    fits[tuple(corners.T)] = True
    corner = origin + best(field[window], ~hole[window], field[area], fits, centre - before - origin)
    return slice(corner[0], corner[0] + shape[0]), slice(corner[1], corner[1] + shape[1])
