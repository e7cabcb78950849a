"""The image itself as the space of the diffusion."""

from dgan_jax.core.parts import Space


def pixel() -> Space:
    """Encode and decode are the identity."""
    return Space(encode=lambda image: image, decode=lambda code: code, channels=lambda channels: channels, factor=1)
