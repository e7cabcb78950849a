"""The codes of an autoencoder as the space of the diffusion."""

from collections.abc import Callable

import jax

from dgan_jax.core.parts import Space


def latent(
    encode: Callable[[jax.Array], jax.Array],
    decode: Callable[[jax.Array], jax.Array],
    *,
    factor: int,
    channels: int,
    scale: jax.Array | float,
) -> Space:
    """Codes are divided by `scale`, so that they lie in [-1, 1] where a tanh generator can reach them.

    `encode` and `decode` are bound to an autoencoder's parameters (and, for a code that is a draw, to its noise). Where
    parameters are an argument, as in a loss, the space is made anew from them.
    """
    return Space(
        encode=lambda image: encode(image) / scale,
        decode=lambda code: decode(code * scale),
        channels=lambda _: channels,
        factor=factor,
    )
