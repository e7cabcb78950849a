"""Square patches of pixels as channels: space traded for depth, without loss, in the two published orders."""

import jax


def cells(x: jax.Array, size: int) -> jax.Array:
    """[B, H, W, C] -> [B, H/size, W/size, row, column, C]."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // size, size, width // size, size, channels)
    return x.transpose(0, 1, 3, 2, 4, 5)


def pixels_first(x: jax.Array, size: int) -> jax.Array:
    """[B, H, W, C] -> [B, H/size, W/size, size * size * C]: row, column, channel."""
    depth = size**2 * x.shape[-1]  # not left to reshape: there may be no channels at all
    x = cells(x, size)
    return x.reshape(*x.shape[:3], depth)


def channels_first(x: jax.Array, size: int) -> jax.Array:
    """[B, H, W, C] -> [B, H/size, W/size, C * size * size]: channel, row, column (torch's pixel unshuffle)."""
    depth = size**2 * x.shape[-1]
    x = cells(x, size).transpose(0, 1, 2, 5, 3, 4)
    return x.reshape(*x.shape[:3], depth)


def from_channels_first(x: jax.Array, size: int) -> jax.Array:
    """[B, H, W, C * size * size] -> [B, H size, W size, C]: the inverse of `channels_first` (torch's pixel shuffle)."""
    batch, height, width, depth = x.shape
    channels = depth // size**2
    x = x.reshape(batch, height, width, channels, size, size).transpose(0, 1, 4, 2, 5, 3)
    return x.reshape(batch, height * size, width * size, channels)
