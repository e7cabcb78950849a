"""Haze: atmospheric scattering, a made-up depth to simulate it with, and the dark channel prior to undo it cheaply.

I = J t + A (1 - t), t = exp(-beta depth). Images [..., H, W, C]; every function but `dark_channel_prior` is linear in
the image, so that any range serves as long as A is in it.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.ops import resize


def transmission(depth: jax.Array, beta: jax.Array | float) -> jax.Array:
    """The share of an object's light that arrives, in (0, 1]."""
    return jnp.exp(-beta * depth)


def scatter(image: jax.Array, depth: jax.Array, beta: jax.Array | float, airlight: jax.Array | float) -> jax.Array:
    """depth: [..., H, W, 1]; airlight: a number or [C], in the range of the image."""
    t = transmission(depth, beta)
    return image * t + airlight * (1.0 - t)


def depth_field(key: jax.Array, height: int, width: int, *, near: float = 0.2, far: float = 2.0) -> jax.Array:
    """[H, W, 1] in [near, far]: a tilted plane, mostly far at the top, with hills of several sizes."""
    tilt, lean, *keys = jax.random.split(key, 5)
    rise = jax.random.uniform(tilt, minval=0.2, maxval=1.0)
    slope = jax.random.uniform(lean, minval=-0.4, maxval=0.4)
    y, x = (jnp.linspace(-0.5, 0.5, n) for n in (height, width))
    field = (slope * x[None, :] - rise * y[:, None])[..., None]
    for own, cells, weight in zip(keys, (3, 6, 12), (0.35, 0.2, 0.1), strict=True):
        coarse = jax.random.normal(own, (cells, cells, 1))
        field += weight * resize.resize(coarse, (height, width), "bilinear")
    low, high = jnp.min(field), jnp.max(field)
    return near + (far - near) * (field - low) / jnp.maximum(high - low, 1e-6)


def minimum(x: jax.Array, size: int) -> jax.Array:
    """The least of size x size neighbours (size odd) of [..., H, W, C]; the border is repeated: nothing new."""
    for axis in (x.ndim - 3, x.ndim - 2):
        reach = size // 2
        x = jnp.pad(x, [(reach, reach) if i == axis else (0, 0) for i in range(x.ndim)], mode="edge")
        done = 1
        while done < size:  # windows double until they cover the size
            more = min(done, size - done)
            cut = functools.partial(jax.lax.slice_in_dim, x, axis=axis)
            x = jnp.minimum(cut(0, x.shape[axis] - more), cut(more, x.shape[axis]))
            done += more
    return x


def window_sums(x: jax.Array, size: int, axis: int) -> jax.Array:
    """[..., n, ...] -> [..., n - size + 1, ...]: sums of `size` neighbours, from sums of 1, 2, 4, ... of them."""
    total: jax.Array | float = 0.0
    length, offset, bit = x.shape[axis] - size + 1, 0, 1
    while bit <= size:
        if size & bit:
            total += jax.lax.slice_in_dim(x, offset, offset + length, axis=axis)
            offset += bit
        half = x.shape[axis] - bit
        x = jax.lax.slice_in_dim(x, 0, half, axis=axis) + jax.lax.slice_in_dim(x, bit, bit + half, axis=axis)
        bit *= 2
    return jnp.asarray(total)


def box_mean(x: jax.Array, size: int) -> jax.Array:
    """Means over those of size x size neighbours (size odd) that lie inside the image [..., H, W, C]."""
    # Not reduce_window: XLA spends minutes on folding one over a constant, and runs it in size^2 steps a pixel.
    reach = size // 2
    for axis in (x.ndim - 3, x.ndim - 2):
        place = np.arange(x.shape[axis])
        inside = np.minimum(place, reach) + np.minimum(place[::-1], reach) + 1
        padded = jnp.pad(x, [(reach, reach) if i == axis else (0, 0) for i in range(x.ndim)])
        shape = [-1 if i == axis else 1 for i in range(x.ndim)]
        x = window_sums(padded, size, axis) / jnp.asarray(inside.reshape(shape), x.dtype)
    return x


def guided_filter(guide: jax.Array, x: jax.Array, size: int, eps: float) -> jax.Array:
    """He, Sun, Tang 2010: `x` smoothed where the grey `guide` is smooth. Both [..., H, W, 1]."""
    mean = lambda v: box_mean(v, size)
    mean_guide, mean_x = mean(guide), mean(x)
    slope = (mean(guide * x) - mean_guide * mean_x) / (mean(guide * guide) - mean_guide**2 + eps)
    return mean(slope) * guide + mean(mean_x - slope * mean_guide)


def darkest(image: jax.Array, patch: int) -> jax.Array:
    """[..., H, W, 1]: the dark channel."""
    return minimum(jnp.min(image, -1, keepdims=True), min(patch, 2 * (min(image.shape[-3:-1]) // 4) + 1))


def airlight_of(image: jax.Array, *, patch: int = 15) -> jax.Array:
    """[..., C]: the mean of the 0.1 % pixels whose dark channel is brightest."""
    flat = darkest(image, patch).reshape(*image.shape[:-3], -1)
    _, places = jax.lax.top_k(flat, max(1, flat.shape[-1] // 1000))
    pixels = image.reshape(*image.shape[:-3], -1, image.shape[-1])
    return jnp.mean(jnp.take_along_axis(pixels, places[..., None], axis=-2), axis=-2)


def dark_channel_prior(
    image: jax.Array, *, patch: int = 15, omega: float = 0.95, least: float = 0.1, airlight: jax.Array | None = None
) -> jax.Array:
    """[..., H, W, C] in [0, 1], hazy -> dehazed, clipped. He, Sun, Tang, CVPR 2009, with a guided filter as matting.

    Somewhere in every patch of a clear outdoor picture some channel is dark; how bright the darkest is tells the haze.
    A is `airlight` [..., C], or `airlight_of` the image.
    """
    airlight = (airlight_of(image, patch=patch) if airlight is None else airlight)[..., None, None, :]
    patch = min(patch, 2 * (min(image.shape[-3:-1]) // 4) + 1)
    t = 1.0 - omega * darkest(image / jnp.maximum(airlight, 0.1), patch)
    t = guided_filter(jnp.mean(image, -1, keepdims=True), t, 2 * patch + 1, 1e-3)
    return jnp.clip((image - airlight) / jnp.clip(t, least, 1.0) + airlight, 0.0, 1.0)
