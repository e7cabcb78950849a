"""DiffIR: four diffusion steps of a prior vector, then one pass of a transformer that the vector modulates.

Xia et al., "DiffIR: Efficient Diffusion Model for Image Restoration", ICCV 2023, arXiv 2303.09472.

The first stage trains the restorer with an encoder that reads the prior off the damaged image and its original. The
second keeps that encoder as a frozen teacher, starts from that restorer, and learns to denoise the prior from the
damaged image alone, through the whole chain: only the second can restore. While the first is trained, `restore` lets
its encoder read the task's cheap estimate in the place of the original, so that pictures show how it comes along.
Enlarging may have a third, which goes on from the second against a U-Net critic (Wang et al., arXiv 2107.10833).

Networks see images in [0, 1]. Inpainting is trained by LaMa's losses, super-resolution and deblurring by the mean
absolute error, with VGG19's features and a critic beside it in the third stage. VGG19's weights are read from the
folder that DGAN_WEIGHTS names. LaMa's perceptual term needs a segmentation network's weights: give `build` a function
to have it. As published, known pixels of a hole's image are put back, and enlarged images are not made to agree with
the small one. Not as published: critics learn from what was restored after the restorer's update, not before it.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dgan_jax import pretrained, tasks
from dgan_jax.core import checks
from dgan_jax.core.parts import Measurement, Player, Spec, Stage, System, Task, Variables
from dgan_jax.nets.diffir import FirstStage, SecondStage
from dgan_jax.nets.dirformer import DIRformer
from dgan_jax.nets.pix2pixhd_critic import PatchCritic
from dgan_jax.nets.prior_denoiser import PriorDenoiser
from dgan_jax.nets.prior_encoder import PriorEncoder, stacked
from dgan_jax.nets.unet_critic import UNetCritic
from dgan_jax.objectives.diffir import (
    Adversary,
    ImageLoss,
    Perceptual,
    PlainAdversary,
    prior_losses,
    restoration,
    weighted_l1,
)
from dgan_jax.objectives.perceptual import REAL_ESRGAN, features_apart
from dgan_jax.process.prior import PriorChain, noised, prior_chain
from dgan_jax.samplers import prior_chain as sampler

PAPER = "Xia et al. 2023, arXiv 2303.09472"
TASKS = ("inpaint", "superres", "deblur", "paired")
TAILS = {"inpaint": "direct", "superres": "enlarge", "deblur": "residual"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the published values for inpainting faces."""

    dim: int = 52
    """Width of the restorer's first level; it doubles with each."""
    blocks: tuple[int, ...] = (1, 1, 1, 9)
    """Transformer blocks of the restorer's four levels."""
    refinement: int = 0
    """Further blocks at full resolution."""
    heads: tuple[int, ...] = (1, 2, 4, 8)
    expansion: float = 1.8
    """Hidden width of the feed-forward layers, in units of the channels."""
    norm_bias: bool = True
    encoder_features: int = 64
    """Width of the prior encoder's first level; the prior is four times as long."""
    encoder_blocks: int = 5
    denoiser_blocks: int = 1
    steps: int = 4
    """Denoising steps T of the prior."""
    beta_start: float = 0.1
    beta_end: float = 0.99
    residual: bool = False
    """Inpainting: see and correct the task's cheap fill, instead of making the image from a black hole; ours."""
    first_share: float = 0.5
    """Part of the training that is the first stage; 0 goes on from given weights."""
    prior_share: float = 0.0
    """Part of the second stage that fits the prior alone, before everything is trained."""
    third_share: float = 0.0
    """Enlarging: part of the training, at its end, that is the third stage; 1 goes on from given weights."""
    l1: float = 1.0
    """Weight of the mean absolute error; for inpainting those of `known` and `missing` pixels multiply it."""
    known: float = 10.0
    missing: float = 0.0
    adversarial: float = 10.0
    """The critic of inpainting and of the third stage, which is published with 1; 0 leaves it out, and with it feature
    matching and R1, which are inpainting's alone."""
    feature_matching: float = 100.0
    r1: float = 1e-3
    perceptual: float = 30.0
    """First two stages: weight of the perceptual function, where `build` is given one."""
    vgg: float = 1.0
    """Third stage: weight of VGG19's features, whose weights are read from DGAN_WEIGHTS; 0 does without."""
    prior: float = 1.0
    """Weight of the mean absolute error of the denoised prior."""
    critic_features: int = 64
    critic_layers: int = 4
    learning_rate: float = 2e-4
    learning_rate_critic: float = 1e-4
    first_halvings: tuple[float, ...] = ()
    """Where the first stage's rate is halved, as parts of the stage."""
    second_halvings: tuple[float, ...] = ()
    third_halvings: tuple[float, ...] = ()
    beta2: float = 0.999
    clip: float = 1.0
    """Largest norm of a player's gradient; 0 does not clip."""
    ema: float = 0.0
    """Averaging of the weights behind the first stage; 0 restores by the last ones."""
    dtype: str = "float32"
    """Activations: float32 or bfloat16; parameters and optimizers stay float32."""
    remat: bool = False
    """Recompute the restorer's blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        checks.known_dtype(self)
        for name in ("blocks", "heads"):
            if len(getattr(self, name)) != 4:
                raise ValueError(f"system.{name} needs a number for each of four levels, got {getattr(self, name)}")
        for level, heads in enumerate(self.heads):
            if heads < 1 or self.dim * 2**level % heads:
                raise ValueError(f"system.heads {self.heads} must divide the widths {self.dim} x 1, 2, 4, 8")
        checks.at_least_one(self, "dim", "steps", "encoder_features", "critic_features", "critic_layers")
        for name in ("first_share", "prior_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"system.{name} must be in [0, 1), got {getattr(self, name)}")
        if not 0 <= self.third_share <= 1 - self.first_share:
            raise ValueError(
                f"system.third_share must be at least 0 and, with first_share, at most 1; got {self.third_share} "
                f"beside {self.first_share}"
            )
        for name in ("first_halvings", "second_halvings", "third_halvings"):
            if not all(0 < place < 1 for place in getattr(self, name)):
                raise ValueError(f"system.{name} are parts of the stage, in (0, 1); got {getattr(self, name)}")


def to_unit_range(x: jax.Array) -> jax.Array:
    """[-1, 1] -> [0, 1]."""
    return 0.5 * (x + 1)


def adam(rate: float, halvings: Sequence[float], steps: int, *, beta2: float, clip: float) -> Any:
    """Adam whose rate is halved at parts of the stage, behind a clipping of the gradient's norm."""
    schedule = optax.piecewise_constant_schedule(rate, {round(place * steps): 0.5 for place in halvings})
    optimizer = optax.adam(schedule, b2=beta2)
    return optax.chain(optax.clip_by_global_norm(clip), optimizer) if clip else optimizer


