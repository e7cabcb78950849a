"""Holes without straight sides or strokes: regions of smooth noise. Samplers as in `strokes.py`."""

import dataclasses

import jax
import jax.numpy as jnp

from dgan_jax.tasks.strokes import scale, uniforms


@dataclasses.dataclass(frozen=True, kw_only=True)
class Regions:
    """Where uniform noise of few values, enlarged by bicubic interpolation, is below `share`.

    Pathak et al., arXiv 1604.07379, "random region", as their code draws them: `density` values a pixel along each
    side of an image of `base` pixels, and any place between them as the corner. They keep those holes that cover 20 to
    30 %.
    """

    density: float = 0.06
    share: float = 0.25
    base: int = 128
    absolute: bool = False

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        step = self.density / scale(height, width, self.base, self.absolute)
        # Three values more than the image spans: the kernel reaches two to each side.
        counts = [int(step * size) + 5 for size in (height, width)]
        noise, corner = uniforms(key, (counts[0], counts[1]), (2,))

        def weights(size: int, count: int, start: jax.Array) -> jax.Array:
            """Keys' cubic kernel, a = -0.5: [size, count]."""
            place = 1 + start + step * jnp.arange(size)
            d = jnp.abs(place[:, None] - jnp.arange(count))
            near, far = (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2
            return jnp.where(d <= 1, near, jnp.where(d <= 2, far, 0.0))

        rows, columns = (weights(*each) for each in zip((height, width), counts, corner, strict=True))
        return (rows @ noise @ columns.T < self.share)[..., None].astype(jnp.float32)
