"""A hole filled with patches from elsewhere in the picture, all scales agreeing: multi-scale patch completion.

Wexler, Shechtman, Irani, "Space-Time Completion of Video", PAMI 2007, with the matches of PatchMatch (Barnes et al.
2009), the features of Newson et al., IPOL 2017, and sources that become dearer where they are used often (completeness,
Granot et al., "Drop the GAN", CVPR 2022). `ops/filling.py` is one scale of it. Colours are in levels of 255 here.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from scipy import ndimage

from dgan_jax.ops import progress
from dgan_jax.ops.filling import (
    COLOURS,
    NOWHERE,
    TEXTURES,
    Estimate,
    Filling,
    Level,
    Style,
    level_of,
    make_level,
    measured,
    shrunk,
)
from dgan_jax.ops.patchmatch import PATCH

Box = tuple[slice, slice]


def sizes(hole: np.ndarray, style: Style) -> list[tuple[int, int]]:
    """Heights and widths of the levels, from the coarsest; above `style.tile` squared each is twice the one before."""
    height, width = hole.shape
    depth = float(ndimage.distance_transform_edt(hole)[hole].mean())
    least = max(style.coarsest, min(height, width) * style.thickness / depth) / math.sqrt(style.ratio)
    found = [(height, width)]
    while min(height, width) > PATCH:
        if height * width > style.tile**2:
            height, width = height // 2, width // 2
        else:
            height, width = max(PATCH, round(height / style.ratio)), max(PATCH, round(width / style.ratio))
        # A level that is filled in pieces has a coarser one to start from.
        if min(height, width) < least and math.prod(found[-1]) <= style.tile**2:
            break
        found.append((height, width))
    return found[::-1]


def surroundings(hole: np.ndarray, style: Style) -> Box:
    """Where sources are looked for."""
    spans = [np.flatnonzero(hole.any(axis=axis)) for axis in (1, 0)]
    margin = max(style.around, *(int(span[-1] - span[0]) // 2 for span in spans))
    rows, columns = (slice(max(0, int(span[0]) - margin), int(span[-1]) + 1 + margin) for span in spans)
    return rows, columns


def pieces(size: tuple[int, int], style: Style) -> Iterator[tuple[Box, Box]]:
    """(piece, window): what is filled together, and what it is filled from. Windows begin and end at even pixels."""
    if size[0] * size[1] <= style.tile**2:
        yield (slice(0, size[0]), slice(0, size[1])), (slice(0, size[0]), slice(0, size[1]))
        return
    side = style.tile - 2 * style.margin
    span = lambda start, full: slice(start, min(start + side, full))
    wide = lambda part, full: slice(max(0, part.start - style.margin), min(full, part.stop + style.margin))
    for top in range(0, size[0], side):
        for left in range(0, size[1], side):
            rows, columns = span(top, size[0]), span(left, size[1])
            yield (rows, columns), (wide(rows, size[0]), wide(columns, size[1]))


def seen(coarse: Estimate, window: Box) -> Estimate:
    """The coarser level's part under a window of a level twice its size; rows and columns count from its corner."""
    half = tuple(slice(part.start // 2, part.stop // 2) for part in window)
    row, column = coarse.row[half], coarse.column[half]
    nowhere = row == NOWHERE
    return Estimate(
        coarse.planes[half],
        np.where(nowhere, NOWHERE, row - np.int32(half[0].start)),
        np.where(nowhere, NOWHERE, column - np.int32(half[1].start)),
    )


def main_colours(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """[C, n]: what of colours is compared, all if there are few, otherwise their principal components."""
    channels = image.shape[-1]
    if channels <= COLOURS:
        return np.eye(channels, dtype=np.float32)
    covariance = np.cov(image[~hole].T.astype(np.float64))
    return np.linalg.eigh(covariance)[1][:, -COLOURS:].astype(np.float32)


class Completion:
    """One picture and its hole, filled level by level. image: [H, W, C] float32, hole: [H, W] of bool."""

    def __init__(self, image: np.ndarray, hole: np.ndarray, seed: int, style: Style) -> None:
        self.style, self.sizes = style, sizes(hole, style)
        # Levels that are filled in pieces are exactly half of one another.
        multiple = 2 ** sum(height * width > style.tile**2 for height, width in self.sizes)
        rest = [(0, -side % multiple) for side in hole.shape]
        self.image = np.pad(image, [*rest, (0, 0)], mode="symmetric")
        self.hole = np.pad(hole, rest)
        if multiple > 1:
            self.sizes = sizes(self.hole, style)
        self.basis = main_colours(image, hole)
        self.state = np.random.default_rng(seed).integers(1, 2**32, 1, np.uint32)
        largest = max(size for size in self.sizes if size[0] * size[1] <= style.tile**2)
        self.means = self.shrunk(largest)

    def shrunk(self, size: tuple[int, int]) -> np.ndarray:
        """The means of which levels are made, at a size that divides the image's."""
        factor = self.hole.shape[0] // size[0]
        bands = [slice(top, top + 512 * factor) for top in range(0, self.hole.shape[0], 512 * factor)]
        fine = (measured(self.image[band], self.hole[band]) for band in bands)
        return np.concatenate([shrunk(part, (len(part) // factor, size[1])) for part in fine])

    def level(self, size: tuple[int, int], window: Box) -> Level:
        if size[0] * size[1] <= self.style.tile**2:
            return make_level(shrunk(self.means, size), self.style)
        factor = self.hole.shape[0] // size[0]
        box = tuple(slice(factor * part.start, factor * part.stop) for part in window)
        means = measured(self.image[box], self.hole[box])
        return make_level(shrunk(means, (means.shape[0] // factor, means.shape[1] // factor)), self.style)

    def fill(self, size: tuple[int, int], coarse: Estimate | None, rounds: int) -> Estimate | None:
        """A level, piece by piece, a finished one being known to the next; None where no source is known."""
        estimate = Estimate(
            np.zeros((*size, self.image.shape[-1] + TEXTURES), np.float32),
            np.full(size, NOWHERE, np.int32),
            np.full(size, NOWHERE, np.int32),
        )
        done, last = np.zeros(size, bool), size == self.hole.shape
        for piece, window in pieces(size, self.style):
            level = self.level(size, window)
            own = tuple(slice(p.start - w.start, p.stop - w.start) for p, w in zip(piece, window, strict=True))
            before = level.hole & done[window]
            if before.any():
                level.planes[before] = estimate.planes[window][before]
                level = level_of(level.planes, level.hole & ~before)
            under = coarse if coarse is None or piece == window else seen(coarse, window)
            if level.hole[own].any():
                if not level.allowed.any():
                    return None
                work = Filling(level, self.style, self.basis, self.state)
                if under is None:
                    work.from_the_rim()
                else:
                    work.from_coarser(under)
                work.settle(rounds)
                if last and self.style.copies:
                    work.join()
                for whole, part, corner in zip(estimate[1:], work.matches, window, strict=False):
                    whole[piece] = np.where(part[own] >= 0, part[own] + np.int32(corner.start), NOWHERE)
            estimate.planes[piece] = level.planes[own]
            done[piece] = True
            progress.tell(int(done.sum()), done.size)
        return estimate

    def run(self) -> np.ndarray | None:
        """The missing pixels [n, C], in the order of np.nonzero; None where no patch of 7x7 pixels is wholly known."""
        estimate = None
        for number, size in enumerate(self.sizes):
            large = size[0] * size[1] > self.style.tile**2
            rounds = self.style.rounds[min(number, len(self.style.rounds) - 1)]
            with progress.part(number, len(self.sizes)):
                found = self.fill(size, estimate, self.style.large_rounds if large else rounds)
            if found is not None and (found.row != NOWHERE).any():
                estimate = found
        return None if found is None else found.planes[self.hole][:, :-TEXTURES]


def complete(image: np.ndarray, hole: np.ndarray, seed: int, style: Style) -> np.ndarray | None:
    """[H, W, C] float32 in levels of 255, hole [H, W] of bool -> its missing pixels [n, C], in the order of np.nonzero.

    The same seed gives the same answer, another seed another. None where no patch of 7x7 pixels is wholly known.
    """
    box = surroundings(hole, style)
    if min(hole[box].shape) <= PATCH:
        return None
    return Completion(image[box], hole[box], seed, style).run()


Make = Callable[[np.ndarray, np.ndarray], np.ndarray | None]
"""(image [H, W, C] in levels of 255, hole [H, W]) -> the missing pixels [n, C], or None."""


def fill(make: Make, image: np.ndarray, hole: np.ndarray) -> np.ndarray | None:
    """image [H, W, C] in [-1, 1], hole [H, W] of bool -> the image filled; None where nothing could be copied.

    A hole that is nothing or everything leaves the image as it is, zero where it is missing.
    """
    filled = np.where(hole[..., None], 0.0, image).astype(np.float32)
    if hole.any() and not hole.all():
        values = make(127.5 * filled + 127.5, hole)
        if values is None:
            return None
        filled[hole] = np.clip(values / 127.5 - 1.0, -1.0, 1.0)
    return filled
