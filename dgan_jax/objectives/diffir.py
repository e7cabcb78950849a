"""The objectives of DiffIR's stages, and the losses of LaMa and of Real-ESRGAN that they borrow.

Xia et al., arXiv 2303.09472; Suvorov et al., arXiv 2109.07161; Wang et al., arXiv 2107.10833. Images are in [0, 1]
here, as published.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report
from dgan_jax.objectives import adversarial as losses

Metrics = dict[str, jax.Array]
Forward = Callable[[dict, Measurement, jax.Array, jax.Array], tuple[jax.Array, jax.Array, Metrics]]
"""(parameters by player, y, truth, noise [B, D]) -> (raw image, loss of the prior, metrics)."""
ImageLoss = Callable[[jax.Array, jax.Array, Measurement, Mapping[str, Any]], tuple[jax.Array, Metrics]]
"""(raw image, truth, y, variables of frozen networks by name) -> (loss, metrics)."""
Judge = Callable[[Any, Any, jax.Array], tuple[jax.Array, Sequence[jax.Array], Any]]
"""(critic parameters, its model state, images) -> (logits [B, h, w, 1], features, new model state)."""
Perceptual = Callable[[jax.Array, jax.Array, Mapping[str, Any]], jax.Array]
"""(image, truth, variables of frozen networks by name) -> scalar: a distance of features of some network."""


def weighted_l1(image: jax.Array, truth: jax.Array, hole: jax.Array, *, known: float, missing: float) -> jax.Array:
    """Absolute errors with one weight where pixels are known and another in the hole; the mean is over all pixels."""
    return jnp.mean(jnp.abs(image - truth) * (hole * missing + (1 - hole) * known))


def nearest(hole: jax.Array, height: int, width: int) -> jax.Array:
    """[B, H, W, 1] -> [B, height, width, 1] by torch's "nearest": the pixel at floor(index * ratio)."""
    for axis, size in ((1, height), (2, width)):
        index = np.floor(np.arange(size, dtype=np.float32) * np.float32(hole.shape[axis] / size)).astype(int)
        hole = jnp.take(hole, np.minimum(index, hole.shape[axis] - 1), axis=axis)
    return hole


def masked_critic_loss(real: jax.Array, fake: jax.Array, hole: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(real term, fake term): patches of the restored image that lie outside the hole count as real."""
    part = nearest(hole, *fake.shape[1:3])
    fake_term = part * jax.nn.softplus(fake) + (1 - part) * jax.nn.softplus(-fake)
    return losses.as_real(real), jnp.mean(fake_term)


def feature_matching(ours: Sequence[jax.Array], theirs: Sequence[jax.Array]) -> jax.Array:
    """Mean over the layers of the mean squared difference."""
    return jnp.mean(jnp.stack([jnp.mean(jnp.square(a - b)) for a, b in zip(ours, theirs, strict=True)]))


def prior_losses(student: jax.Array, teacher: jax.Array, temperature: float = 0.15) -> tuple[jax.Array, jax.Array]:
    """(mean absolute difference, divergence of the softmaxes, which is only watched). Both priors: [B, D]."""
    log_ours, log_theirs = (jax.nn.log_softmax(x / temperature) for x in (student, teacher))
    divergence = jnp.sum(jnp.exp(log_theirs) * (log_theirs - log_ours), axis=-1)
    return jnp.mean(jnp.abs(student - teacher)), jnp.mean(divergence)


@dataclasses.dataclass(frozen=True)
class Adversary:
    """The critic of inpainting, and the weights of what the restorer learns from it."""

    judge: Judge
    adversarial: float = 10.0
    feature_matching: float = 100.0
    r1: float = 1e-3

    def teach(self, params: Any, state: Any, image: jax.Array, truth: jax.Array) -> tuple[jax.Array, Metrics, Any]:
        """The restorer's part: (loss, metrics, the critic's model state)."""
        _, wanted, state = self.judge(params, state, truth)
        fake, features, state = self.judge(params, state, image)
        adversarial, matching = losses.non_saturating(fake), feature_matching(features, wanted)
        metrics = {"restorer/adversarial": adversarial, "restorer/features": matching}
        return self.adversarial * adversarial + self.feature_matching * matching, metrics, state

    def learn(
        self, params: Any, state: Any, image: jax.Array, truth: jax.Array, y: Measurement
    ) -> tuple[jax.Array, Metrics, Any]:
        """The critic's part: (loss, metrics, its model state). Only `hole` is read of y."""
        before, hole = state, y["hole"]
        real, _, state = self.judge(params, state, truth)
        fake, _, state = self.judge(params, state, image)
        loss_real, loss_fake = masked_critic_loss(real, fake, hole)
        penalty = self.r1 * jnp.mean(losses.r1(lambda x: self.judge(params, before, x)[0], truth))
        metrics = {"critic/real": loss_real, "critic/fake": loss_fake, "critic/r1": penalty}
        return loss_real + loss_fake + penalty, metrics, state


