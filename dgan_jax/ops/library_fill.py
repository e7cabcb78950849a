"""Fills of a hole by functions of NumPy libraries, one image at a time on the host."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import ndimage, spatial
from scipy.interpolate import LinearNDInterpolator

from dgan_jax.ops import progress

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(image [H, W, C] in [0, 1] with zeros in the hole, hole [H, W] of bool, neither all nor nothing) -> [H, W, C]."""


CELL = 32
"""Side of the cells in which it is seen what lies near what."""


def per_image(
    fill: Fill, image: np.ndarray, hole: np.ndarray, *, reach: int | None = None, ranged: bool = False
) -> np.ndarray:
    """image: [B, H, W, C] in [-1, 1], hole: [B, H, W, 1] -> [B, H, W, C] float32, known pixels bit for bit.

    reach: how many pixels away from a missing one the fill looks; holes that are farther apart are then filled one
    after the other, and what lies far from all of them costs nothing. None: at all of the image. ranged: the fill cuts
    its values to the range of what is known in all of the image.
    """
    result, hole = np.array(image, np.float32), np.asarray(hole)[..., 0] > 0
    for one, missing in zip(result, hole, strict=True):
        # Libraries stumble over a hole that is nothing or everything; there is nothing to compute then.
        if missing.all():
            one[:] = 0
            continue
        places = list(regions(missing, reach))
        for i, (place, own) in enumerate(places):
            known = one[place].astype(np.float64)
            known *= 0.5
            known += 0.5
            known[missing[place]] = 0
            if ranged and reach is not None and known.shape != one.shape:
                spread(known, missing[place], reach, 0.5 * one[~missing] + 0.5)
            with progress.part(i, len(places)):
                one[place][own] = 2.0 * fill(known, missing[place])[own] - 1.0
                progress.tell(1, 1)
    return result


def spread(part: np.ndarray, missing: np.ndarray, reach: int, known: np.ndarray) -> None:
    """Give a part of an image [h, w, C] the range of all that is `known` [N, C] of it, in place: by two pixels that are
    farther than `reach` from all that is `missing` [h, w] in the part, and so change nothing else of its fill."""
    far = np.argwhere(ndimage.distance_transform_edt(~missing) > reach)
    for (row, column), value in zip(far[:2], (known.min(axis=0), known.max(axis=0)), strict=False):
        part[row, column] = value


def regions(missing: np.ndarray, reach: int | None) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Rectangles of an image [H, W] and what of each is to be filled [h, w] of bool, so that every missing pixel is
    filled once, with all that is nearer than `reach` to it in view."""
    if not missing.any():
        return
    whole = (slice(0, missing.shape[0]), slice(0, missing.shape[1]))
    if reach is None:
        yield whole, missing
        return
    height, width = (-(-side // CELL) for side in missing.shape)
    grown = np.pad(missing, [(0, n * CELL - side) for n, side in zip((height, width), missing.shape, strict=True)])
    cells = grown.reshape(height, CELL, width, CELL).any(axis=(1, 3))
    near = ndimage.binary_dilation(cells, np.ones((3, 3)), iterations=-(-reach // CELL))
    labels, _ = ndimage.label(near, np.ones((3, 3)))
    boxes = ndimage.find_objects(labels)
    if sum((rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in boxes) > near.size:
        yield whole, missing
        return
    for i, (rows, columns) in enumerate(boxes):
        place = slice(rows.start * CELL, rows.stop * CELL), slice(columns.start * CELL, columns.stop * CELL)
        here = missing[place]
        mine = (labels[rows, columns] == i + 1).repeat(CELL, 0).repeat(CELL, 1)
        yield place, here & mine[: here.shape[0], : here.shape[1]]


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
