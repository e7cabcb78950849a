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

from dgan_jax.core import noise
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Measurement, Objective, Player, Space, Spec, Stage, System, Task
from dgan_jax.nets.restoration_critic import RestorationCritic
from dgan_jax.nets.restoration_unet import RestorationUNet
from dgan_jax.objectives import two_stage
from dgan_jax.objectives.denoising_gan import PAIRS, Pair
from dgan_jax.process.gaussian import Tables, gaussian, thinned, vp_betas
from dgan_jax.process.residual import residual_shift, shift_roots
from dgan_jax.samplers.denoising_gan import sample_from_keys
from dgan_jax.spaces.pixel import pixel
from dgan_jax.spaces.wavelet import wavelet
from dgan_jax.tasks import levels

PAPER = "this project; after Xiao et al. 2022, arXiv 2112.07804"
TASKS = ("inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture")
WHEN_RESTORING = ("realism", "restore_steps", "refine")
"""Options that may be chosen anew when restoring: no weight depends on them."""
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
        if self.dtype not in ("float32", "bfloat16"):
            raise ValueError(f"system.dtype must be float32 or bfloat16, got {self.dtype!r}")
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
        for name in ("steps", "wavelet_levels", "latent", "penalty_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"system.{name} must be at least 1, got {getattr(self, name)}")


GAIN = 4.0
"""Residuals are a fraction of an image's range: this brings them to that of the noise."""
TOLD, DRAWN = 8.0, 0.25
"""What strengths of damage and latents are multiplied by: a network is to behave by the one, and vary by the other."""
DARKEST = 1e-5
"""Added to a squared error before its logarithm: half a grey level squared, below which nothing is gained."""


def decibels(restored: jax.Array, truth: jax.Array) -> jax.Array:
    """[B] -PSNR, but for a constant: what is reported is what is trained (Chen et al., NAFNet, arXiv 2204.04676)."""
    return 10 * jnp.log10(jnp.mean(jnp.square(restored - truth), axis=(1, 2, 3)) + DARKEST)


def seen(base: jax.Array, y: Measurement) -> jax.Array:
    """[B, H, W, 2 C + 2]: first estimate, damaged image, hole, and how far the estimate may be wrong."""
    plane = jnp.ones((*y["image"].shape[:3], 1))
    hole = y["hole"] if "hole" in y else 0 * plane
    return jnp.concatenate([base, y["image"], hole, jnp.log10(scale_of(y)) * plane], axis=-1)


def scale_of(y: Measurement) -> jax.Array:
    """[B, H, W, 1] or []: the unit that residuals are predicted in."""
    return y["contrast"] if "contrast" in y else jnp.asarray(levels.COMMON_CONTRAST)


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "estimator", "generator", "critic" and, with a second stage, "refiner" and "second_critic"."""
    space = lookup("space", config.space, SPACES)(config.wavelet_levels)
    channels, dtype = space.channels(spec.channels), jnp.dtype(config.dtype)
    made = lookup("process", config.process, CHAINS)
    process, chain = made(config.steps, config.steps).tables, made(config.steps, config.restore_steps)
    pair: Pair = lookup("pair", config.pair, PAIRS)
    net = lambda features, blocks: RestorationUNet(channels, features, blocks, dtype=dtype, remat=config.remat)
    estimator = net(config.estimator_features, config.estimator_blocks)
    generator = net(config.features, config.blocks)
    refiner = net(config.refiner_features, config.refiner_blocks)
    critic = RestorationCritic(config.critic_features, config.critic_blocks, dtype=dtype)

    base = lambda y: task.start(y) if config.residual else jnp.zeros_like(y["image"])
    gain = GAIN if config.residual else 1.0
    encode = lambda image, y: gain * space.encode(image - base(y))
    decode = lambda code, y: base(y) + space.decode(code) / gain
    condition = lambda y: space.encode(seen(base(y), y))

    def strengths(y: Measurement) -> jax.Array:
        return TOLD * levels.vector(task.strengths(y), y["image"].shape[0])

    def told(z: jax.Array, y: Measurement) -> jax.Array:
        return jnp.concatenate([DRAWN * z, strengths(y)], axis=-1)

    def corrected(code: jax.Array, change: jax.Array, y: Measurement) -> jax.Array:
        """code + change, the latter in units of what may be wrong, and what is known put back."""
        image = decode(code, y) + (scale_of(y) if config.residual else 1.0) * space.decode(change)
        return encode(task.project(image, y), y)

    def estimator_inputs(y: Measurement) -> tuple[jax.Array, ...]:
        nothing, none = space.encode(y["image"])[..., :0], jnp.zeros(y["image"].shape[0], jnp.int32)
        return nothing, none, strengths(y), condition(y)

    def least(params: Any, y: Measurement) -> jax.Array:
        change = cast(jax.Array, estimator.apply({"params": params["estimator"]}, *estimator_inputs(y)))
        return corrected(jnp.zeros_like(change), change, y)

    def given(y: Measurement, best: jax.Array) -> jax.Array:
        return jnp.concatenate([best, condition(y)], axis=-1)

    def predict(params: Any, x: jax.Array, t: jax.Array, z: jax.Array, y: Measurement, best: jax.Array) -> jax.Array:
        change = cast(jax.Array, generator.apply({"params": params}, x, t, told(z, y), given(y, best)))
        return corrected(best, change, y) - best

    def refine(params: Any, x: jax.Array, z: jax.Array, y: Measurement, best: jax.Array) -> jax.Array:
        none = jnp.zeros(x.shape[0], jnp.int32)
        change = cast(jax.Array, refiner.apply({"params": params}, x, none, told(z, y), given(y, best)))
        return corrected(best + x, change, y) - best

    def judge(
        params: Any, x_t: jax.Array, t: jax.Array, x_next: jax.Array, y: Measurement, best: jax.Array
    ) -> jax.Array:
        return cast(jax.Array, critic.apply({"params": params}, x_t, t, x_next, given(y, best)))

    def sample(params: Any, y: Measurement, best: jax.Array, keys: jax.Array) -> jax.Array:
        step = lambda x, t, z: predict(params["generator"], x, jnp.asarray(chain.names)[t], z, y, best)
        places, shape = noise.places(y, best.shape[1]), best.shape[1:]
        return sample_from_keys(step, chain.tables, keys, shape, config.latent, spread=chain.spread, places=places)

    second = config.refine_share > 0
    refining = second and config.refine and config.realism > 0

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        params = variables["params"]
        code = least(params, y)
        if config.realism:
            draw = lambda key: jax.random.normal(jax.random.fold_in(key, 1), (config.latent,))
            left = sample(params, y, code, keys)
            if refining:
                left = refine(params["refiner"], left, jax.vmap(draw)(keys), y, code)
            code = code + config.realism * left
        # Once more: a space and its inverse return what is known but for rounding.
        return jnp.clip(task.project(decode(code, y), y), -1, 1)

    errors = lambda code, truth, y: decibels(decode(code, y), decode(truth, y))
    shared: Any = {"least": least, "measure": task.measure, "encode": encode, "errors": errors}
    contest: Any = {
        "judge": judge, "decode": decode, "latent": config.latent,
        "gamma": config.gradient_penalty, "every": config.penalty_every,
        "weights": two_stage.Weights(config.adversarial, config.texture, config.reconstruction),
    }  # fmt: skip
    estimate = two_stage.estimate(**shared)
    first = two_stage.adversarial(predict=predict, process=process, pair=pair, **shared, **contest)
    refinement = two_stage.refinement(sample=sample, refine=refine, **shared, **contest)

    def inputs(y: Measurement) -> tuple[jax.Array, ...]:
        x, batch = space.encode(y["image"]), y["image"].shape[0]
        return x, jnp.zeros(batch, jnp.int32), told(jnp.zeros((batch, config.latent)), y), given(y, x)

    def critic_inputs(y: Measurement) -> tuple[jax.Array, ...]:
        x, t, _, seen = inputs(y)
        return x, t, x, seen

    players = {
        "estimator": Player(estimator, estimator_inputs, config.ema),
        "generator": Player(generator, inputs, config.ema),
        **({"refiner": Player(refiner, inputs, config.ema)} if second else {}),
    }
    if config.adversarial:
        players |= {name: Player(critic, critic_inputs) for name in ("critic", "second_critic")[: 1 + second]}
    depths = [config.estimator_features, config.features, config.critic_features]
    depths += [config.refiner_features] if second else []
    multiple = space.factor * 2 ** (max(map(len, depths)) - 1)
    calls = 1 + bool(config.realism) * (config.restore_steps + refining)
    stages = training(config, spec, estimate, first, refinement)
    return System(restore, players, stages, multiple=multiple, calls=calls, draws=config.realism > 0)


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
        else stage("joint", last, two_stage.together(adversarial, refinement), {**both, **second}),
    ]  # fmt: skip
    return tuple(each for each in made if each.steps)
