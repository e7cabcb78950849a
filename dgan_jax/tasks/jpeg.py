"""JPEG artefacts: blocks, ringing and lost colour of strongly compressed files."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Example, Measurement, Task
from dgan_jax.ops import denoise, jpeg
from dgan_jax.tasks import levels

STRENGTH = 4.5
"""Grey levels of noise that cosine thresholding is told for a table factor of 1 (quality 50)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Jpeg(Task):
    """Compression at a quality drawn from a range, and told to the network unless it is `blind`.

    A measurement holds `image`, `start` (cosine thresholding if the quality is told, else the image) and, unless blind,
    `quality` in (0, 1]. A file bounds its coefficients, but only before it was rounded to pixels: nothing is exact.
    """

    quality: tuple[float, float] = (10.0, 40.0)
    """Quality as libjpeg counts it, 1 to 100, drawn from this range."""
    blind: bool = False
    """The quality is not told: for files that were compressed more than once, or are no JPEG any more."""

    def __post_init__(self) -> None:
        levels.check("quality", self.quality, 1, 100)

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        return {} if self.blind else {"quality": self.quality}

    def damage(self, key: jax.Array, example: Example) -> Example:
        quality = jnp.round(levels.draw(key, self.quality))
        return {"image": compressed(example["image"], quality), "quality": quality}

    def observe(self, example: Example) -> Measurement:
        image = example["image"]
        if self.blind:
            return {"image": image, "start": image}
        if "quality" not in example:
            raise ValueError("the quality of the photograph is not known: it is no JPEG file; give it: --quality N")
        quality = jnp.asarray(example["quality"], jnp.float32)
        strength = STRENGTH / 127.5 * jpeg.factor(quality)
        start = jnp.clip(denoise.dct_threshold(image, strength), -1, 1)
        return {"image": image, "start": start, "quality": quality / 100}

    def condition(self, y: Measurement) -> jax.Array:
        """The image and, unless blind, the cheap answer and the quality: [B, H, W, C or 2 C + 1]."""
        if self.blind:
            return y["image"]
        return jnp.concatenate([y["image"], y["start"], levels.plane(y["quality"], y)], axis=-1)

    def start(self, y: Measurement) -> jax.Array:
        return y["start"]

    def strengths(self, y: Measurement) -> Mapping[str, jax.Array]:
        """1 for quality 0."""
        return {"jpeg": jnp.asarray(levels.UNKNOWN) if self.blind else 1 - y["quality"]}


def compressed(image: jax.Array, quality: jax.Array) -> jax.Array:
    """[..., H, W, C] in [-1, 1] as it comes back from a JPEG file."""
    return levels.eight_bit(jpeg.jpeg(image * 127.5 + 127.5, quality) / 127.5 - 1)


TASK = Jpeg
