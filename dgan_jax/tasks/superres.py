"""Super-resolution: a reduced image is known exactly, the enlarged one is wanted."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Example, Measurement, Task
from dgan_jax.ops import resize
from dgan_jax.tasks import levels

SCALES = (2, 3, 4, 8)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SuperResolution(Task):
    """Images reduced by a whole number. A measurement holds `low`, the reduced image, and `image`, it enlarged again.

    The first estimate is the enlarged image made to agree with `low`: 0.5 to 1 dB better than the bicubic alone.
    """

    scale: int = 4
    """2, 3, 4 or 8: how many times wider and higher the result is."""
    reduce: str = "matlab"
    """How: matlab (antialiased bicubic, as papers do), matlab_noaa, torch, torch_aa, opencv, bilinear, box, nearest."""
    enlarge: str = "matlab"
    """How the reduced image is enlarged for the network to see; the same names (torch is the bicubic of IR-SDE)."""
    eight_bit: bool = True
    """Round the reduced image to 8 bits, as a file does."""

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"task.scale must be one of {', '.join(map(str, SCALES))}, got {self.scale}")
        lookup("resizing method", self.reduce, resize.METHODS)
        lookup("resizing method", self.enlarge, resize.METHODS)

    def damage(self, key: jax.Array, example: Example) -> Example:
        """example["image"]: [H, W, C], sides multiples of the scale."""
        del key
        height, width = example["image"].shape[:2]
        if height % self.scale or width % self.scale:
            raise ValueError(
                f"enlarging by {self.scale} needs sides that are multiples of it, got {height}x{width}; try data.size"
            )
        low = resize.reduce(example["image"], self.scale, self.reduce)
        return {**example, "image": levels.eight_bit(low) if self.eight_bit else low}

    def observe(self, example: Example) -> Measurement:
        """example["image"]: the small image [h, w, C]; the measurement's `image` is [scale h, scale w, C]."""
        low = example["image"]
        return {"image": jnp.clip(resize.enlarge(low, self.scale, self.enlarge), -1, 1), "low": low}

    def condition(self, y: Measurement) -> jax.Array:
        """The enlarged image: [B, H, W, C]."""
        return y["image"]

    def start(self, y: Measurement) -> jax.Array:
        return self.project(y["image"], y)

    def project(self, x0: jax.Array, y: Measurement) -> jax.Array:
        """x0 + A+ (low - A x0): what it reduces to is `low`. Values may leave [-1, 1] where edges are steep."""
        return x0 + self.pseudo_inverse(y["low"] - self.apply(x0, y), y)

    def strengths(self, y: Measurement) -> Mapping[str, jax.Array]:
        """1 for a factor of 8."""
        del y
        return {"low": jnp.asarray(self.scale / 8)}

    def values(self, y: Measurement) -> jax.Array:
        return y["low"]

    def apply(self, x: jax.Array, y: Measurement) -> jax.Array:
        del y
        return resize.reduce(x, self.scale, self.reduce)

    def pseudo_inverse(self, values: jax.Array, y: Measurement) -> jax.Array:
        """Exact: the operator is separable, and each axis is inverted as a matrix."""
        del y
        return resize.reduce_pseudo_inverse(values, self.scale, self.reduce)

    @property
    def exact(self) -> bool:
        """But for rounding to 8 bits."""
        return True

    def deviation(self, y: Measurement) -> jax.Array:
        """The reduced image is taken for exact."""
        return jnp.zeros((y["image"].shape[0], 1, 1, 1))

    def weigh(self, weights: Callable[[jax.Array], jax.Array], x: jax.Array, y: Measurement) -> jax.Array:
        """Exact: the operator is separable, and each axis has its own singular vectors."""
        del y
        return resize.reduce_weighed(weights, x, self.scale, self.reduce)


TASK = SuperResolution
