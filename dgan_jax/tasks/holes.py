"""Hole samplers by name, and the rules that combine and bound them.

A sampler is `(key, height, width) -> hole [H, W, 1]` float32, 1 = missing; sizes are static, and it runs under `jit`
and `vmap`. Lengths in pixels scale with the smaller side over 256 unless a sampler is `absolute`, as published.
`named` is the public door: its samplers always leave something missing and something known.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.core.names import unknown
from dgan_jax.tasks.banks import Folder, Text
from dgan_jax.tasks.boxes import Border, Box, Boxes, Centre, Every, Grid, Half, Pixels, Rectangle, Scattered
from dgan_jax.tasks.regions import Regions
from dgan_jax.tasks.strokes import Brush, Sampler, Walks


@dataclasses.dataclass(frozen=True)
class Union:
    """Both holes at once."""

    first: Sampler
    second: Sampler

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        keys = jax.random.split(key)
        return jnp.maximum(self.first(keys[0], height, width), self.second(keys[1], height, width))


@dataclasses.dataclass(frozen=True)
class Either:
    """The first with probability `share`, otherwise the second."""

    first: Sampler
    second: Sampler
    share: float = 0.5

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        keys = jax.random.split(key)
        draw = lambda sampler: lambda: sampler(keys[1], height, width)
        return jax.lax.cond(jax.random.uniform(keys[0]) < self.share, draw(self.first), draw(self.second))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Within:
    """Draws again until the missing share is in [min_coverage, max_coverage], at most `tries` times.

    Then the candidate nearest to the range is taken. A hole always misses at least one pixel and knows at least one.
    """

    sampler: Sampler
    min_coverage: float = 0.0
    max_coverage: float = 1.0
    tries: int = 8

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_coverage < self.max_coverage <= 1.0:
            raise ValueError(
                f"hole coverage must be a range within 0 to 1, got {self.min_coverage}..{self.max_coverage}"
            )

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        total = height * width
        if total < 2:
            raise ValueError(f"a hole needs an image of at least two pixels, got {height} x {width}")
        low, high = max(self.min_coverage * total, 1.0), min(self.max_coverage * total, total - 1.0)

        def outside(hole: jax.Array) -> jax.Array:
            """Pixels too many or too few."""
            missing = jnp.sum(hole)
            return jnp.maximum(jnp.maximum(low - missing, missing - high), 0.0)

        def again(carry: tuple) -> tuple:
            attempt, best, worst = carry
            hole = self.sampler(jax.random.fold_in(key, attempt), height, width)
            excess = outside(hole)
            return attempt + 1, jnp.where(excess < worst, hole, best), jnp.minimum(excess, worst)

        start = (jnp.int32(0), jnp.zeros((height, width, 1)), jnp.float32(jnp.inf))
        _, hole, _ = jax.lax.while_loop(lambda carry: (carry[0] < self.tries) & (carry[2] > 0), again, start)
        middle = (height // 2, width // 2, 0)
        hole = jnp.where(jnp.sum(hole) < 1, hole.at[middle].set(1.0), hole)
        return jnp.where(jnp.sum(hole) > total - 1, hole.at[0, 0, 0].set(0.0), hole)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mat:
    """MAT's random holes: boxes of two sizes, some half outside, and a brush.

    Drawn again until the missing share lies within (low, high), which also thins the counts: as published.
    """

    small: int = 4
    large: int = 2
    brushes: int = 8
    share: tuple[float, float] = (0.0, 1.0)
    tries: int = 32
    base: int = 256
    absolute: bool = False

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        low, high = self.share
        bounded = Within(sampler=self.candidate, min_coverage=low, max_coverage=high, tries=self.tries)
        return bounded(key, height, width)

    def candidate(self, key: jax.Array, height: int, width: int) -> jax.Array:
        """One hole, whatever its area."""
        thinned = min(sum(self.share), 1.0)
        # Counts are drawn below an exclusive limit: one box at most means none.
        small, large, brushes = (max(0, int(count * thinned) - 1) for count in (self.small, self.large, self.brushes))
        # The original mirrors the whole hole; its boxes lie symmetrically, so that mirroring the brush is the same.
        pen: dict[str, Any] = {"thickness": (12, 47), "base": self.base, "absolute": self.absolute}
        parts: tuple[Sampler, ...] = (
            Scattered(count=(0, small), share=0.5),
            Scattered(count=(0, large), share=1.0),
            Brush(strokes=(0, brushes), vertices=(4, 17), **pen),
        )
        keys = jax.random.split(key, len(parts))
        return functools.reduce(jnp.maximum, [part(key, height, width) for part, key in zip(parts, keys, strict=True)])


def lama(strokes: tuple, longest: int, thickest: int, boxes: Boxes | None = None, share: float = 1.0, base: int = 256):
    """A LaMa policy in its own constants: walks with probability `share`, boxes otherwise.

    One stroke more than the published maximum is drawn, lengths begin at 10 and widths at 5 pixels.
    """
    strokes, length, thickness = (strokes[0], strokes[1] + 1), (10, 9 + longest), (5, 4 + thickest)
    walks = Walks(strokes=strokes, length=length, thickness=thickness, base=base)
    return walks if boxes is None else Either(walks, boxes, share)


HOLES: Mapping[str, Sampler] = {
    # Fixed, or fixed up to a side.
    "centre": Centre(),
    "half": Half(),
    "right_half": Half(side="right"),
    "expand": Centre(share=0.25, inverted=True),
    "lines": Every(rows=2, columns=1),
    "every_second": Every(rows=2, columns=2),
    # Context Encoders at 128x128: the middle but for the 4 pixels within its edge, and random regions.
    "middle": Centre(share=0.4375),
    "regions": Within(sampler=Regions(), min_coverage=0.2, max_coverage=0.3, tries=32),
    # DeepFill v2: the boxes of v1, the brush, and what it trains on.
    "box": Box(),
    "brush": Brush(),
    "brush_box": Union(Box(), Brush()),
    # LaMa: three evaluation sets in two sizes, two training policies, and the others.
    "thin": lama((4, 50), 40, 10),
    "medium": lama((4, 5), 100, 50, Boxes(count=(1, 5), side=(10, 50)), 1 / 1.3),
    "thick": lama((1, 5), 200, 100, Boxes(count=(1, 3), side=(30, 150), margin=10), 1 / 1.3),
    "thin_512": lama((4, 70), 100, 20, base=512),
    "medium_512": lama((4, 10), 200, 100, Boxes(count=(1, 5), side=(30, 150), base=512), 1 / 1.3, base=512),
    "thick_512": lama((1, 5), 450, 250, Boxes(count=(1, 4), side=(30, 300), margin=10, base=512), 1 / 1.3, base=512),
    "irregular": lama((1, 5), 200, 100, Boxes(count=(1, 4), side=(30, 150), margin=10), 0.5),
    "narrow": lama((4, 12), 80, 40, Boxes(count=(1, 1), side=(30, 128)), 0.5),
    "border": Border(),
    "grid": Grid(),
    "rectangle": Rectangle(),
    # MAT and Palette.
    "mat": Mat(),
    "mat_512": Mat(small=5, large=3, brushes=9, base=512),
    "palette_box": Union(Box(delta=40, margin=20, one_sided=True), Brush()),
    "palette_walks": Walks(strokes=(4, 7), length=(10, 99), thickness=(10, 39), leaves=True),
    # Ours. For training on crops: LaMa's thin and thick holes in pixels of the crop, as few as fall on one.
    "crops": Either(
        Walks(strokes=(1, 8), length=(10, 49), thickness=(5, 14), absolute=True),
        Either(
            Walks(strokes=(1, 2), length=(10, 100), thickness=(10, 60), absolute=True),
            Boxes(count=(1, 2), side=(16, 64), absolute=True),
        ),
    ),
    "pixels": Pixels(),
    "text": Text(),
}


@functools.lru_cache(maxsize=64)
def named(name: str, *, min_coverage: float = 0.0, max_coverage: float = 1.0) -> Sampler:
    """The sampler called `name`, or folder:PATH for mask files, bounded so that no hole is everything or nothing.

    LaMa's evaluation keeps holes of at most one half: max_coverage=0.5.
    """
    prefix, _, path = name.partition(":")
    if prefix == "folder":
        sampler: Sampler = Folder(path)
    elif name in HOLES:
        sampler = HOLES[name]
    else:
        raise unknown("hole", name, [*HOLES, "folder:PATH"])
    return Within(sampler=sampler, min_coverage=min_coverage, max_coverage=max_coverage)


def as_published(sampler: Sampler) -> Sampler:
    """The same sampler with its lengths in pixels of any image, and without the flips that the originals throw away."""
    changes: dict[str, object] = {}
    for field in dataclasses.fields(sampler):  # type: ignore[arg-type]
        value = getattr(sampler, field.name)
        if field.name in ("absolute", "flips"):
            changes[field.name] = field.name == "absolute"
        elif dataclasses.is_dataclass(value):
            changes[field.name] = as_published(value)  # type: ignore[arg-type]
    return dataclasses.replace(sampler, **changes)  # type: ignore[type-var]
