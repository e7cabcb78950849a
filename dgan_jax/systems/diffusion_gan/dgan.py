"""Ours: a few-step diffusion-GAN on a cheap first estimate, and a GAN that refines it; one network for all damage.

Stage 1 (diffusion leads). An estimator learns the answer of least error, as a residual over the task's cheap first
estimate. A conditional denoising diffusion-GAN (Xiao et al., arXiv 2112.07804), by default in wavelet space (Phung et
al., arXiv 2211.16152), then learns to draw what that answer leaves of the truth. What is exactly known is put back into
every prediction; latents give different plausible results. Stage 2 (the GAN steps in): a second generator corrects the
sample, against a critic of its own.

What is wrong with the image, and how much, are inputs in one unit for all tasks (`Task.strengths`): trained on a
mixture, the network restores every single kind, in 1, 2 or 4 steps. `realism` goes from the answer of least error (0)
to the sample (1) along the straight line between them, which is the best way there is (Freirich et al., "A Theory of
the Distortion-Perception Tradeoff in Wasserstein Space", arXiv 2107.02555).
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dgan_jax.core import checks, noise
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Measurement, Objective, Player, Space, Spec, Stage, System, Task
from dgan_jax.nets.restoration_critic import RestorationCritic
from dgan_jax.nets.restoration_unet import RestorationUNet
from dgan_jax.objectives import residual_gan
from dgan_jax.objectives.denoising_gan import PAIRS, Pair
from dgan_jax.process.gaussian import Tables, gaussian, thinned, vp_betas
from dgan_jax.process.residual import residual_shift, shift_roots
from dgan_jax.samplers.denoising_gan import sample_from_keys
from dgan_jax.spaces.pixel import pixel
from dgan_jax.spaces.wavelet import wavelet
from dgan_jax.tasks import levels

PAPER = "this project; after Xiao et al. 2022, arXiv 2112.07804"
TASKS = ("inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture", "paired")
WHEN_RESTORING = ("realism", "restore_steps", "refine")
"""Options that may be chosen anew when restoring: no weight depends on them."""
MEASURED = {"realism": 0.0}
"""What `dgan restore` and `dgan evaluate` choose where nothing is chosen (`train.runs.unasked`): the answer of least
error, wherever the same weights lie."""
ANY_TASK = True
"""The networks are the same for every task: a run on a mixture restores each of its kinds."""

DETAIL = 8.0
"""What the detail bands are multiplied by: after it all bands of a residual are about as large."""
SPACES: dict[str, Callable[[int], Space]] = {
    "pixel": lambda levels: pixel(),
    "wavelet": lambda levels: wavelet(levels, detail=DETAIL),
}


class Chain(NamedTuple):
    """A chain of residuals: its tables, the t that the networks know its steps by, and the deviation of x_T."""

    tables: Tables
    names: np.ndarray
    spread: float


def variance_preserving(steps: int, count: int) -> Chain:
    """`count` steps of the chain of T."""
    return Chain(*thinned(gaussian(vp_betas(steps)), count), 1.0)


def shifting(steps: int, count: int) -> Chain:
    """`count` steps of T of ResShift's chain, whose x_T is the first estimate and noise (kappa = 1)."""
    names = np.arange(steps)[steps // count - 1 :: steps // count]
    roots = shift_roots(steps, kappa=1.0)
    return Chain(residual_shift(roots[names], kappa=1.0), names, float(roots[-1]))


CHAINS: dict[str, Callable[[int, int], Chain]] = {
    "variance_preserving": variance_preserving,
    "residual_shift": shifting,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are what `docs/design-study.md` found best for two CPU cores, where it has an answer."""

    steps: int = 4
    """Denoising steps T of the chain that is trained."""
    restore_steps: int = 2
    """Steps of the chain when restoring: a divisor of `steps`."""
    realism: float = 1.0
    """When restoring: 0 is the answer of least error (one call), 1 a sample, between them their weighted mean."""
    refine: bool = True
    """When restoring, and if there is a second stage: let it correct the sample."""
    space: str = "wavelet"
    """pixel or wavelet."""
    wavelet_levels: int = 2
    """Haar levels; each halves the resolution and multiplies the channels by four."""
    process: str = "variance_preserving"
    """Forward process of the residual: variance_preserving, or residual_shift (ResShift, arXiv 2307.12348)."""
    pair: str = "posterior"
    """How the fake pair is made: posterior (a step back of the chain) or renoised (the prediction, diffused anew)."""
    residual: bool = True
    """Diffuse and predict the residual over the cheap first estimate; else the image itself, without seeing that."""
    estimator_features: tuple[int, ...] = (48, 64, 96)
    """Width of each level of the estimator."""
    estimator_blocks: tuple[int, ...] = (2, 2, 3)
    """Residual blocks of each level, down and (but for the last) up."""
    features: tuple[int, ...] = (48, 64, 96)
    """Of the generator."""
    blocks: tuple[int, ...] = (2, 2, 3)
    refiner_features: tuple[int, ...] = (32, 64)
    refiner_blocks: tuple[int, ...] = (2, 2)
    latent: int = 32
    """Length of the latent z."""
    critic_features: tuple[int, ...] = (32, 64, 128)
    critic_blocks: tuple[int, ...] = (1, 1, 1)
    adversarial: float = 1.0
    """Weight of the critic's judgement in the generator's loss; 0 has no critic."""
    texture: float = 1.0
    """Weight of the distance of textures (`objectives/texture.py`) in the generator's loss."""
    reconstruction: float = 0.05
    """Weight of errors in decibels in the generator's loss."""
    gradient_penalty: float = 0.1
    """Weight of R1 and R2: how flat the critic has to be on what is real and on what is fake."""
    penalty_every: int = 4
    """The penalties are taken on every n-th step, n times as strong."""
    estimate_share: float = 0.6
    """Part of the training spent on the answer of least error alone, before the critic is turned on."""
    refine_share: float = 0.0
    """Part of the training spent on the second stage, at the end; 0 has none."""
    joint: bool = False
    """Go on training the first stage during the second."""
    learning_rate: float = 1e-3
    learning_rate_adversarial: float = 5e-4
    """Of the generator and of the refiner."""
    learning_rate_critic: float = 5e-4
    learning_rate_end: float = 1e-5
    """Each stage's rates fall to this along a cosine."""
    ema: float = 0.999
    dtype: str = "float32"
    """Activations: float32 or bfloat16; parameters and optimizers stay float32."""
    remat: bool = False
    """Recompute the generator's blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        lookup("space", self.space, SPACES)
        lookup("process", self.process, CHAINS)
        lookup("pair", self.pair, PAIRS)
        checks.known_dtype(self)
        if self.restore_steps < 1 or self.steps % self.restore_steps:
            raise ValueError(
                f"system.restore_steps must be a divisor of system.steps ({self.steps}), got {self.restore_steps}"
            )
        if not 0 <= self.realism <= 1:
            raise ValueError(f"realism goes from 0 (least error) to 1 (a sample), got {self.realism}")
        if min(self.estimate_share, self.refine_share) < 0 or self.estimate_share + self.refine_share > 1:
            raise ValueError(
                "system.estimate_share and system.refine_share are parts of the training, together at most 1; got "
                f"{self.estimate_share} and {self.refine_share}"
            )
        for name in ("estimator_features", "features", "refiner_features", "critic_features"):
            depth, blocks = getattr(self, name), getattr(self, name.replace("features", "blocks"))
            if not depth or len(depth) != len(blocks) or min(*depth, *blocks) < 1:
                raise ValueError(f"system.{name} and its blocks need a number for each level, got {depth} and {blocks}")
        checks.at_least_one(self, "steps", "wavelet_levels", "latent", "penalty_every")


GAIN = 4.0
"""Residuals are a fraction of an image's range: this brings them to that of the noise."""
TOLD, DRAWN = 8.0, 0.25
"""What strengths of damage and latents are multiplied by: a network is to behave by the one, and vary by the other."""
DARKEST = 1e-5
"""Added to a squared error before its logarithm: half a grey level squared, below which nothing is gained."""


def decibels(restored: jax.Array, truth: jax.Array) -> jax.Array:
    """[B] -PSNR, but for a constant: what is reported is what is trained (Chen et al., NAFNet, arXiv 2204.04676)."""
    return 10 * jnp.log10(jnp.mean(jnp.square(restored - truth), axis=(1, 2, 3)) + DARKEST)


def planes(base: jax.Array, y: Measurement) -> jax.Array:
    """[B, H, W, 2 C + 2]: first estimate, damaged image, hole, and how far the estimate may be wrong."""
    plane = jnp.ones((*y["image"].shape[:3], 1))
    hole = y["hole"] if "hole" in y else 0 * plane
    return jnp.concatenate([base, y["image"], hole, jnp.log10(scale_of(y)) * plane], axis=-1)


def scale_of(y: Measurement) -> jax.Array:
    """[B, H, W, 1] or []: the unit that residuals are predicted in."""
    return y["contrast"] if "contrast" in y else jnp.asarray(levels.COMMON_CONTRAST)


@dataclasses.dataclass(frozen=True)
class Restoring:
    """The networks on a task: codes of residuals from a measurement, and back to images.

    Networks see and predict codes [B, H/f, W/f, C'] of the space; `params` are by player.
    """

    config: Config
    task: Task
    space: Space
    chain: Chain
    estimator: RestorationUNet
    generator: RestorationUNet
    refiner: RestorationUNet
    critic: RestorationCritic

    @property
    def gain(self) -> float:
        return GAIN if self.config.residual else 1.0

    @property
    def refining(self) -> bool:
        """Whether the second stage corrects the first when restoring."""
        return self.config.refine_share > 0 and self.config.refine and self.config.realism > 0

    def base(self, y: Measurement) -> jax.Array:
        """[B, H, W, C]: what residuals are over."""
        return self.task.start(y) if self.config.residual else jnp.zeros_like(y["image"])

    def encode(self, image: jax.Array, y: Measurement) -> jax.Array:
        """The code of an image's residual."""
        return self.gain * self.space.encode(image - self.base(y))

    def decode(self, code: jax.Array, y: Measurement) -> jax.Array:
        """The image of a residual's code."""
        return self.base(y) + self.space.decode(code) / self.gain

    def errors(self, code: jax.Array, truth: jax.Array, y: Measurement) -> jax.Array:
        """[B]: in decibels, of the images of two codes."""
        return decibels(self.decode(code, y), self.decode(truth, y))

    def condition(self, y: Measurement) -> jax.Array:
        return self.space.encode(planes(self.base(y), y))

    def strengths(self, y: Measurement) -> jax.Array:
        """[B, K]: what is wrong, in one unit for all tasks."""
        return TOLD * levels.vector(self.task.strengths(y), y["image"].shape[0])

    def hints(self, z: jax.Array, y: Measurement) -> jax.Array:
        """[B, Z + K]: the latent and what is wrong."""
        return jnp.concatenate([DRAWN * z, self.strengths(y)], axis=-1)

    def corrected(self, code: jax.Array, change: jax.Array, y: Measurement) -> jax.Array:
        """code + change, the latter in units of what may be wrong, and what is known put back."""
        image = self.decode(code, y) + (scale_of(y) if self.config.residual else 1.0) * self.space.decode(change)
        return self.encode(self.task.project(image, y), y)

    def estimator_inputs(self, y: Measurement) -> tuple[jax.Array, ...]:
        nothing, none = self.space.encode(y["image"])[..., :0], jnp.zeros(y["image"].shape[0], jnp.int32)
        return nothing, none, self.strengths(y), self.condition(y)

    def least(self, params: Any, y: Measurement) -> jax.Array:
        """The code of least error."""
        change = cast(jax.Array, self.estimator.apply({"params": params["estimator"]}, *self.estimator_inputs(y)))
        return self.corrected(jnp.zeros_like(change), change, y)

    def beside(self, y: Measurement, best: jax.Array) -> jax.Array:
        """What generator, refiner and critic see beside their codes: the code of least error and the condition."""
        return jnp.concatenate([best, self.condition(y)], axis=-1)

    def predict(
        self, params: Any, x: jax.Array, t: jax.Array, z: jax.Array, y: Measurement, best: jax.Array
    ) -> jax.Array:
        """x0, what is left over the code of least error; params are the generator's."""
        change = self.generator.apply({"params": params}, x, t, self.hints(z, y), self.beside(y, best))
        return self.corrected(best, cast(jax.Array, change), y) - best

    def refine(self, params: Any, x: jax.Array, z: jax.Array, y: Measurement, best: jax.Array) -> jax.Array:
        """x0 corrected; params are the refiner's."""
        none = jnp.zeros(x.shape[0], jnp.int32)
        change = self.refiner.apply({"params": params}, x, none, self.hints(z, y), self.beside(y, best))
        return self.corrected(best + x, cast(jax.Array, change), y) - best

    def judge(
        self, params: Any, x_t: jax.Array, t: jax.Array, x_next: jax.Array, y: Measurement, best: jax.Array
    ) -> jax.Array:
        """Logits [B, places]; params are a critic's."""
        return cast(jax.Array, self.critic.apply({"params": params}, x_t, t, x_next, self.beside(y, best)))

    def sample(self, params: Any, y: Measurement, best: jax.Array, keys: jax.Array) -> jax.Array:
        """x0 by the whole chain."""
        step = lambda x, t, z: self.predict(params["generator"], x, jnp.asarray(self.chain.names)[t], z, y, best)
        return sample_from_keys(
            step, self.chain.tables, keys, best.shape[1:], self.config.latent, spread=self.chain.spread,
            places=noise.places(y, best.shape[1]),
        )  # fmt: skip

    def restore(self, variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        params = variables["params"]
        code = self.least(params, y)
        if self.config.realism:
            draw = lambda key: jax.random.normal(jax.random.fold_in(key, 1), (self.config.latent,))
            left = self.sample(params, y, code, keys)
            if self.refining:
                left = self.refine(params["refiner"], left, jax.vmap(draw)(keys), y, code)
            code = code + self.config.realism * left
        # Once more: a space and its inverse return what is known but for rounding.
        return jnp.clip(self.task.project(self.decode(code, y), y), -1, 1)

    def inputs(self, y: Measurement) -> tuple[jax.Array, ...]:
        """Of generator and refiner."""
        x, batch = self.space.encode(y["image"]), y["image"].shape[0]
        latents = self.hints(jnp.zeros((batch, self.config.latent)), y)
        return x, jnp.zeros(batch, jnp.int32), latents, self.beside(y, x)

    def critic_inputs(self, y: Measurement) -> tuple[jax.Array, ...]:
        x, t, _, beside = self.inputs(y)
        return x, t, x, beside

    def players(self) -> dict[str, Player]:
        """Those that the config trains."""
        config, second = self.config, self.config.refine_share > 0
        players = {
            "estimator": Player(self.estimator, self.estimator_inputs, config.ema),
            "generator": Player(self.generator, self.inputs, config.ema),
            **({"refiner": Player(self.refiner, self.inputs, config.ema)} if second else {}),
        }
        critics = ("critic", "second_critic")[: 1 + second] if config.adversarial else ()
        return players | {name: Player(self.critic, self.critic_inputs) for name in critics}


def objectives(restoring: Restoring) -> tuple[Objective, Objective, Objective]:
    """Of the estimator, of the generator against its critic, of the refiner against its own."""
    config, task = restoring.config, restoring.task
    process = lookup("process", config.process, CHAINS)(config.steps, config.steps).tables
    pair: Pair = lookup("pair", config.pair, PAIRS)
    shared: Any = {
        "least": restoring.least, "measure": task.measure, "encode": restoring.encode, "errors": restoring.errors
    }  # fmt: skip
    contest: Any = {
        "judge": restoring.judge, "decode": restoring.decode, "latent": config.latent,
        "gamma": config.gradient_penalty, "every": config.penalty_every,
        "weights": residual_gan.Weights(config.adversarial, config.texture, config.reconstruction),
    }  # fmt: skip
    estimate = residual_gan.estimate(**shared)
    first = residual_gan.adversarial(predict=restoring.predict, process=process, pair=pair, **shared, **contest)
    second = residual_gan.refinement(sample=restoring.sample, refine=restoring.refine, **shared, **contest)
    return estimate, first, second


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "estimator", "generator", "critic" and, with a second stage, "refiner" and "second_critic"."""
    space = lookup("space", config.space, SPACES)(config.wavelet_levels)
    channels, dtype = space.channels(spec.channels), jnp.dtype(config.dtype)
    net = lambda features, blocks: RestorationUNet(channels, features, blocks, dtype=dtype, remat=config.remat)
    restoring = Restoring(
        config, task, space, lookup("process", config.process, CHAINS)(config.steps, config.restore_steps),
        estimator=net(config.estimator_features, config.estimator_blocks),
        generator=net(config.features, config.blocks),
        refiner=net(config.refiner_features, config.refiner_blocks),
        critic=RestorationCritic(config.critic_features, config.critic_blocks, dtype=dtype),
    )  # fmt: skip
    depths = [config.estimator_features, config.features, config.critic_features]
    depths += [config.refiner_features] if config.refine_share else []
    return System(
        restoring.restore, restoring.players(), training(config, spec, *objectives(restoring)),
        multiple=space.factor * 2 ** (max(map(len, depths)) - 1),
        calls=1 + bool(config.realism) * (config.restore_steps + restoring.refining), draws=config.realism > 0,
    )  # fmt: skip


def training(
    config: Config, spec: Spec, estimate: Objective, adversarial: Objective, refinement: Objective
) -> tuple[Stage, ...]:
    """The stages that have a share of the steps, in order."""
    first = round(spec.steps * config.estimate_share)
    last = round(spec.steps * config.refine_share)

    def adam(rate: float, steps: int, beta1: float) -> optax.GradientTransformation:
        schedule = optax.cosine_decay_schedule(rate, max(1, steps), alpha=min(1.0, config.learning_rate_end / rate))
        return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule, b1=beta1, b2=0.99))

    def stage(name: str, steps: int, objective: Objective, rates: dict[str, float], beta1: float = 0.5) -> Stage:
        return Stage(name, steps, objective, {player: adam(rate, steps, beta1) for player, rate in rates.items()})

    def against(critic: str, player: str) -> dict[str, float]:
        judge = {critic: config.learning_rate_critic} if config.adversarial else {}
        return {**judge, player: config.learning_rate_adversarial}

    both, second = against("critic", "generator"), against("second_critic", "refiner")
    made = [
        stage("estimate", first, estimate, {"estimator": config.learning_rate}, 0.9),
        stage("adversarial", spec.steps - first - last, adversarial, both),
        stage("refinement", last, refinement, second) if not config.joint
        else stage("joint", last, residual_gan.together(adversarial, refinement), {**both, **second}),
    ]  # fmt: skip
    return tuple(each for each in made if each.steps)
