"""Holes drawn with a pen: walks of thick segments as in LaMa, brushes of turning polylines as in DeepFill v2.

A sampler is `(key, height, width) -> hole [H, W, 1]` float32, 1 = missing, with static sizes; it runs under `jit` and
`vmap`. Every sampler draws its largest possible number of strokes and leaves the surplus without ink.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

Sampler = Callable[[jax.Array, int, int], jax.Array]


def scale(height: int, width: int, base: int, absolute: bool) -> float:
    """What a length in pixels is multiplied by: published lengths are for images of `base` pixels."""
    return 1.0 if absolute else min(height, width) / base


def rasterise(ends: jax.Array, radii: jax.Array, height: int, width: int) -> jax.Array:
    """Segments with round ends. ends: [S, 4] as (x0, y0, x1, y1), radii: [S], negative for no ink -> [H, W, 1]."""
    x, y = jnp.arange(width, dtype=jnp.float32)[None], jnp.arange(height, dtype=jnp.float32)[:, None]

    def draw(hole: jax.Array, segment: tuple) -> tuple[jax.Array, None]:
        (x0, y0, x1, y1), radius = segment
        dx, dy = x1 - x0, y1 - y0
        along = ((x - x0) * dx + (y - y0) * dy) / jnp.maximum(dx * dx + dy * dy, 1e-6)
        along = jnp.clip(along, 0.0, 1.0)
        distance2 = jnp.square(x - x0 - along * dx) + jnp.square(y - y0 - along * dy)
        return hole | (distance2 <= jnp.where(radius < 0, -1.0, radius * radius)), None

    # One segment after the other: a hole of 255 segments never exists 255 times in memory.
    empty = jnp.zeros((height, width), bool)
    hole = jax.lax.scan(draw, empty, (ends, radii), unroll=min(4, max(1, radii.shape[0])))[0]
    return hole[..., None].astype(jnp.float32)


def walk(start: jax.Array, moves: jax.Array, height: int, width: int, *, leaves: bool = False) -> jax.Array:
    """Pens that stop at the border, unless one `leaves` it. start: [N, 2] as (x, y), moves: [J, N, 2] -> ends of the segments [J, N, 4]."""
    low, high = (-jnp.inf, jnp.inf) if leaves else (0.0, jnp.asarray([width, height], jnp.float32))

    def go(position: jax.Array, move: jax.Array) -> tuple[jax.Array, jax.Array]:
        after = jnp.clip(jnp.floor(position + move), low, high)
        return after, jnp.concatenate([position, after], -1)

    return jax.lax.scan(go, start, moves)[1]


def starts(key: jax.Array, count: int, height: int, width: int) -> jax.Array:
    """[count, 2]: pixels anywhere, as (x, y)."""
    return jnp.floor(jax.random.uniform(key, (count, 2)) * jnp.asarray([width, height]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Walks:
    """LaMa's irregular holes: strokes of 1 to 5 thick segments in four directions, mirrored on every other stroke.

    Ranges are inclusive. A walk stops at the border or, in Palette's version, `leaves` the image. `base` is the image
    size that lengths and widths are meant for.
    """

    strokes: tuple[int, int]
    length: tuple[int, int]
    thickness: tuple[int, int]
    segments: tuple[int, int] = (1, 5)
    leaves: bool = False
    base: int = 256
    absolute: bool = False

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        factor = scale(height, width, self.base, self.absolute)
        strokes, segments = self.strokes[1], self.segments[1]
        shape, keys = (segments, strokes), jax.random.split(key, 6)
        stroke, segment = jnp.arange(strokes), jnp.arange(segments)[:, None]
        inked = stroke < jax.random.randint(keys[0], (), self.strokes[0], strokes + 1)
        inked = inked & (segment < jax.random.randint(keys[1], (strokes,), self.segments[0], segments + 1))
        angle = 0.01 + jax.random.randint(keys[2], shape, 0, 4)
        angle = jnp.where(stroke % 2 == 0, 2 * np.pi - angle, angle)
        length = factor * jax.random.randint(keys[3], shape, self.length[0], self.length[1] + 1)
        moves = length[..., None] * jnp.stack([jnp.sin(angle), jnp.cos(angle)], -1)
        ends = walk(starts(keys[4], strokes, height, width), moves, height, width, leaves=self.leaves)
        pen = jax.random.randint(keys[5], shape, self.thickness[0], self.thickness[1] + 1)
        # OpenCV's thick line of w pixels is wider than w: this radius has its area within 2 %.
        radii = jnp.where(inked, factor * ((pen + 1) // 2 + 0.3), -1.0)
        return rasterise(ends.reshape(-1, 4), radii.reshape(-1), height, width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Brush:
    """DeepFill v2's brush: polylines whose turns alternate, with steps relative to the image's diagonal.

    The published code draws random flips and discards their result, so that its strokes lean to one corner; with
    `flips` they are applied, without it holes are distributed as published. Ranges are inclusive.
    """

    strokes: tuple[int, int] = (1, 3)
    vertices: tuple[int, int] = (4, 11)
    thickness: tuple[int, int] = (12, 39)
    flips: bool = True
    base: int = 256
    absolute: bool = False

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        factor = scale(height, width, self.base, self.absolute)
        strokes, vertices = self.strokes[1], self.vertices[1]
        if not strokes:
            return jnp.zeros((height, width, 1))
        shape, keys = (vertices, strokes), jax.random.split(key, 8)
        vertex = jnp.arange(vertices)[:, None]
        inked = jnp.arange(strokes) < jax.random.randint(keys[0], (), self.strokes[0], strokes + 1)
        inked = inked & (vertex < jax.random.randint(keys[1], (strokes,), self.vertices[0], vertices + 1))
        spread = jax.random.uniform(keys[2], (2, strokes), maxval=2 * np.pi / 15) * jnp.asarray([[-1.0], [1.0]])
        low, high = 2 * np.pi / 5 + spread
        angle = low + (high - low) * jax.random.uniform(keys[3], shape)
        angle = jnp.where(vertex % 2 == 0, 2 * np.pi - angle, angle)
        mean = np.hypot(height, width) / 8
        # The deviation is the *integer* half of the mean, as published.
        length = jnp.clip(mean + (mean // 2) * jax.random.normal(keys[4], shape), 0.0, 2 * mean)
        moves = length[..., None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
        ends = walk(starts(keys[5], strokes, height, width), moves, height, width)
        pen = jax.random.randint(keys[6], (strokes,), self.thickness[0], self.thickness[1] + 1)
        # Pillow's line of w pixels with discs at its vertices.
        radii = jnp.where(inked, factor * (pen // 2 + 0.3), -1.0)
        hole = rasterise(ends.reshape(-1, 4), radii.reshape(-1), height, width)
        return flip(keys[7], hole) if self.flips else hole


def flip(key: jax.Array, hole: jax.Array) -> jax.Array:
    """Mirrored left to right, and top to bottom, each with probability one half."""
    across, down = jax.random.bernoulli(key, shape=(2,))
    hole = jnp.where(across, hole[:, ::-1], hole)
    return jnp.where(down, hole[::-1], hole)