def kind_of(task: Task) -> str:
    """inpaint, superres or deblur; pairs are seen and restored as what is blurred, which is given in its own size."""
    name = tasks.name_of(task)
    return "deblur" if name == "paired" else name


def networks(config: Config, kind: str, scale: int, channels: int) -> tuple[FirstStage, SecondStage]:
    """Both stages' networks."""
    dtype = jnp.dtype(config.dtype)
    restorer = DIRformer(
        dim=config.dim, blocks=config.blocks, refinement=config.refinement, heads=config.heads,
        expansion=config.expansion, norm_bias=config.norm_bias, tail=TAILS[kind],
        unshuffle=4 // scale if kind == "superres" else 1, out_channels=channels, dtype=dtype, remat=config.remat,
    )  # fmt: skip
    encoder = PriorEncoder(config.encoder_features, config.encoder_blocks, dtype)
    denoiser = PriorDenoiser(config.steps, config.denoiser_blocks)
    return FirstStage(encoder, restorer, scale), SecondStage(encoder, denoiser, restorer, scale)


def viewing(config: Config, kind: str) -> Callable[[Measurement], jax.Array]:
    """What the networks see of a measurement, in [0, 1]."""
    if kind == "superres":
        return lambda y: to_unit_range(y["low"])
    if kind == "deblur":
        return lambda y: to_unit_range(y["image"])

    def inpaint(y: Measurement) -> jax.Array:
        seen = to_unit_range(y["fill"]) if config.residual else to_unit_range(y["image"]) * (1 - y["hole"])
        return jnp.concatenate([seen, y["hole"]], axis=-1)

    return inpaint


def judging(critic: PatchCritic) -> Any:
    """The critic as the objective wants it."""

    def judge(params: Any, state: Any, x: jax.Array) -> tuple[jax.Array, Sequence[jax.Array], Any]:
        (logits, features), changed = critic.apply({"params": params, **state}, x, mutable=["batch_stats"])
        return logits, features, changed

    return judge


