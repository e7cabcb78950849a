"""What StyleGAN2 and its two augmented followers share: options, networks, Adam for lazy penalties, truncation."""

import dataclasses
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax

from dgan_jax.core import checks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Array, Generator, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.core.rates import half_life
from dgan_jax.nets.minibatch import check_groups
from dgan_jax.nets.stylegan2 import ARCHITECTURES, Critic, Look, Mapping, Synthesis
from dgan_jax.nets.stylegan2 import Generator as StyleGenerator
from dgan_jax.objectives import stylegan2 as losses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What the Configs have in common. Defaults are the configuration "cifar" of the PyTorch code: no path lengths, no
    mixing, a plain critic."""

    latent: int = 512
    styles: int = 512
    """Width of w."""
    mapping_layers: int = 2
    """8 for large images."""
    mapping_rate: float = 0.01
    """Pace at which the mapping learns, relative to the rest."""
    features: int = 32768
    """Features at a side of s pixels are this / s, ..."""
    most_features: int = 512
    """... but at most so many."""
    architecture: str = "skip"
    """skip, resnet or orig."""
    critic_architecture: str = "orig"
    """orig for CIFAR-10, resnet for large images."""
    group: int = 32
    """Images whose deviation the critic sees; 4 for large images."""
    clamp: float = 256.0
    """Bound of activations, for bfloat16; 0: none."""
    half: int = 0
    """Resolutions, from the highest, in bfloat16; published: 4, in float16."""
    r1_gamma: float = 0.01
    r1_every: int = 16
    path_weight: float = 0.0
    """2 for large images."""
    path_every: int = 4
    mixing: float = 0.0
    """Probability that two styles are mixed; 0.9 for large images."""
    learning_rate: float = 2.5e-3
    ema_images: float = 500_000
    """Half-life of the generator's average, in images."""
    ema_ramp: float = 0.05
    """Share of the images seen that the half-life is at most; 0: no such limit."""
    truncation: float = 1.0
    """psi: below 1 styles are drawn towards their mean, for better images and fewer kinds."""

    def __post_init__(self) -> None:
        for name in ("architecture", "critic_architecture"):
            lookup(f"system.{name}", getattr(self, name), dict.fromkeys(ARCHITECTURES))
        checks.at_least_one(self, "latent", "styles", "mapping_layers", "group", "r1_every", "path_every")
        if not 0 <= self.mixing <= 1:
            raise ValueError(f"system.mixing is a probability, got {self.mixing}; published: 0.9, or 0 for CIFAR-10")
        if not 0 <= self.truncation <= 1:
            raise ValueError(f"system.truncation must be in [0, 1], got {self.truncation}; 1 draws all that was learnt")


class Modules(NamedTuple):
    """The two networks of a StyleGAN2."""

    generator: StyleGenerator
    critic: Critic


