"""The 8x8 block cosine transform that JPEG and the cheap denoiser share. Planes are [..., H, W], multiples of 8."""

import jax
import jax.numpy as jnp
import numpy as np

SIDE = 8


def basis() -> np.ndarray:
    """The orthonormal DCT-II matrix [frequency, position]."""
    frequency, position = np.arange(SIDE)[:, None], np.arange(SIDE)[None, :]
    rows = np.sqrt(2 / SIDE) * np.cos(np.pi * frequency * (2 * position + 1) / (2 * SIDE))
    rows[0] /= np.sqrt(2)
    return rows


BASIS = basis()


def forward(plane: jax.Array) -> jax.Array:
    """[..., H, W] -> coefficients [..., H / 8, u, W / 8, v]."""
    blocks = plane.reshape(*plane.shape[:-2], plane.shape[-2] // SIDE, SIDE, plane.shape[-1] // SIDE, SIDE)
    matrix = jnp.asarray(BASIS, plane.dtype)
    return jnp.einsum("ui,vj,...aibj->...aubv", matrix, matrix, blocks, precision="highest")


def inverse(coefficients: jax.Array) -> jax.Array:
    """[..., H / 8, u, W / 8, v] -> [..., H, W]."""
    matrix = jnp.asarray(BASIS, coefficients.dtype)
    blocks = jnp.einsum("ui,vj,...aubv->...aibj", matrix, matrix, coefficients, precision="highest")
    *batch, high, _, wide, _ = blocks.shape
    return blocks.reshape(*batch, high * SIDE, wide * SIDE)