def judging_pixels(critic: UNetCritic) -> Any:
    """The critic of the third stage as the objective wants it."""

    def judge(params: Any, state: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        return critic.apply({"params": params, **state}, x, mutable=["batch_stats"])

    return judge


def through_vgg(image: jax.Array, truth: jax.Array, frozen: Mapping[str, Any]) -> jax.Array:
    """The published perceptual distance of enlarged images, [B, H, W, 3] in [0, 1]."""
    return features_apart(frozen["vgg19"], REAL_ESRGAN, image, truth)


def image_loss_of(config: Config, kind: str, perceptual: Perceptual | None, weight: float) -> ImageLoss:
    """The loss of a restored image, but for the critic's part."""

    def loss(
        image: jax.Array, truth: jax.Array, y: Measurement, frozen: Mapping[str, Any]
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        if kind == "inpaint":
            l1 = weighted_l1(image, truth, y["hole"], known=config.known, missing=config.missing)
        else:
            l1 = jnp.mean(jnp.abs(image - truth))
        total, metrics = config.l1 * l1, {"restorer/l1": l1}
        if perceptual is not None:
            metrics["restorer/perceptual"] = perceptual(image, truth, frozen)
            total = total + weight * metrics["restorer/perceptual"]
        return total, metrics

    return loss


@dataclasses.dataclass(frozen=True)
class Restoring:
    """Both stages' networks on a task: from a measurement, and in training the truth, to the image."""

    config: Config
    task: Task
    first: FirstStage
    second: SecondStage
    chain: PriorChain
    scale: int

    @property
    def kind(self) -> str:
        return kind_of(self.task)

    @property
    def width(self) -> int:
        """Length of the prior."""
        return 4 * self.config.encoder_features

    def view(self, y: Measurement) -> jax.Array:
        return viewing(self.config, self.kind)(y)

    def enhance(self, restorer: Any, y: Measurement, prior: jax.Array) -> jax.Array:
        """The raw image in [0, 1], known pixels not put back."""
        image = cast(jax.Array, self.first.restorer.apply({"params": restorer}, self.view(y), prior))
        return image + to_unit_range(self.task.start(y)) if self.config.residual and self.kind == "inpaint" else image

    def taught(self, params: dict, y: Measurement, truth: jax.Array) -> jax.Array:
        """The prior [B, D] that the first stage's encoder reads off the truth."""
        own = {"params": params["first"]["encoder"]}
        return cast(jax.Array, self.first.encoder.apply(own, stacked(self.view(y), truth, scale=self.scale)))

    def denoised(self, params: dict, y: Measurement, x_init: jax.Array) -> jax.Array:
        """The prior [B, D] that the chain ends with."""
        own, second = params["second"], self.second
        condition = second.condition.apply({"params": own["condition"]}, stacked(self.view(y), scale=self.scale))
        denoise = lambda x, t: cast(jax.Array, second.denoiser.apply({"params": own["denoiser"]}, x, t, condition))
        return sampler.sample(denoise, self.chain, x_init)[-1]

    def by_truth(self, params: dict, y: Measurement, truth: jax.Array, noise: jax.Array) -> tuple:
        """The first stage's forward pass (`objectives.diffir.Forward`)."""
        del noise
        return self.enhance(params["first"]["restorer"], y, self.taught(params, y, truth)), jnp.zeros(()), {}

    def by_chain(self, params: dict, y: Measurement, truth: jax.Array, noise: jax.Array) -> tuple:
        """The later stages' forward pass."""
        teacher = jax.lax.stop_gradient(self.taught(params, y, truth))
        student = self.denoised(params, y, noised(self.chain, teacher, noise))
        distance, divergence = prior_losses(student, teacher)
        metrics = {"prior/l1": distance, "prior/divergence": divergence}
        return self.enhance(params["second"]["restorer"], y, student), self.config.prior * distance, metrics

    def restore(self, variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        params = variables["params"]
        x_init = jax.vmap(lambda key: jax.random.normal(key, (self.width,)))(keys)
        early = variables["model_state"]["second"]["stage"]["first"] > 0
        prior = jax.lax.cond(
            early,
            lambda: self.taught(params, y, to_unit_range(self.task.start(y))),
            lambda: self.denoised(params, y, x_init),
        )
        # Choosing weights instead of images: one restorer to compile.
        choose = lambda ours, theirs: jnp.where(early, ours, theirs)
        restorer = jax.tree.map(choose, *(params[player]["restorer"] for player in ("first", "second")))
        image = jnp.clip(2 * self.enhance(restorer, y, prior) - 1, -1, 1)
        return image if self.kind == "superres" else self.task.project(image, y)

    def players(self) -> dict[str, Player]:
        nothing = lambda y: jnp.zeros((y["image"].shape[0], self.width))
        none = lambda y: jnp.zeros(y["image"].shape[0], jnp.int32)
        return {
            "first": Player(self.first, lambda y: (self.view(y), y["image"])),
            "second": Player(self.second, lambda y: (self.view(y), nothing(y), none(y)), self.config.ema),
        }


def opponent_of(
    config: Config, kind: str, axis_name: str | None
) -> tuple[PatchCritic | UNetCritic | None, Adversary | PlainAdversary | None]:
    """The critic and what is learned from it, where there is one."""
    dtype = jnp.dtype(config.dtype)
    if config.adversarial and kind == "inpaint":
        critic = PatchCritic(config.critic_features, config.critic_layers, axis_name, dtype)
        return critic, Adversary(judging(critic), config.adversarial, config.feature_matching, config.r1)
    if config.adversarial and config.third_share:
        judge = UNetCritic(config.critic_features, dtype)
        return judge, PlainAdversary(judging_pixels(judge), config.adversarial)
    return None, None


def hand_over(variables: Variables) -> Variables:
    """The second stage begins with the first one's restorer."""
    params = variables["params"]
    second = {**params["second"], "restorer": params["first"]["restorer"]}
    return {**variables, "params": {**params, "second": second}}


@dataclasses.dataclass(frozen=True)
class Training:
    """What the stages have in common."""

    config: Config
    restoring: Restoring
    adversary: Adversary | PlainAdversary | None

    def stage(
        self, name: str, steps: int, player: str, halvings: Sequence[float], loss: ImageLoss | None, judged: bool
    ) -> Stage:
        """A stage that trains `player`, "first" by the truth and "second" by the chain."""
        config, restoring, first = self.config, self.restoring, player == "first"
        opponent = self.adversary if judged else None
        objective = restoration(
            player=player, forward=restoring.by_truth if first else restoring.by_chain, image_loss=loss,
            adversary=opponent, measure=restoring.task.measure, encode=to_unit_range, width=restoring.width,
            model_state={"second": {"stage": {"first": np.float32(first)}}},
        )  # fmt: skip
        optimizer = lambda rate: adam(rate, halvings, steps, beta2=config.beta2, clip=config.clip)
        optimizers = {player: optimizer(config.learning_rate)}
        if opponent is not None:
            optimizers["critic"] = optimizer(config.learning_rate_critic)
        return Stage(name, steps, objective, optimizers)

    def stages(self, total: int, image_loss: ImageLoss, seen_loss: ImageLoss) -> tuple[Stage, ...]:
        """The stages that have steps, of `total`; the third one's loss is `seen_loss`."""
        config, judged = self.config, self.restoring.kind == "inpaint"
        # The last stage gets a step in the shortest of trainings too.
        first = min(round(total * config.first_share), total - 1)
        third = min(round(total * config.third_share), total - first)
        rest = total - first - third
        prior = min(round(rest * config.prior_share), max(0, rest - 1))
        check = functools.partial(pretrained.read, "vgg19", None) if config.vgg else lambda: None
        last = self.stage("third", third, "second", config.third_halvings, seen_loss, True)
        made = [
            self.stage("first", first, "first", config.first_halvings, image_loss, judged),
            self.stage("prior", prior, "second", (), None, False),
            self.stage("second", rest - prior, "second", config.second_halvings, image_loss, judged),
            dataclasses.replace(last, check=check),
        ]
        made = [each for each in made if each.steps]
        if first and len(made) > 1:
            made[1] = dataclasses.replace(made[1], begin=hand_over)
        return tuple(made)


def build(config: Config, task: Task, spec: Spec, *, perceptual: Perceptual | None = None) -> System:
    """Players "first" and "second", each all that its stage trains together, and a "critic" of what has one.

    perceptual: (restored, original, frozen networks), both [B, H, W, C] in [0, 1] -> scalar.
    """
    kind = kind_of(task)
    scale = getattr(task, "scale", 1)
    if kind == "deblur" and scale > 1:
        raise ValueError(
            f"diffir restores pairs of one size, got task.scale {scale}; enlarge the damaged pictures first"
        )
    if scale not in (1, 2, 4):
        raise ValueError(f"diffir enlarges by 2 or 4, got task.scale {scale}; try --task.scale 4")
    if config.third_share and kind != "superres":
        raise ValueError(f"only enlarging has a third stage, not {kind}; give --system.third_share 0")
    chain = prior_chain(config.steps, start=config.beta_start, end=config.beta_end)
    restoring = Restoring(config, task, *networks(config, kind, scale, spec.channels), chain, scale)
    critic, adversary = opponent_of(config, kind, spec.axis_name)
    image_loss = image_loss_of(config, kind, perceptual, config.perceptual)
    through = config.third_share > 0 and config.vgg > 0
    seen_loss = image_loss_of(config, kind, through_vgg if config.vgg else None, config.vgg)
    players = restoring.players()
    if critic is not None:
        players["critic"] = Player(critic, lambda y: (y["image"],))
    return System(
        restoring.restore, players, Training(config, restoring, adversary).stages(spec.steps, image_loss, seen_loss),
        multiple=32 if kind == "superres" else 8,
        calls=config.steps + 2,  # the condition encoder, the chain, the restorer
        draws=True, frozen={"vgg19": lambda: pretrained.read("vgg19", None).params} if through else {},
    )  # fmt: skip
