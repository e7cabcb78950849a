"""SqueezeNet 1.1's features: the smallest trunk of LPIPS.

Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016, arXiv 1602.07360.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

LAYERS = ("relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")
WIDTHS = {2: 16, 3: 16, 4: 32, 5: 32, 6: 48, 7: 48, 8: 64, 9: 64}


def pool(x: jax.Array) -> jax.Array:
    """Maxima of 3x3 with stride 2; a last window may hang over the edge (the original rounds sizes up)."""
    return nn.max_pool(x, (3, 3), (2, 2), padding=[(0, (side - 3) % 2) for side in x.shape[1:3]])


class Fire(nn.Module):
    """1x1 down to `squeeze` channels, then 1x1 and 3x3 up to four times as many each."""

    squeeze: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.relu(nn.Conv(self.squeeze, (1, 1), name="squeeze")(x))
        wide = [nn.Conv(4 * self.squeeze, (n, n), padding=n // 2, name=f"expand{n}x{n}")(x) for n in (1, 3)]
        return nn.relu(jnp.concatenate(wide, axis=-1))


class SqueezeNet(nn.Module):
    """[B, H, W, 3], normalised -> {layer of LAYERS}: 64, 128, 256, 384, 384, 512, 512 channels."""

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        found = {"relu1": nn.relu(nn.Conv(64, (3, 3), 2, padding="VALID", name="conv1")(x))}
        x = found["relu1"]
        for number, width in WIDTHS.items():
            x = found[f"fire{number}"] = Fire(width, name=f"fire{number}")(pool(x) if number in (2, 4, 6) else x)
        return {name: found[name] for name in LAYERS}
