"""A hole filled with patches from elsewhere in the picture, all scales agreeing: multi-scale patch completion.

Wexler, Shechtman, Irani, "Space-Time Completion of Video", PAMI 2007: patches are matched and pixels voted in turns,
from coarse to fine. Matches by PatchMatch (Barnes et al. 2009); texture beside colour, and the coarsest level filled
from the rim inwards, as in Newson, Almansa, Gousseau, Perez, "Non-Local Patch-Based Image Inpainting", IPOL 2017;
sources that are used often become dearer (completeness, Granot et al. 2022). Colours are in levels of 255 here.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable

import cv2
import numpy as np
from scipy import ndimage

from dgan_jax.ops import patchmatch, seamless
from dgan_jax.ops.patch_votes import colour_shifts, vote
from dgan_jax.ops.patchmatch import HALF, PATCH, PLANES, Prices

TEXTURES = 2
COLOURS = PLANES - TEXTURES - 2
"""Planes left for colours, where textures and slopes have theirs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style:
    """How a completion is made; the defaults are of the realistic one."""

    coarsest: int = 64
    """The smaller side is not halved below so many pixels."""
    thickness: float = 3.0
    """At the coarsest level a missing pixel is about so far from the rim, on average: thin holes begin finer."""
    ratio: float = math.sqrt(2.0)
    rounds: tuple[int, ...] = (12, 10, 8, 8, 6, 5)
    """Of matching and voting, from the coarsest level; the last stands for all that are finer."""
    sweeps: int = 4
    """Of PatchMatch, a round."""
    texture: float = 4.0
    slope: float = 2.0
    """What differences in texture and in luminance's gradient weigh, before squaring, beside those in colour."""
    window: int = 9
    """Texture is the mean absolute gradient in a window of so many pixels."""
    inside: float = 0.3
    fall: float = 1.5
    """A missing pixel weighs `inside` exp(-depth / fall) where a known one weighs 1."""
    unseen: float = 0.1
    """And so much of that before it was filled for the first time."""
    reuse: float = 0.3
    upright: float = 0.13
    """Prices: see `patchmatch.Prices`."""
    quantile: float = 0.75
    shift: float = 10.0
    """A patch may be so much brighter or darker than its source, in levels of 255."""
    copies: int = 2
    """Last rounds of a level in which the best patch alone is copied (0: votes to the end, and no blending)."""
    screen: float = 0.05
    """How firmly blending holds on to the copied colours."""


@dataclasses.dataclass(frozen=True)
class Level:
    """One scale. planes: [h, w, C + 2] float32: colours in levels of 255, then mean absolute slopes down and right."""

    planes: np.ndarray
    hole: np.ndarray
    depth: np.ndarray  # of missing pixels, their distance from the rim
    allowed: np.ndarray  # centres of patches that lack nothing
    targets: tuple[np.ndarray, np.ndarray]  # centres of the others
    missing: tuple[np.ndarray, np.ndarray]


def slopes(image: np.ndarray) -> np.ndarray:
    """[h, w, C] -> [h, w, 2]: luminance's differences to the next pixel down and right, zero at the end."""
    grey = image.mean(axis=-1)
    down, right = np.zeros((2, *grey.shape), np.float32)
    down[:-1], right[:, :-1] = np.diff(grey, axis=0), np.diff(grey, axis=1)
    return np.stack([down, right], axis=-1)


