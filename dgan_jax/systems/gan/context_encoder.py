"""Context Encoders: what is in the middle of an image, from what is around it.

Pathak et al., "Context Encoders: Feature Learning by Inpainting", CVPR 2016, arXiv 1604.07379, with the networks of the
released code. One model predicts the middle quarter of a square image, in which the hole lies, some pixels within its
edge; the other, `whole`, predicts all of it, for holes anywhere. Its critic sees what is predicted. The hole is filled
with the mean colour of ImageNet, in the order of channels that the released code has them in.

Images of other sizes are restored by pieces: by the runner's windows with the model of whole images; the model of the
middle goes through the image in steps of its own square, sees each with what surrounds it, mirrored at the borders,
and draws those in which something is missing. The runner's side is that of the training.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dgan_jax.core import checks
from dgan_jax.core.parts import Context, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.nets.context_encoder import Critic, Generator
from dgan_jax.objectives import adversarial
from dgan_jax.objectives.filling import filling
from dgan_jax.objectives.lama import weighted_l2
from dgan_jax.systems import adversaries

PAPER = "Pathak et al. 2016, arXiv 1604.07379"
TASKS = ("inpaint",)
MEAN = np.asarray([117, 104, 123], np.float32) / 127.5 - 1
STATISTICS = ("batch_stats",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the released values for the middle of 128x128; the side is that of the data."""

    whole: bool = False
    """Predict the whole image, for holes anywhere."""
    features: int = 64
    decoder_features: int = 64
    bottleneck: int = 4000
    """Channels of the waist of one pixel; 0: the paper's channel-wise dense layer in its place."""
    critic_features: int = 64
    overlap: int = 4
    """Pixels within the edge of the predicted middle that are known, and predicted all the same. The task's holes must
    agree: hole "middle" of 128x128 leaves 4."""
    known: float = 10.0
    """Weight of squared errors of known pixels that are predicted; those of missing ones have 1."""
    reconstruction: float = 0.999
    """w of the joint loss, w times squared errors plus (1 - w) times the critic's."""
    learning_rate_generator: float = 2e-3
    learning_rate_critic: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    ema: float = 0.0

    def __post_init__(self) -> None:
        checks.at_least_one(self, "features", "decoder_features", "critic_features")
        if min(self.bottleneck, self.overlap) < 0:
            raise ValueError(
                f"system.bottleneck and system.overlap must be at least 0, got {self.bottleneck}, {self.overlap}"
            )
        if not 0 <= self.reconstruction <= 1:
            raise ValueError(f"system.reconstruction must be in [0, 1], got {self.reconstruction}; published: 0.999")


