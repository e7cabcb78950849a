"""Blur kernels and their application. Parameters may be traced; only the side of a kernel is static.

Kernels are [size, size], sum 1, indexed [y, x] with y downwards. The centre of an even side lies at size / 2 - 1.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

Number = jax.Array | float


def offsets(size: int) -> np.ndarray:
    """[size] whole pixels from the centre, from -ceil(size / 2) + 1 to floor(size / 2)."""
    return np.arange(size) - (size - 1) // 2


def _normalised(kernel: jax.Array) -> jax.Array:
    return kernel / jnp.sum(kernel)


def mahalanobis2(size: int, sigma_x: Number, sigma_y: Number, angle: Number) -> jax.Array:
    """[size, size]: squared distance from the centre in units of an ellipse whose first axis is turned by `angle`."""
    x, y = offsets(size)[None, :], offsets(size)[:, None]
    along = x * jnp.cos(angle) + y * jnp.sin(angle)
    across = y * jnp.cos(angle) - x * jnp.sin(angle)
    return jnp.square(along / sigma_x) + jnp.square(across / sigma_y)


def gaussian(size: int, sigma: Number, sigma_y: Number | None = None, angle: Number = 0.0) -> jax.Array:
    """exp(-d2 / 2); isotropic unless `sigma_y` is given."""
    return _normalised(jnp.exp(-0.5 * mahalanobis2(size, sigma, sigma if sigma_y is None else sigma_y, angle)))


def _power(d2: jax.Array, beta: Number) -> jax.Array:
    """d2 ** beta, with a slope at the centre that is no NaN."""
    return jnp.where(d2 > 0, jnp.where(d2 > 0, d2, 1.0) ** beta, 0.0)


def generalised(size: int, beta: Number, sigma: Number, sigma_y: Number | None = None, angle: Number = 0.0):
    """exp(-d2 ** beta / 2): heavier tails for beta < 1, a flatter top for beta > 1."""
    d2 = mahalanobis2(size, sigma, sigma if sigma_y is None else sigma_y, angle)
    return _normalised(jnp.exp(-0.5 * _power(d2, beta)))


def plateau(size: int, beta: Number, sigma: Number, sigma_y: Number | None = None, angle: Number = 0.0) -> jax.Array:
    """1 / (1 + d2 ** beta)."""
    d2 = mahalanobis2(size, sigma, sigma if sigma_y is None else sigma_y, angle)
    return _normalised(1.0 / (1.0 + _power(d2, beta)))


def bessel1(x: jax.Array, points: int = 128) -> jax.Array:
    """J1 for |x| below about 100: the mean of cos(s - x sin s) over a period; equal steps converge exponentially."""
    s = 2 * np.pi * (np.arange(points) + 0.5) / points
    return jnp.mean(jnp.cos(s - x[..., None] * np.sin(s)), axis=-1)


def circular_lowpass(cutoff: Number, size: int, *, pad_to: int = 0) -> jax.Array:
    """The ideal low-pass (sinc) of angular frequency `cutoff`, which rings; surrounded by zeros up to `pad_to`."""
    centre = (size - 1) / 2
    radius = np.hypot(np.arange(size)[:, None] - centre, np.arange(size)[None, :] - centre)
    away = np.where(radius > 0, radius, 1.0)
    values = jnp.where(
        radius > 0, cutoff * bessel1(cutoff * jnp.asarray(away)) / (2 * np.pi * away), jnp.square(cutoff) / (4 * np.pi)
    )
    margin = max(0, pad_to - size) // 2
    return jnp.pad(_normalised(values), margin)


def motion(size: int, length: Number, angle: Number) -> jax.Array:
    """A line of `length` pixels through the centre, antialiased; angle in radians, counter-clockwise."""
    away = np.arange(size) - (size - 1) / 2
    x, y = away[None, :], away[:, None]
    along = x * jnp.cos(angle) - y * jnp.sin(angle)
    across = x * jnp.sin(angle) + y * jnp.cos(angle)
    reach = jnp.clip(length / 2 + 0.5 - jnp.abs(along), 0.0, 1.0)
    return _normalised(reach * jnp.clip(1.0 - jnp.abs(across), 0.0, 1.0))


def filter2d(image: jax.Array, kernel: jax.Array) -> jax.Array:
    """Correlation of [..., H, W, C] with one kernel [k, k]; the image is mirrored at its border, its edge not repeated.

    By FFT: a kernel for each example of a batch is a grouped convolution, which XLA:CPU runs many times slower.
    """
    high, wide = kernel.shape
    margins = [(0, 0)] * (image.ndim - 3) + [((k - 1) // 2, k // 2) for k in (high, wide)] + [(0, 0)]
    padded = jnp.pad(image, margins, mode="reflect")
    size = padded.shape[-3:-1]
    # conj turns convolution into correlation; what wraps around falls on the cut-off margin.
    transfer = jnp.conj(jnp.fft.rfft2(kernel, size))[..., None]
    spectrum = jnp.fft.rfft2(padded, axes=(-3, -2)) * transfer
    filtered = jnp.fft.irfft2(spectrum, size, axes=(-3, -2))
    return filtered[..., : image.shape[-3], : image.shape[-2], :].astype(image.dtype)


def filter2d_weighed(
    weights: Callable[[jax.Array], jax.Array], image: jax.Array, kernel: jax.Array, *, least: float = 0.03
) -> jax.Array:
    """Each frequency of [..., H, W, C] by a function of how much `filter2d` leaves of it; below `least`, of 0.

    The image goes on mirrored, as there. For kernels that mirror themselves the frequencies are exact; for others (a
    movement at an angle) what the border mixes in is passed over. `weights` gets and gives [..., h, w, 1].
    """
    mirrored = image
    for axis in (-3, -2):
        inner = jax.lax.slice_in_dim(mirrored, 1, mirrored.shape[axis] - 1, axis=axis)
        mirrored = jnp.concatenate([mirrored, jnp.flip(inner, axis)], axis=axis)
    size = mirrored.shape[-3:-1]
    strength = jnp.abs(jnp.fft.rfft2(kernel, size))[..., None]
    strength = jnp.where(strength < least, 0.0, strength)
    spectrum = jnp.fft.rfft2(mirrored, axes=(-3, -2)) * weights(strength)
    weighed = jnp.fft.irfft2(spectrum, size, axes=(-3, -2))
    return weighed[..., : image.shape[-3], : image.shape[-2], :].astype(image.dtype)


def least_squares(apply: Callable[[jax.Array], jax.Array], values: jax.Array, *, steps: int) -> jax.Array:
    """x from A x = values by conjugate gradients on the normal equations (CGLS), from zero; few steps regularise.

    apply: linear, keeps the shape of `values`. One system for the whole array, not for each image of a batch.
    """
    transpose = lambda r: jax.linear_transpose(apply, values)(r)[0]
    dot = lambda a: jnp.sum(jnp.square(a))

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        x, residual, direction, before = carry
        image = apply(direction)
        rate = before / jnp.maximum(dot(image), 1e-20)
        x, residual = x + rate * direction, residual - rate * image
        slope = transpose(residual)
        after = dot(slope)
        return (x, residual, slope + after / jnp.maximum(before, 1e-20) * direction, after), None

    slope = transpose(values)
    return jax.lax.scan(step, (jnp.zeros_like(values), values, slope, dot(slope)), None, length=steps)[0][0]
