"""The Inception network that FID, KID, Inception Score and U-IDS look through.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, arXiv 1512.00567, as TensorFlow
released it on 2015-12-05. It is not torchvision's `inception_v3`: averages leave the padding out, the last block pools
by maximum, there are 1008 outputs and no auxiliary head. 23,885,392 values, 34,432 of them noted statistics.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.frozen_norm import FrozenNorm

SIDE = 299
LAYERS = ("64", "192", "768", "2048", "logits_unbiased", "logits")
Spec = tuple[int, tuple[int, int]]
"""Features and kernel of one unit."""

mean_pool = lambda x: nn.avg_pool(x, (3, 3), padding="SAME", count_include_pad=False)
peak_pool = lambda x: nn.max_pool(x, (3, 3), padding="SAME")
halve = lambda x: nn.max_pool(x, (3, 3), (2, 2))


class Unit(nn.Module):
    """Convolution without a bias, normalisation with epsilon 1e-3, ReLU."""

    features: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        conv = nn.Conv(self.features, self.kernel, self.stride, padding=self.padding, use_bias=False, name="conv")
        return nn.relu(FrozenNorm(1e-3, name="bn")(conv(x)))


def chain(x: jax.Array, name: str, *specs: Spec, stride: int = 1) -> jax.Array:
    """Units name_1, name_2, ... one after another (a single one is called `name`); a stride is the last one's."""
    for i, (features, kernel) in enumerate(specs, start=1):
        own = name if len(specs) == 1 else f"{name}_{i}"
        if stride == 2 and i == len(specs):
            x = Unit(features, kernel, stride, "VALID", name=own)(x)
        else:
            x = Unit(features, kernel, name=own)(x)
    return x


class BlockA(nn.Module):
    """35x35, to 224 + `pooled` channels."""

    pooled: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        parts = (
            chain(x, "branch1x1", (64, (1, 1))),
            chain(x, "branch5x5", (48, (1, 1)), (64, (5, 5))),
            chain(x, "branch3x3dbl", (64, (1, 1)), (96, (3, 3)), (96, (3, 3))),
            chain(mean_pool(x), "branch_pool", (self.pooled, (1, 1))),
        )
        return jnp.concatenate(parts, axis=-1)


class BlockB(nn.Module):
    """35x35 to 17x17."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        parts = (
            chain(x, "branch3x3", (384, (3, 3)), stride=2),
            chain(x, "branch3x3dbl", (64, (1, 1)), (96, (3, 3)), (96, (3, 3)), stride=2),
            halve(x),
        )
        return jnp.concatenate(parts, axis=-1)


class BlockC(nn.Module):
    """17x17, to 768 channels; `inner`: width of the factorised 7x7 convolutions."""

    inner: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        c, row, column = self.inner, (1, 7), (7, 1)
        twice = ((c, (1, 1)), (c, column), (c, row), (c, column), (192, row))
        parts = (
            chain(x, "branch1x1", (192, (1, 1))),
            chain(x, "branch7x7", (c, (1, 1)), (c, row), (192, column)),
            chain(x, "branch7x7dbl", *twice),
            chain(mean_pool(x), "branch_pool", (192, (1, 1))),
        )
        return jnp.concatenate(parts, axis=-1)


class BlockD(nn.Module):
    """17x17 to 8x8, to 1280 channels."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        factorised = ((192, (1, 1)), (192, (1, 7)), (192, (7, 1)), (192, (3, 3)))
        parts = (
            chain(x, "branch3x3", (192, (1, 1)), (320, (3, 3)), stride=2),
            chain(x, "branch7x7x3", *factorised, stride=2),
            halve(x),
        )
        return jnp.concatenate(parts, axis=-1)


class BlockE(nn.Module):
    """8x8, to 2048 channels."""

    pool: Callable[[jax.Array], jax.Array]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def fork(h: jax.Array, name: str) -> tuple[jax.Array, jax.Array]:
            return Unit(384, (1, 3), name=f"{name}a")(h), Unit(384, (3, 1), name=f"{name}b")(h)

        short = Unit(384, (1, 1), name="branch3x3_1")(x)
        long = Unit(448, (1, 1), name="branch3x3dbl_1")(x)
        long = Unit(384, (3, 3), name="branch3x3dbl_2")(long)
        parts = (
            chain(x, "branch1x1", (320, (1, 1))),
            *fork(short, "branch3x3_2"),
            *fork(long, "branch3x3dbl_3"),
            chain(self.pool(x), "branch_pool", (192, (1, 1))),
        )
        return jnp.concatenate(parts, axis=-1)


class InceptionV3(nn.Module):
    """[B, 299, 299, 3] in about [-1, 1], (x - 128) / 128 of 8-bit values -> {layer: [B, features]} for all of LAYERS.

    The numbered layers are spatial means; `logits_unbiased` leaves the output's bias away.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        mean = lambda h: jnp.mean(h, axis=(1, 2))
        x = Unit(32, (3, 3), 2, "VALID", name="Conv2d_1a_3x3")(x)
        x = Unit(32, (3, 3), padding="VALID", name="Conv2d_2a_3x3")(x)
        x = halve(Unit(64, (3, 3), name="Conv2d_2b_3x3")(x))
        found = {"64": mean(x)}
        x = Unit(80, (1, 1), name="Conv2d_3b_1x1")(x)
        x = halve(Unit(192, (3, 3), padding="VALID", name="Conv2d_4a_3x3")(x))
        found["192"] = mean(x)
        for letter, pooled in zip("bcd", (32, 64, 64), strict=True):
            x = BlockA(pooled, name=f"Mixed_5{letter}")(x)
        x = BlockB(name="Mixed_6a")(x)
        for letter, inner in zip("bcde", (128, 160, 160, 192), strict=True):
            x = BlockC(inner, name=f"Mixed_6{letter}")(x)
        found["768"] = mean(x)
        x = BlockD(name="Mixed_7a")(x)
        x = BlockE(mean_pool, name="Mixed_7b")(x)
        # A peculiarity of the released graph: the last block takes maxima.
        x = mean(BlockE(peak_pool, name="Mixed_7c")(x))
        return found | {"2048": x} | Outputs(name="fc")(x)


class Outputs(nn.Module):
    """[B, 2048] -> 1008 logits, without and with their bias."""

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (x.shape[-1], 1008))
        bias = self.param("bias", nn.initializers.zeros, (1008,))
        logits = x @ jnp.asarray(kernel)
        return {"logits_unbiased": logits, "logits": logits + bias}
