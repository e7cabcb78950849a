"""StyleGAN2 with adaptive augmentation: all images that the critic sees are augmented, as often as it overfits.

Karras, Aittala, Hellsten, Laine, Lehtinen, Aila, "Training Generative Adversarial Networks with Limited Data", NeurIPS
2020, arXiv 2006.06676. The probability follows the mean sign of the critic's logits on real images.
"""

import dataclasses

from dgan_jax.core import checks
from dgan_jax.core.parts import Generator, Spec, System, Task
from dgan_jax.objectives.stylegan2 import Augmentation
from dgan_jax.ops import ada_augment
from dgan_jax.systems import styles

PAPER = "Karras et al. 2020, arXiv 2006.06676"
TASKS = ("generate",)
LENDS = (Generator,)
WHEN_RESTORING = ("truncation",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(styles.Options):
    """Defaults are the configuration "cifar" of the PyTorch code: no path lengths, no mixing, a plain critic."""

    pipe: str = "bgc"
    """Augmentations: b (blitting), g (geometry), c (colour), f (filter), n (noise), c (cutout), as bgcfnc."""
    target: float = 0.6
    """Mean sign of the critic's logits on real images that the probability is steered to."""
    ada_images: int = 500_000
    """Images in which the probability can go from 0 to 1."""
    ada_every: int = 4
    """Steps between two changes of it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        ada_augment.pipe(self.pipe)
        if not -1 <= self.target <= 1:
            raise ValueError(f"system.target is a mean of signs, from -1 to 1, got {self.target}; published: 0.6")
        checks.at_least_one(self, "ada_images", "ada_every")


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"; the generator is averaged."""
    pipe = ada_augment.pipe(config.pipe)
    augmentation = Augmentation(
        lambda key, shape: ada_augment.draw(key, shape, pipe),
        lambda x, draws, p: ada_augment.augment(x, pipe, draws, p),
        config.target, config.ada_images, config.ada_every,
    )  # fmt: skip
    return styles.assembled(config, task, spec, augmentation)
