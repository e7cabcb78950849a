"""AlexNet's convolutions, in one tower: the usual trunk of LPIPS.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, arXiv 1404.5997.
"""

import jax
from flax import linen as nn

LAYERS = ("relu1", "relu2", "relu3", "relu4", "relu5")


class AlexNet(nn.Module):
    """[B, H, W, 3], normalised, sides of 31 and more -> {relu1 ... relu5}: 64, 192, 384, 256, 256 channels."""

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        pool = lambda h: nn.max_pool(h, (3, 3), (2, 2))
        found = {}
        found["relu1"] = x = nn.relu(nn.Conv(64, (11, 11), 4, padding=2, name="conv1")(x))
        found["relu2"] = x = nn.relu(nn.Conv(192, (5, 5), padding=2, name="conv2")(pool(x)))
        found["relu3"] = x = nn.relu(nn.Conv(384, (3, 3), padding=1, name="conv3")(pool(x)))
        found["relu4"] = x = nn.relu(nn.Conv(256, (3, 3), padding=1, name="conv4")(x))
        found["relu5"] = nn.relu(nn.Conv(256, (3, 3), padding=1, name="conv5")(x))
        return found
