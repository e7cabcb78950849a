"""Holes drawn with a pen: walks of thick segments as in LaMa, brushes of turning polylines as in DeepFill v2.

A sampler is `(key, height, width) -> hole [H, W, 1]` float32, 1 = missing, with static sizes; it runs under `jit` and
`vmap`. Every sampler draws its largest possible number of strokes and leaves the surplus without ink.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri

Sampler = Callable[[jax.Array, int, int], jax.Array]


def uniforms(key: jax.Array, *shapes: tuple[int, ...]) -> list[jax.Array]:
    """Independent numbers in [0, 1), an array for each shape: one draw in all, which compiles faster than many."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    parts = jnp.split(jax.random.uniform(key, (sum(sizes),)), np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def between(u: jax.Array, low: Any, high: Any) -> jax.Array:
    """Integers from low to high, both included, of uniform numbers."""
    return jnp.clip(jnp.floor(low + u * (high - low + 1)), low, high).astype(jnp.int32)


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
    """Pens that stop at the border, unless one `leaves` it. start: [N, 2] as (x, y), moves: [J, N, 2] -> [J, N, 4]."""
    low, high = (-jnp.inf, jnp.inf) if leaves else (0.0, jnp.asarray([width, height], jnp.float32))

    def go(position: jax.Array, move: jax.Array) -> tuple[jax.Array, jax.Array]:
        after = jnp.clip(jnp.floor(position + move), low, high)
        return after, jnp.concatenate([position, after], -1)

    return jax.lax.scan(go, start, moves)[1]


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
        shape = (segments, strokes)
        strokes_u, segments_u, angle_u, length_u, pen_u, start_u = uniforms(
            key, (), (strokes,), shape, shape, shape, (strokes, 2)
        )
        stroke, segment = jnp.arange(strokes), jnp.arange(segments)[:, None]
        inked = (stroke < between(strokes_u, *self.strokes)) & (segment < between(segments_u, *self.segments))
        angle = 0.01 + between(angle_u, 0, 3)
        angle = jnp.where(stroke % 2 == 0, 2 * np.pi - angle, angle)
        length = factor * between(length_u, *self.length)
        moves = length[..., None] * jnp.stack([jnp.sin(angle), jnp.cos(angle)], -1)
        start = jnp.floor(start_u * jnp.asarray([width, height]))
        ends = walk(start, moves, height, width, leaves=self.leaves)
        pen = between(pen_u, *self.thickness)
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
        shape = (vertices, strokes)
        strokes_u, vertices_u, spread_u, angle_u, length_u, pen_u, start_u, flips_u = uniforms(
            key, (), (strokes,), (2, strokes), shape, shape, (strokes,), (strokes, 2), (2,)
        )
        vertex = jnp.arange(vertices)[:, None]
        inked = (jnp.arange(strokes) < between(strokes_u, *self.strokes)) & (
            vertex < between(vertices_u, *self.vertices)
        )
        low, high = 2 * np.pi / 5 + 2 * np.pi / 15 * spread_u * jnp.asarray([[-1.0], [1.0]])
        angle = low + (high - low) * angle_u
        angle = jnp.where(vertex % 2 == 0, 2 * np.pi - angle, angle)
        mean = np.hypot(height, width) / 8
        # The deviation is the *integer* half of the mean, as published.
        length = jnp.clip(mean + (mean // 2) * ndtri(length_u), 0.0, 2 * mean)
        moves = length[..., None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
        ends = walk(jnp.floor(start_u * jnp.asarray([width, height])), moves, height, width)
        pen = between(pen_u, *self.thickness)
        # Pillow's line of w pixels with discs at its vertices.
        radii = jnp.where(inked, factor * (pen // 2 + 0.3), -1.0)
        if self.flips:
            # Mirroring a few ends is far cheaper than mirroring the drawn hole.
            mirrored = jnp.asarray([width, height] * 2) - 1 - ends
            ends = jnp.where(jnp.tile(flips_u < 0.5, 2), mirrored, ends)
        return rasterise(ends.reshape(-1, 4), radii.reshape(-1), height, width)


def flip(key: jax.Array, hole: jax.Array) -> jax.Array:
    """Mirrored left to right, and top to bottom, each with probability one half."""
    across, down = jax.random.uniform(key, (2,)) < 0.5
    hole = jnp.where(across, hole[:, ::-1], hole)
    return jnp.where(down, hole[::-1], hole)
