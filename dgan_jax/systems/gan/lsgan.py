"""LSGAN: the critic fits codes by least squares, so that images on the right side of it but far away are pulled too.

Mao et al., "Least Squares Generative Adversarial Networks", ICCV 2017, arXiv 1611.04076, equations 8 (-1, 1, 0) and 9
(0, 1, 1). The paper's generator for 112x112 images is this file's of another size: DCGAN's, whose 5x5 convolutions are
4x4 here. Losses are twice the paper's, as common code has them; Adam does not mind.
"""

import dataclasses
import functools

from dgan_jax.core.parts import Generator, Spec, System, Task
from dgan_jax.nets import dcgan
from dgan_jax.objectives import adversarial
from dgan_jax.objectives.gan import gan
from dgan_jax.systems import adversaries

PAPER = "Mao et al. 2017, arXiv 1611.04076"
TASKS = ("generate",)
LENDS = (Generator,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(adversaries.Options):
    """Defaults: codes and Adam of the paper, networks for 32x32 images."""

    code_fake: float = 0.0
    """a: what the critic wants to say of generated images."""
    code_real: float = 1.0
    """b: of real ones."""
    code_wanted: float = 1.0
    """c: what the generator wants it to say. The other published choice: -1, 1, 0."""
    features: int = 64
    critic_features: int = 64
    levels: int = 3
    """Doublings of a 4x4 image: 3 for 32x32, 4 for 64x64."""
    latent: int = 1024
    learning_rate_generator: float = 1e-3
    learning_rate_critic: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.code_fake == self.code_real:
            raise ValueError(f"system.code_fake and code_real must differ, got {self.code_fake} twice")


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"."""
    adversaries.side_of(spec, 4 * 2**config.levels, "system.levels")
    pace = adversaries.pace_of(config, spec.batch)
    generator = dcgan.Generator(config.features, config.levels, spec.channels, spec.axis_name)
    critic = dcgan.Critic(config.critic_features, config.levels, spec.axis_name)
    statistics = ("batch_stats",)
    networks = adversaries.functions(
        generator, critic, config.latent, generator_state=statistics, critic_state=statistics
    )
    codes = adversarial.Codes(config.code_fake, config.code_real, config.code_wanted)
    game = adversarial.Game(
        functools.partial(adversarial.least_squares, codes=codes),
        functools.partial(adversarial.least_squares_generator, codes=codes),
    )
    objective = gan(networks, game, measure=task.measure, pace=pace)
    players = adversaries.players(generator, critic, config.latent, config.ema)
    return adversaries.assembled(networks, objective, adversaries.optimizers(config, spec), spec, players)