def shrunk(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Means over the areas of larger pixels; [h, w] or [h, w, C]."""
    if image.shape[:2] == size:
        return image
    small = cv2.resize(np.ascontiguousarray(image, np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    return small.reshape(*size, *image.shape[2:])


def make_level(image: np.ndarray, hole: np.ndarray, size: tuple[int, int], style: Style) -> Level:
    """image: [H, W, C] float32; a coarse pixel is missing if more than half of what it stands for is."""
    known = (~hole).astype(np.float32)
    sloped = known.copy()
    sloped[:-1] *= known[1:]
    sloped[:, :-1] *= known[:, 1:]
    rough = np.abs(slopes(image)) * sloped[..., None]
    share, rough_share = shrunk(known, size), shrunk(sloped, size)
    box = lambda x: cv2.blur(x, (style.window, style.window), borderType=cv2.BORDER_REFLECT_101)
    texture = box(shrunk(rough, size)) / np.maximum(box(rough_share), 1e-6)[..., None]
    colours = shrunk(image * known[..., None], size) / np.maximum(share, 1e-6)[..., None]
    missing = share < 0.5
    lacking = cv2.dilate(missing.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8)) > 0
    inner = np.zeros(size, bool)
    inner[HALF : size[0] - HALF, HALF : size[1] - HALF] = True
    return Level(
        np.concatenate([colours, texture], axis=-1).astype(np.float32),
        missing,
        ndimage.distance_transform_edt(missing).astype(np.float32),
        inner & ~lacking,
        places(inner & lacking),
        places(missing),
    )


def places(where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Like np.nonzero, each array in one piece, so that no kernel is compiled for strides as well."""
    rows, columns = (np.ascontiguousarray(part) for part in np.nonzero(where))
    return rows, columns


class Filling:
    """A level at work: its planes are written in the hole, and compared as `features`."""

    def __init__(self, level: Level, style: Style, basis: np.ndarray, state: np.ndarray) -> None:
        self.level, self.style, self.basis, self.state = level, style, basis, state
        self.colours = level.planes.shape[-1] - TEXTURES
        self.matches = patchmatch.none(*level.hole.shape)
        self.prices = Prices(float(style.reuse), float(style.upright))
        self.weight = np.where(level.hole, style.inside * np.exp(-level.depth / style.fall), 1.0).astype(np.float32)
        self.features = np.zeros((*level.hole.shape, PLANES), np.float32)
        self.source = np.zeros((level.missing[0].size, 2), np.int32)
        self.compare()

    def compare(self) -> None:
        """Features anew from the planes."""
        colours, texture = np.split(self.level.planes, [self.colours], axis=-1)
        count = self.basis.shape[1]
        self.features[..., :count] = colours @ self.basis
        self.features[..., COLOURS : COLOURS + TEXTURES] = self.style.texture * texture
        self.features[..., COLOURS + TEXTURES :] = self.style.slope * slopes(colours)

    def match(self, targets: tuple[np.ndarray, np.ndarray], sweeps: int, *, anywhere: bool = True) -> None:
        height, width = self.level.hole.shape
        flat = self.features.reshape(height, width * PLANES)
        reach = max(height, width) if anywhere else 0
        patchmatch.search(
            flat, self.weight, *targets, self.level.allowed, self.matches, self.prices, self.state, sweeps, reach
        )

    def vote(self, among: np.ndarray | None = None, *, alone: bool = False) -> None:
        """The missing pixels, or those `among` them [n] of bool, are written."""
        planes, style = self.level.planes, self.style
        voted = self.level.missing if among is None else tuple(part[among] for part in self.level.missing)
        shift = np.zeros((*self.level.hole.shape, self.colours), np.float32)
        if style.shift > 0:
            matched = places(self.matches.row >= 0)
            colour_shifts(planes, self.weight, *matched, self.matches, np.float32(style.shift), shift)
        trust = cv2.blur(self.weight, (PATCH, PATCH))
        values, source = planes[voted], np.empty((voted[0].size, 2), np.int32)
        vote(planes, *voted, self.matches, trust, shift, np.float32(style.quantile), alone, values, source)
        planes[voted] = values
        self.source[slice(None) if among is None else among] = source
        self.compare()

    def from_the_rim(self) -> None:
        """The first filling of a level that no coarser one tells about, a pixel's breadth at a time."""
        level, style = self.level, self.style
        smooth(level.planes, level.hole)
        self.compare()
        weight, target_depth, depth = self.weight, level.depth[level.targets], level.depth[level.missing]
        for front in range(math.ceil(level.depth.max()) + 1):
            self.weight = np.where(level.depth > front, style.unseen * weight, weight).astype(np.float32)
            now = (target_depth <= front) & (target_depth > front - 1)
            self.match((level.targets[0][now], level.targets[1][now]), 2 * style.sweeps)
            self.vote(depth <= front + 1)
        self.weight = weight

    def from_coarser(self, coarse: "Filling") -> None:
        """Planes enlarged and matches carried over, then voted, so that details come from this level."""
        level, size = self.level, self.level.hole.shape
        larger = cv2.resize(coarse.level.planes, size[::-1], interpolation=cv2.INTER_LINEAR)
        level.planes[level.hole] = larger[level.hole]
        self.compare()
        nearest = lambda where: ndimage.distance_transform_edt(~where, return_distances=False, return_indices=True)
        ratios = [fine / small for fine, small in zip(size, coarse.level.hole.shape, strict=True)]
        under = tuple(
            np.minimum(((here + 0.5) / ratio).astype(int), side - 1)
            for here, ratio, side in zip(level.targets, ratios, coarse.level.hole.shape, strict=True)
        )
        # Where the coarse level has no match, at the rim and the border, the nearest one is as good.
        under = nearest(coarse.matches.row >= 0)[:, under[0], under[1]]
        sources = (coarse.matches.row[tuple(under)], coarse.matches.column[tuple(under)])
        moved = [
            np.clip(here + np.rint((there - place) * ratio).astype(int), 0, side - 1)
            for here, there, place, ratio, side in zip(level.targets, sources, under, ratios, size, strict=True)
        ]
        row, column = nearest(level.allowed)[:, moved[0], moved[1]]
        self.matches.row[level.targets], self.matches.column[level.targets] = row, column
        np.add.at(self.matches.uses, (row, column), 1.0)
        self.match(level.targets, 1, anywhere=False)
        self.vote()

    def settle(self, rounds: int) -> None:
        for left in reversed(range(rounds)):
            self.match(self.level.targets, self.style.sweeps)
            self.vote(alone=left < self.style.copies)


def smooth(planes: np.ndarray, hole: np.ndarray) -> None:
    """Missing pixels like the nearest known one, then less and less blurred; in place."""
    near = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    planes[hole] = planes[near[0], near[1]][hole]
    for sigma in (16, 8, 4, 2, 1):
        planes[hole] = cv2.GaussianBlur(planes, (0, 0), sigma).reshape(planes.shape)[hole]


def sizes(hole: np.ndarray, style: Style) -> list[tuple[int, int]]:
    """Heights and widths of the levels, from the coarsest."""
    height, width = hole.shape
    depth = float(ndimage.distance_transform_edt(hole)[hole].mean())
    shrink = min(min(height, width) / style.coarsest, depth / style.thickness)
    count = max(0, round(math.log(max(shrink, 1.0), style.ratio)))
    scaled = lambda side, level: max(PATCH, round(side / style.ratio**level))
    return [(scaled(height, level), scaled(width, level)) for level in reversed(range(count + 1))]


def main_colours(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """[C, n]: what of colours is compared, all if there are few, otherwise their principal components."""
    channels = image.shape[-1]
    if channels <= COLOURS:
        return np.eye(channels, dtype=np.float32)
    covariance = np.cov(image[~hole].T.astype(np.float64))
    return np.linalg.eigh(covariance)[1][:, -COLOURS:].astype(np.float32)


def complete(image: np.ndarray, hole: np.ndarray, seed: int, style: Style) -> np.ndarray | None:
    """[H, W, C] float32 in levels of 255, hole [H, W] of bool -> its missing pixels [n, C], in the order of np.nonzero.

    The same seed gives the same answer, another seed another. None where no patch of 7x7 pixels is wholly known.
    """
    basis, state = main_colours(image, hole), np.random.default_rng(seed).integers(1, 2**32, 1, np.uint32)
    coarse, fine = None, None
    for number, size in enumerate(sizes(hole, style)):
        level = make_level(image, hole, size, style)
        if not level.allowed.any():
            continue
        fine = Filling(level, style, basis, state)
        if level.missing[0].size:
            if coarse is None:
                fine.from_the_rim()
            else:
                fine.from_coarser(coarse)
            fine.settle(style.rounds[min(number, len(style.rounds) - 1)])
            coarse = fine
    if fine is None or fine.level.hole.shape != hole.shape:
        return None
    if style.copies:
        return seamless.blend(fine.level.planes[..., :-TEXTURES], hole, fine.source, screen=style.screen)
    return fine.level.planes[hole][:, :-TEXTURES]


SOFT = Style(reuse=0.0, copies=0)
"""Votes to the end, sources for nothing: blurred where nothing is certain."""


def least_error(
    image: np.ndarray, hole: np.ndarray, seed: int, *, runs: int, mapped: Callable[..., Iterable] = map
) -> np.ndarray | None:
    """The mean of `runs` soft completions, as `complete` returns one. mapped: like map, perhaps in several threads."""
    made = list(mapped(lambda n: complete(image, hole, seed + n, SOFT), range(runs)))
    return None if made[0] is None else np.mean(made, axis=0)
