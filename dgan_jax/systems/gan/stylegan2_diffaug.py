"""StyleGAN2 with differentiable augmentation: one policy for all images that the critic sees, in every update.

Zhao, Liu, Lin, Zhu, Han, "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020, arXiv 2006.10738.
"""

import dataclasses

from dgan_jax.core.parts import Generator, Spec, System, Task
from dgan_jax.objectives.stylegan2 import Augmentation
from dgan_jax.ops import diffaugment
from dgan_jax.systems import styles

PAPER = "Zhao et al. 2020, arXiv 2006.10738"
TASKS = ("generate",)
LENDS = (Generator,)
WHEN_RESTORING = ("truncation",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(styles.Options):
    """Defaults are the published CIFAR-10 values, on networks with an eighth of StyleGAN2's features."""

    features: int = 4096
    """Features at a side of s pixels are this / s, ..."""
    r1_gamma: float = 0.1
    ema_images: float = 1_000_000
    """Half-life of the generator's average, in images."""
    ema_ramp: float = 0.0
    """Share of the images seen that the half-life is at most; 0: no such limit."""
    policy: str = "color,cutout"
    """Of color, translation, cutout; with little data all three."""

    def __post_init__(self) -> None:
        super().__post_init__()
        diffaugment.steps(self.policy)


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"; the generator is averaged."""
    augmentation = Augmentation(diffaugment.draw, lambda x, draws, p: diffaugment.augment(x, draws, config.policy))
    return styles.assembled(config, task, spec, augmentation)
