"""The deviation within groups of a batch, by which a critic sees that images repeat.

Karras et al., "Progressive Growing of GANs", ICLR 2018, arXiv 1710.10196, section 3, in the form of StyleGAN2's code.
"""

import jax
import jax.numpy as jnp


def check_groups(batch: int, group: int) -> None:
    """A ValueError if the deviation cannot be taken within groups of `group`, or of the whole of a smaller batch."""
    size = max(1, min(batch, group))
    if batch % size:
        raise ValueError(
            f"the critic compares images in groups of {size}, which a batch of {batch} cannot be divided into; "
            f"try --data.batch {batch // size * size}"
        )


def minibatch_deviation(h: jax.Array, group: int, axis_name: str | None, channels: int = 1) -> jax.Array:
    """Append the deviation within groups of the batch: [B, H, W, C] -> [B, H, W, C + channels].

    Members of a group are the samples k, k + B/g, k + 2B/g ... of the whole batch: along `axis_name` it is gathered.
    One channel is the mean deviation of all pixels of C / channels neighbouring features.
    """
    local = h.shape[0]
    whole = h if axis_name is None else jax.lax.all_gather(h, axis_name, tiled=True)
    count = whole.shape[0]
    size = min(count, group)
    if count % size:
        raise ValueError(
            f"a batch of {count} cannot be divided into groups of {size} for the critic; try a multiple of {size}"
        )
    parts = (channels, h.shape[-1] // channels)
    members = whole.astype(jnp.float32).reshape(size, count // size, *h.shape[1:3], *parts)
    deviation = jnp.sqrt(jnp.var(members, axis=0) + 1e-8).mean((1, 2, 4))
    deviation = jnp.tile(deviation, (size, 1)).astype(h.dtype)
    if axis_name is not None:
        deviation = jax.lax.dynamic_slice_in_dim(deviation, local * jax.lax.axis_index(axis_name), local)
    planes = jnp.broadcast_to(deviation[:, None, None, :], (*h.shape[:3], channels))
    return jnp.concatenate([h, planes], axis=-1)