def levels_of(spec: Spec) -> int:
    """Halvings of an image to 4x4; a ValueError where it cannot be halved so."""
    levels = max(spec.height // 4, 1).bit_length() - 1
    if spec.height != spec.width or spec.height != 4 * 2**levels or levels < 2:
        raise ValueError(
            f"context_encoder learns from square images whose side is 16, 32, 64 and so on, got "
            f"{spec.height}x{spec.width}; published: --data.size 128"
        )
    return levels


def blanked(image: jax.Array, hole: jax.Array) -> jax.Array:
    """The image [B, H, W, C], its hole filled with the mean colour; grey images get its mean."""
    colour = MEAN if image.shape[-1] == 3 else MEAN.mean(keepdims=True)
    return jnp.where(hole > 0, colour, image)


def middle(x: jax.Array) -> jax.Array:
    """[B, S, S, C] -> [B, S/2, S/2, C]."""
    quarter = x.shape[1] // 4
    return x[:, quarter:-quarter, quarter:-quarter]


def joint(reconstruction: jax.Array, critic: jax.Array, weight: float) -> jax.Array:
    """Equation 3: the loss of both together."""
    return weight * reconstruction + (1 - weight) * critic


def by_pieces(
    predict: Callable[[jax.Array], jax.Array], y: Measurement, side: int, overlap: int
) -> jax.Array:  # fmt: skip
    """[B, H, W, C]: predict(images [B, side, side, C]) -> their middles, where something is missing there.

    The middle of the image is the middle of a piece; the others lie around it without gaps.
    """
    image, hole = y["image"], y["hole"]
    half, quarter = side // 2, side // 4
    counts = [2 * max(0, math.ceil((size / 2 - quarter) / half)) + 1 for size in image.shape[1:3]]
    # Where the first square begins, beyond the border.
    before = [(count * half - size) // 2 for count, size in zip(counts, image.shape[1:3], strict=True)]
    pads = [
        (quarter + start, quarter + count * half - size - start)
        for count, size, start in zip(counts, image.shape[1:3], before, strict=True)
    ]
    seen, missing = (jnp.pad(x, ((0, 0), *pads, (0, 0)), mode="reflect") for x in (blanked(image, hole), hole))
    inner = jnp.zeros((1, side, side, 1)).at[:, quarter + overlap : -quarter - overlap].set(1)
    inner = inner * inner.swapaxes(1, 2)

    def piece(place: jax.Array) -> jax.Array:
        cut = lambda x: jax.lax.dynamic_slice(
            x, (0, place[0] * half, place[1] * half, 0), (x.shape[0], side, side, x.shape[3])
        )
        draw = lambda: predict(blanked(cut(seen), jnp.broadcast_to(inner, (*image.shape[:1], side, side, 1))))
        return jax.lax.cond(jnp.any(middle(cut(missing)) > 0), draw, lambda: middle(cut(seen)))

    places = jnp.stack(jnp.meshgrid(*(jnp.arange(count) for count in counts), indexing="ij"), -1).reshape(-1, 2)
    found = jax.lax.map(piece, places).reshape(*counts, image.shape[0], half, half, -1)
    joined = found.transpose(2, 0, 3, 1, 4, 5).reshape(image.shape[0], counts[0] * half, counts[1] * half, -1)
    (top, left), (height, width) = before, image.shape[1:3]
    return joined[:, top : top + height, left : left + width]


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"."""
    levels = levels_of(spec)
    generator = Generator(
        config.features, config.decoder_features, config.bottleneck, levels, spec.channels, config.whole, spec.axis_name
    )
    critic = Critic(config.critic_features, levels if config.whole else levels - 1, spec.axis_name)
    part = (lambda x: x) if config.whole else middle

    def generate(params: Any, state: Any, y: Measurement) -> tuple[jax.Array, Any]:
        seen = blanked(y["image"], y["hole"])
        return adversaries.applied(generator, STATISTICS, params, state, seen, True)

    def judge(params: Any, state: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        return adversaries.applied(critic, STATISTICS, params, state, x, True)

    def teach(
        params: dict, context: Context, image: jax.Array, truth: jax.Array, y: Measurement
    ) -> tuple[jax.Array, dict, dict]:
        logits, state = judge(params["critic"], context.model_state["critic"], image)
        error = weighted_l2(image, part(truth), part(y["hole"]), known=config.known, missing=1.0)
        adversary = adversarial.non_saturating(logits)
        loss = joint(error, adversary, config.reconstruction)
        metrics = {"generator/error": error, "generator/adversarial": adversary}
        return loss, metrics, {"critic": state}

    def learn(
        params: dict, context: Context, image: jax.Array, truth: jax.Array, y: Measurement, look: Any
    ) -> tuple[jax.Array, dict, dict]:
        del y, look
        real, state = judge(params["critic"], context.model_state["critic"], part(truth))
        fake, state = judge(params["critic"], state, image)
        loss = adversarial.logistic(real, fake)
        return loss, {"critic/loss": loss, "critic/gap": jnp.mean(real) - jnp.mean(fake)}, {"critic": state}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        del keys
        own = variables["params"]["generator"], variables["model_state"]["generator"]
        predict = lambda x: adversaries.applied(generator, (), *own, x)[0]
        if config.whole:
            return task.project(predict(blanked(y["image"], y["hole"])), y)
        return task.project(by_pieces(predict, y, spec.height, config.overlap), y)

    adam = lambda rate: optax.adam(rate, b1=config.beta1, b2=config.beta2)
    stage = Stage(
        "adversarial", spec.steps, filling(generate, teach, learn, measure=task.measure, critic_first=True),
        {"generator": adam(config.learning_rate_generator), "critic": adam(config.learning_rate_critic)},
    )  # fmt: skip
    players = {
        "generator": Player(generator, lambda y: (y["image"],), config.ema),
        "critic": Player(critic, lambda y: (part(y["image"]),)),
    }
    side = spec.height if config.whole else None
    return System(restore, players, (stage,), side=side, calls=1 if config.whole else None)