@dataclasses.dataclass(frozen=True)
class PlainAdversary:
    """A critic that knows nothing of the task: Goodfellow et al., arXiv 1406.2661, non-saturating.

    judge: (critic parameters, its model state, images) -> (logits, new model state).
    """

    judge: Callable[[Any, Any, jax.Array], tuple[jax.Array, Any]]
    adversarial: float = 1.0

    def teach(self, params: Any, state: Any, image: jax.Array, truth: jax.Array) -> tuple[jax.Array, Metrics, Any]:
        """The restorer's part: (loss, metrics, the critic's model state)."""
        del truth
        fake, state = self.judge(params, state, image)
        adversarial = losses.non_saturating(fake)
        return self.adversarial * adversarial, {"restorer/adversarial": adversarial}, state

    def learn(
        self, params: Any, state: Any, image: jax.Array, truth: jax.Array, y: Measurement
    ) -> tuple[jax.Array, Metrics, Any]:
        """The critic's part: (loss, metrics, its model state)."""
        del y
        real, state = self.judge(params, state, truth)
        fake, state = self.judge(params, state, image)
        loss_real, loss_fake = losses.as_real(real), losses.as_fake(fake)
        return loss_real + loss_fake, {"critic/real": loss_real, "critic/fake": loss_fake}, state


@struct.dataclass
class Draws:
    """Randomness of one step; shapes are for one example, a batch axis comes first after vmap."""

    y: Measurement
    noise: jax.Array  # [D], of the prior's diffusion


def restoration(
    *,
    player: str,
    forward: Forward,
    image_loss: ImageLoss | None,
    adversary: Adversary | PlainAdversary | None,
    measure: Callable[[jax.Array, Example], Measurement],
    encode: Callable[[jax.Array], jax.Array],
    width: int,
    model_state: dict[str, Any],
) -> Objective:
    """A stage: `player` restores, and with an adversary the critic follows, on what was restored after the update.

    encode: images in [-1, 1] -> [0, 1]. width: of the prior. Without an `image_loss` the prior's loss stands alone.
    `model_state` is what the player reports of its own.
    """

    def draw(key: jax.Array, example: Example) -> Draws:
        task, noise = jax.random.split(key)
        return Draws(measure(task, example), jax.random.normal(noise, (width,)))

    def restorer(params: dict, context: Context, batch: Example, draws: Draws) -> tuple[jax.Array, Report]:
        truth = encode(batch["image"])
        image, loss, metrics = forward(params, draws.y, truth, draws.noise)
        state = dict(model_state)
        if image_loss is not None:
            own, more = image_loss(image, truth, draws.y, context.frozen)
            loss, metrics = loss + own, metrics | more
        if adversary is not None:
            own, more, state["critic"] = adversary.teach(params["critic"], context.model_state["critic"], image, truth)
            loss, metrics = loss + own, metrics | more
        return loss, Report(metrics, state)

    def critic(params: dict, context: Context, batch: Example, draws: Draws) -> tuple[jax.Array, Report]:
        assert adversary is not None
        truth, y = encode(batch["image"]), draws.y
        image = jax.lax.stop_gradient(forward(params, y, truth, draws.noise)[0])
        state = context.model_state["critic"]
        loss, metrics, state = adversary.learn(params["critic"], state, image, truth, y)
        return loss, Report(metrics, {"critic": state})

    phases = [Phase((player,), restorer)] + [Phase(("critic",), critic)] * (adversary is not None)
    return Objective(draw, tuple(phases))
