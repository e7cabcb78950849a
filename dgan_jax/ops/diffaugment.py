"""Augmentations that a critic's gradient goes through: colour, translation, cutout.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020, arXiv 2006.10738. Every
function takes what was drawn as an argument; `draw` draws for one example.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct


def per_image(values: jax.Array) -> jax.Array:
    """[B] -> [B, 1, 1, 1]."""
    return values.reshape(-1, 1, 1, 1)


def brightness(x: jax.Array, u: jax.Array) -> jax.Array:
    """x [B, H, W, C] plus u - 1/2; u [B] in [0, 1]."""
    return x + per_image(u - 0.5)


def saturation(x: jax.Array, u: jax.Array) -> jax.Array:
    """Distances from each pixel's mean colour times 2 u."""
    grey = jnp.mean(x, axis=3, keepdims=True)
    return (x - grey) * per_image(2 * u) + grey


def contrast(x: jax.Array, u: jax.Array) -> jax.Array:
    """Distances from the image's mean times u + 1/2."""
    mean = jnp.mean(x, axis=(1, 2, 3), keepdims=True)
    return (x - mean) * per_image(u + 0.5) + mean


def reach(size: int, ratio: float) -> int:
    """The furthest translation along a side, in pixels."""
    return int(size * ratio + 0.5)


def translation(x: jax.Array, down: jax.Array, right: jax.Array) -> jax.Array:
    """Moved by whole pixels: y[i, j] = x[i + down, j + right], 0 outside; down, right [B] integers."""

    def moved(x: jax.Array, shift: jax.Array, axis: int) -> jax.Array:
        size = x.shape[axis]
        place = jnp.arange(size) + shift
        taken = jnp.take(x, jnp.clip(place, 0, size - 1), axis=axis)
        shape = [1] * x.ndim
        shape[axis] = size
        return jnp.where(((place >= 0) & (place < size)).reshape(shape), taken, 0.0)

    return jax.vmap(lambda x, i, j: moved(moved(x, i, 0), j, 1))(x, down, right)


def cut(size: int, ratio: float) -> int:
    """The side of the square that is cut out, in pixels."""
    return int(size * ratio + 0.5)


def cutout(x: jax.Array, row: jax.Array, column: jax.Array, ratio: float = 0.5) -> jax.Array:
    """A square of `ratio` of the sides is 0, about row and column [B] integers in [0, size + (1 - cut % 2)).

    Squares that reach over the border end there, as published, on its last pixel.
    """

    def inside(size: int, centre: jax.Array) -> jax.Array:
        width = cut(size, ratio)
        first = centre - width // 2
        bounded = lambda place: jnp.clip(place, 0, size - 1)[:, None]
        return (jnp.arange(size) >= bounded(first)) & (jnp.arange(size) <= bounded(first + width - 1))

    hole = inside(x.shape[1], row)[:, :, None] & inside(x.shape[2], column)[:, None, :]
    return jnp.where(hole[..., None], 0.0, x)


@struct.dataclass
class Draws:
    """Of one example; a batch axis comes first after vmap. Numbers are in [0, 1)."""

    brightness: jax.Array
    saturation: jax.Array
    contrast: jax.Array
    shift: jax.Array  # [2] integer, rows first
    centre: jax.Array  # [2] integer
    gate: jax.Array  # cutout is done below its probability


@struct.dataclass
class Reach:
    """How far the augmentations go. TransGAN: translation 0.2, and cutout with probability 0.3."""

    translation: float = struct.field(pytree_node=False, default=0.125)
    cutout: float = struct.field(pytree_node=False, default=0.5)
    cutout_probability: float = struct.field(pytree_node=False, default=1.0)


PUBLISHED = Reach()
TRANSGAN = Reach(translation=0.2, cutout_probability=0.3)


def draw(key: jax.Array, shape: tuple[int, ...], limits: Reach = PUBLISHED) -> Draws:
    """For an image of `shape` [H, W, C]."""
    keys = jax.random.split(key, 3)
    uniform = jax.random.uniform(keys[0], (4,))
    far = jnp.asarray([reach(size, limits.translation) for size in shape[:2]])
    over = jnp.asarray([size + 1 - cut(size, limits.cutout) % 2 for size in shape[:2]])
    shift = jax.random.randint(keys[1], (2,), -far, far + 1)
    centre = jax.random.randint(keys[2], (2,), 0, over)
    return Draws(uniform[0], uniform[1], uniform[2], shift, centre, uniform[3])


def colour(x: jax.Array, draws: Draws, limits: Reach) -> jax.Array:
    """Brightness, saturation and contrast, in this order; x [B, H, W, C]."""
    del limits
    return contrast(saturation(brightness(x, draws.brightness), draws.saturation), draws.contrast)


def translate(x: jax.Array, draws: Draws, limits: Reach) -> jax.Array:
    """Each image shifted, zeros coming in; x [B, H, W, C]."""
    del limits
    return translation(x, draws.shift[:, 0], draws.shift[:, 1])


def cut_out(x: jax.Array, draws: Draws, limits: Reach) -> jax.Array:
    """A square of zeros in those images that a gate lets in; x [B, H, W, C]."""
    done = cutout(x, draws.centre[:, 0], draws.centre[:, 1], limits.cutout)
    return jnp.where(per_image(draws.gate < limits.cutout_probability), done, x)


POLICIES: Mapping[str, Any] = {"color": colour, "translation": translate, "cutout": cut_out}


def steps(policy: str) -> tuple[str, ...]:
    """The augmentations of a policy as published commands name it, "color,translation,cutout"; "" is none."""
    names = tuple(name for name in policy.split(",") if name)
    for name in names:
        if name not in POLICIES:
            raise ValueError(f"no augmentation is called {name!r}; a policy joins some of {', '.join(POLICIES)}")
    return names


def augment(x: jax.Array, draws: Draws, policy: str, limits: Reach = PUBLISHED) -> jax.Array:
    """Images [B, H, W, C] augmented in the order of `policy`."""
    for name in steps(policy):
        x = POLICIES[name](x, draws, limits)
    return x
