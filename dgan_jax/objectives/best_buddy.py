"""What Beby-GAN learns by: patches that may resemble any fitting patch of the original, and a critic of rich regions.

Li et al., "Best-Buddy GANs for Highly Detailed Image Super-Resolution", AAAI 2022, arXiv 2103.15295, section 3.
Images are [B, H, W, C] in [0, 1]; C must be 3 where a luma is wanted.
"""

import jax
import jax.numpy as jnp

from dgan_jax.ops import resize
from dgan_jax.ops.patches import channels_first

LUMA = (0.2989, 0.587, 0.114)


def patches(x: jax.Array, size: int = 3) -> jax.Array:
    """[B, H, W, C] -> [B, places, C size size], without overlap; what is left at the right and below is left out."""
    height, width = (side // size * size for side in x.shape[1:3])
    cut = channels_first(x[:, :height, :width], size)
    return cut.reshape(x.shape[0], -1, cut.shape[-1])


def squared_distances(a: jax.Array, b: jax.Array) -> jax.Array:
    """[B, N, D], [B, M, D] -> [B, N, M]."""
    product = jnp.einsum("bnd,bmd->bnm", a, b, precision="highest")
    norms = lambda x: jnp.sum(jnp.square(x), axis=-1)
    return jnp.maximum(norms(a)[:, :, None] + norms(b)[:, None, :] - 2 * product, 0)


def candidates(truth: jax.Array) -> jax.Array:
    """[B, M, D]: the patches of the original, of it at half and at a quarter of its size (torch's bicubic)."""
    sizes = [truth, *(resize.reduce(truth, factor, "torch") for factor in (2, 4))]
    return jnp.concatenate([patches(x) for x in sizes], axis=1)


def buddies(image: jax.Array, truth: jax.Array, alpha: float = 1.0, beta: float = 1.0) -> jax.Array:
    """[B, N] int32: for each patch the candidate nearest to it (weight `alpha`) and to the original's (`beta`)."""
    offered = candidates(truth)
    apart = alpha * squared_distances(patches(image), offered) + beta * squared_distances(patches(truth), offered)
    return jnp.argmin(apart, axis=-1)


def best_buddy(image: jax.Array, truth: jax.Array, alpha: float = 1.0, beta: float = 1.0) -> jax.Array:
    """The mean absolute error from the best buddies; which these are is not differentiated."""
    still = jax.lax.stop_gradient
    chosen = buddies(still(image), still(truth), alpha, beta)
    wanted = jnp.take_along_axis(candidates(truth), chosen[..., None], axis=1)
    return jnp.mean(jnp.abs(patches(image) - wanted))


def back_projection(image: jax.Array, low: jax.Array) -> jax.Array:
    """The mean absolute error of the image, reduced by MATLAB's bicubic, from the small one."""
    factor = image.shape[1] // low.shape[1]
    return jnp.mean(jnp.abs(resize.reduce(image, factor) - low))


def flat(low: jax.Array, scale: int, *, size: int = 11, deviation: float = 0.025) -> jax.Array:
    """[B, h, w, 3] -> [B, scale h, scale w, 1]: 1 where the luma deviates less within size x size pixels.

    low is enlarged first (torch's bicubic); deviations are the unbiased ones, borders are reflected.
    """
    luma = resize.enlarge(low, scale, "torch") @ jnp.asarray(LUMA)
    reach, count = size // 2, size**2
    padded = jnp.pad(luma, ((0, 0), (reach, reach), (reach, reach)), mode="reflect")
    # Sums of squares lose least where numbers are small.
    padded = padded - padded.mean((1, 2), keepdims=True)
    total = lambda x: jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, size, size), (1, 1, 1), "valid")
    variance = (total(jnp.square(padded)) - jnp.square(total(padded)) / count) / (count - 1)
    return (variance < deviation**2).astype(jnp.float32)[..., None]