def modules(config: Options, spec: Spec) -> Modules:
    """Both networks; with classes in the data they are told them."""
    if spec.height != spec.width or spec.height < 4 or spec.height & (spec.height - 1):
        raise ValueError(
            f"StyleGAN2 draws squares whose side is a power of two, got {spec.height}x{spec.width}; try --data.size 32"
        )
    clamp = config.clamp or None
    look = Look(config.architecture, clamp=clamp)
    synthesis = Synthesis(spec.height, spec.channels, config.features, config.most_features, look, config.half)
    mapping = Mapping(config.styles, config.mapping_layers, rate=config.mapping_rate, axis_name=spec.axis_name)
    labels = None
    if spec.classes:
        labels = Mapping(min(config.features // 4, config.most_features), config.mapping_layers, averaged=False)
    critic = Critic(
        spec.height, config.critic_architecture, config.features, config.most_features, clamp, group=config.group,
        mapping=labels, half=config.half, axis_name=spec.axis_name,
    )  # fmt: skip
    return Modules(StyleGenerator(synthesis, mapping), critic)


def one_hot(y: Measurement, classes: int) -> jax.Array | None:
    """Labels as [B, classes], or None where there are none."""
    return jax.nn.one_hot(y["label"], classes) if classes else None


def networks_of(both: Modules, config: Options, spec: Spec) -> losses.Networks:
    """The modules as functions of parameters and model state."""
    generator, critic = both

    def map_(params: Any, state: Any, z: jax.Array, y: Measurement, train: bool) -> tuple[jax.Array, Any]:
        given = {"params": params, **state}
        c = one_hot(y, spec.classes)
        if not train:
            return cast(jax.Array, generator.apply(given, z, c, method="mapped")), state
        ws, changed = generator.apply(given, z, c, train=True, method="mapped", mutable=["average"])
        return ws, {**state, **changed}

    def synthesise(params: Any, state: Any, ws: jax.Array, noise: Any) -> jax.Array:
        return cast(jax.Array, generator.apply({"params": params, **state}, ws, noise, method="synthesised"))

    def judge(params: Any, x: jax.Array, y: Measurement) -> jax.Array:
        return cast(jax.Array, critic.apply({"params": params}, x, one_hot(y, spec.classes)))

    def draw_noise(key: jax.Array) -> list[jax.Array]:
        sides = generator.synthesis.noise_sides
        keys = jax.random.split(key, len(sides))
        return [jax.random.normal(own, (side, side, 1)) for own, side in zip(keys, sides, strict=True)]

    return losses.Networks(map_, synthesise, judge, config.latent, generator.synthesis.styles, draw_noise)


def lazy_adam(rate: float, every: int) -> optax.GradientTransformation:
    """Adam (0, 0.99) for a loss whose penalty is done on every `every`-th step as a step of its own: rate and betas are
    those of so many more steps (arXiv 1912.04958, appendix B). every = 0: no penalty."""
    share = every / (every + 1) if every else 1.0
    return optax.adam(rate * share, b1=0.0, b2=0.99**share, eps=1e-8)


def assembled(config: Options, task: Task, spec: Spec, augmentation: losses.Augmentation = losses.NONE) -> System:
    """Players "generator" and "critic"; the generator is averaged, its mean style and constant noises are not."""
    both = modules(config, spec)
    check_groups(spec.batch, config.group)
    networks = networks_of(both, config, spec)
    objective = losses.stylegan2(
        networks, measure=task.measure, batch=spec.batch, augmentation=augmentation, axis_name=spec.axis_name,
        options=losses.Options(
            r1_gamma=config.r1_gamma, r1_every=config.r1_every, path_weight=config.path_weight,
            path_every=config.path_every, mixing=config.mixing,
        ),
    )  # fmt: skip
    trained = {
        "generator": lazy_adam(config.learning_rate, config.path_every if config.path_weight else 0),
        "critic": lazy_adam(config.learning_rate, config.r1_every if config.r1_gamma else 0),
    }

    def draw(key: jax.Array, y: Measurement) -> jax.Array:
        del y
        return jax.random.normal(key, (config.latent,))

    def drawn(variables: dict[str, Any], z: jax.Array, y: Measurement, noise: Any) -> jax.Array:
        given = {"params": variables["params"]["generator"], **variables["model_state"]["generator"]}
        c = one_hot(y, spec.classes)
        image = both.generator.apply(given, z, c, noise, truncation=config.truncation)
        return jnp.clip(cast(jax.Array, image), -1, 1)

    def generate(variables: dict[str, Any], z: jax.Array, y: Measurement) -> jax.Array:
        return drawn(variables, z, y, "const")  # a latent is an image, whatever is drawn beside

    def judge(variables: dict[str, Any], image: jax.Array, y: Measurement) -> jax.Array:
        return networks.judge(variables["params"]["critic"], image, y)

    def restore(variables: dict[str, Any], y: Measurement, keys: jax.Array) -> Array:
        latent, noise = jax.vmap(jax.random.split, out_axes=1)(keys)
        z = jax.vmap(lambda key: draw(key, {}))(latent)
        return drawn(variables, z, y, jax.vmap(networks.draw_noise)(noise))

    z = lambda y: jnp.zeros((len(y["image"]), config.latent))
    ema = half_life(spec.batch, config.ema_images, config.ema_ramp) if spec.batch else 0.999
    players = {
        "generator": Player(both.generator, lambda y: (z(y), one_hot(y, spec.classes)), ema),
        "critic": Player(both.critic, lambda y: (y["image"], one_hot(y, spec.classes))),
    }
    stage = Stage("adversarial", spec.steps, objective, trained)
    lent = Generator(draw, generate, judge)
    return System(restore, players, (stage,), side=spec.height, calls=1, draws=True, prior=lent)
