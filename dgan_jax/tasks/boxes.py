"""Holes with straight sides: boxes, halves, borders, lines and grids. Samplers as in `strokes.py`."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.tasks.strokes import between, scale, uniforms


def inside(start: jax.Array, length: jax.Array, size: int) -> jax.Array:
    """Which of `size` pixels lie in [start, start + length); start, length: [K] -> [K, size]."""
    pixel = jnp.arange(size)
    return (pixel >= start[:, None]) & (pixel < (start + length)[:, None])


def boxes(top: jax.Array, left: jax.Array, tall: jax.Array, wide: jax.Array, height: int, width: int) -> jax.Array:
    """The union of K boxes; a box of no height is no box. All arguments: [K] -> [H, W, 1]."""
    rows, columns = inside(top, tall, height), inside(left, wide, width)
    # A product of matrices: XLA:CPU would draw all K boxes again for each use of a pixel.
    count = rows.astype(jnp.float32).T @ columns.astype(jnp.float32)
    return (count > 0)[..., None].astype(jnp.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Centre:
    """One box in the middle with `share` of each side; `inverted` keeps the box and takes the rest."""

    share: float = 0.5
    inverted: bool = False

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        del key
        hole = np.zeros((height, width, 1), np.float32)
        tall, wide = (max(1, round(self.share * size)) for size in (height, width))
        top, left = (height - tall) // 2, (width - wide) // 2
        hole[top : top + tall, left : left + wide] = 1.0
        return jnp.asarray(1.0 - hole if self.inverted else hole)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Box:
    """A square of `side` pixels anywhere but the `margin`, cut by up to `delta` pixels per axis.

    DeepFill takes the cut from both ends alike, Palette (`one_sided`) from the top and the left only.
    """

    side: int = 128
    delta: int = 32
    margin: int = 0
    one_sided: bool = False
    base: int = 256
    absolute: bool = False

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        factor = scale(height, width, self.base, self.absolute)
        size, (start_u, cut_u) = np.asarray([height, width]), uniforms(key, (2,), (2,))
        margin, side = round(factor * self.margin), np.minimum(round(factor * self.side), size)
        # The upper limit is exclusive: the last position is never drawn, as published.
        start = between(start_u, margin, np.maximum(size - side - margin - 1, margin))
        cut = between(cut_u, 0, round(factor * self.delta) // 2)
        start, side = start + cut, jnp.maximum(side - (1 if self.one_sided else 2) * cut, 1)
        return boxes(start[:1], start[1:], side[:1], side[1:], height, width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boxes:
    """LaMa's boxes: `count` of them with sides in `side` (both inclusive), `margin` pixels away from the border."""

    count: tuple[int, int]
    side: tuple[int, int]
    margin: int = 0
    base: int = 256
    absolute: bool = False

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        factor = scale(height, width, self.base, self.absolute)
        size, shape = np.asarray([height, width]), (self.count[1], 2)
        count_u, side_u, start_u = uniforms(key, (), shape, shape)
        margin, low, high = (round(factor * value) for value in (self.margin, *self.side))
        # The limit is exclusive in the original, and common to both sides.
        high = min(high + 1, int(size.min()) - 2 * margin)
        low = max(1, min(low, high - 1))
        side = between(side_u, low, max(high - 1, low))
        start = between(start_u, margin, jnp.maximum(size - margin - side, margin))
        drawn = jnp.arange(shape[0]) < between(count_u, *self.count)
        side = jnp.where(drawn[:, None], side, 0)
        return boxes(start[:, 0], start[:, 1], side[:, 0], side[:, 1], height, width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scattered:
    """MAT's boxes: `count` of them (inclusive), sides below `share` of the image's, up to one half outside of it."""

    count: tuple[int, int]
    share: float

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        if not self.count[1]:
            return jnp.zeros((height, width, 1))
        size, shape = np.asarray([height, width]), (self.count[1], 2)
        count_u, side_u, start_u = uniforms(key, (), shape, shape)
        side = between(side_u, 0, np.maximum((size * self.share).astype(int), 1) - 1)
        start = between(start_u, -(side // 2), size - side + side // 2 - 1)
        drawn = jnp.arange(shape[0]) < between(count_u, *self.count)
        side = jnp.where(drawn[:, None], side, 0)
        return boxes(start[:, 0], start[:, 1], side[:, 0], side[:, 1], height, width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rectangle:
    """LaMa's "dumb" hole: one rectangle, the share of each side uniform between the roots of two areas."""

    area: tuple[float, float] = (0.1, 0.35)

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        size, (side_u, start_u) = np.asarray([height, width]), uniforms(key, (2,), (2,))
        low, high = (np.maximum((size * np.sqrt(area)).astype(int), 1) for area in self.area)
        side = between(side_u, low, np.maximum(high - 1, low))
        start = between(start_u, 0, jnp.maximum(size - side - 2, 0))
        return boxes(start[:1], start[1:], side[:1], side[1:], height, width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Half:
    """Half of the image on `side` (left, right, top, bottom), or on a side drawn at random (any)."""

    side: str = "any"

    def __post_init__(self) -> None:
        if self.side not in ("any", "left", "right", "top", "bottom"):
            raise ValueError(f"a half's side must be any, left, right, top or bottom, got {self.side!r}")

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        row, column = jnp.arange(height)[:, None], jnp.arange(width)[None]
        grid = jnp.zeros((height, width), bool)
        top, left = grid | (row < height // 2), grid | (column < width // 2)
        sides = {"left": left, "right": ~left, "top": top, "bottom": ~top}
        if self.side != "any":
            return sides[self.side][..., None].astype(jnp.float32)
        return jnp.stack(list(sides.values()))[between(jax.random.uniform(key), 0, 3)][..., None].astype(jnp.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Border:
    """LaMa's outpainting: each side with probability one half, at least one, by a uniform `share` of the size."""

    share: tuple[float, float] = (0.04, 0.25)

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        chosen_u, one_u, share_u = uniforms(key, (4,), (), (4,))
        chosen, one = chosen_u < 0.5, jnp.arange(4) == between(one_u, 0, 3)
        share = self.share[0] + (self.share[1] - self.share[0]) * share_u
        share = jnp.where(jnp.where(jnp.any(chosen), chosen, one), share, 0.0)
        depth = jnp.floor(share * np.asarray([height, height, width, width])).astype(int)
        row, column = jnp.arange(height)[:, None], jnp.arange(width)[None]
        hole = (row < depth[0]) | (row >= height - depth[1]) | (column < depth[2]) | (column >= width - depth[3])
        return hole[..., None].astype(jnp.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Every:
    """Rows and columns at fixed steps: every `rows`-th row or `columns`-th column is known, 1 knows them all.

    (2, 2) is nearest-neighbour reduction by two, (2, 1) alternating lines.
    """

    rows: int = 2
    columns: int = 2

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        del key
        known = (np.arange(height)[:, None] % self.rows == 0) & (np.arange(width)[None] % self.columns == 0)
        return jnp.asarray(~known[..., None], jnp.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """LaMa's super-resolution grid: bands of rows and of columns are missing, with steps and widths at random."""

    step: tuple[int, int] = (2, 4)
    width: tuple[int, int] = (1, 3)

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        step_u, band_u, offset_u = uniforms(key, (2,), (2,), (2,))
        step = between(step_u, *self.step)
        band, offset = (
            between(band_u, self.width[0], jnp.minimum(step - 1, self.width[1])),
            between(offset_u, 0, step - 1),
        )
        # As published, a band begins at the offset: what lies before the first one stays known.
        row, column = jnp.arange(height) - offset[0], jnp.arange(width) - offset[1]
        row, column = (row >= 0) & (row % step[0] < band[0]), (column >= 0) & (column % step[1] < band[1])
        return (row[:, None] | column[None])[..., None].astype(jnp.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pixels:
    """Single pixels, each missing with probability `share`."""

    share: float = 0.5

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        return jax.random.bernoulli(key, self.share, (height, width, 1)).astype(jnp.float32)
