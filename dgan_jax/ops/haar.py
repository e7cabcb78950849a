"""The orthonormal Haar transform of images, one level at a time.

A 2x2 cell [[a, b], [c, d]] becomes four bands: LL = (a+b+c+d)/2, LH = (a-b+c-d)/2 (low along the height, high along the
width), HL = (a+b-c-d)/2 and HH = (a-b-c+d)/2. Additions of strided slices only: on XLA:CPU they take the time of a
convolution with fixed kernels, and no accelerator rounds them as it would round a matrix product.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

ORDERS: Mapping[str, tuple[int, ...]] = {"lh_hl": (0, 1, 2, 3), "hl_lh": (0, 2, 1, 3)}
"""Orders of the bands, as places in (LL, LH, HL, HH). Published libraries disagree about the two in the middle."""


def dwt(x: jax.Array, order: Sequence[int] = ORDERS["lh_hl"]) -> jax.Array:
    """[B, H, W, C] -> [B, H/2, W/2, 4C], band after band."""
    a, b, c, d = (x[:, i::2, j::2] for i in (0, 1) for j in (0, 1))
    bands = (a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d)
    return 0.5 * jnp.concatenate([bands[place] for place in order], axis=-1)


def idwt(bands: jax.Array, order: Sequence[int] = ORDERS["lh_hl"]) -> jax.Array:
    """[B, H, W, 4C] -> [B, 2H, 2W, C]; the inverse of `dwt`."""
    batch, height, width, channels = bands.shape
    given = jnp.split(bands, 4, axis=-1)
    ll, lh, hl, hh = (given[order.index(place)] for place in range(4))
    a, b, c, d = (ll + lh + hl + hh, ll - lh + hl - hh, ll + lh - hl - hh, ll - lh - hl + hh)
    row = lambda *pair: jnp.concatenate(pair, axis=-1).reshape(batch, height, 1, 2 * width, channels // 4)
    return 0.5 * jnp.concatenate([row(a, b), row(c, d)], axis=2).reshape(batch, 2 * height, 2 * width, channels // 4)


def halve(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """[B, H, W, C] -> LL/2 (the mean of each cell) [B, H/2, W/2, C] and LH, HL, HH [B, H/2, W/2, 3C]."""
    bands, channels = dwt(x), x.shape[-1]
    return bands[..., :channels] / 2, bands[..., channels:]


def double(low: jax.Array, high: jax.Array) -> jax.Array:
    """The inverse of `halve`."""
    return idwt(jnp.concatenate([2 * low, high], axis=-1))
