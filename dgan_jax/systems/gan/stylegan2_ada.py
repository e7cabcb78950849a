"""StyleGAN2 with adaptive augmentation: all images that the critic sees are augmented, as often as it overfits.

Karras, Aittala, Hellsten, Laine, Lehtinen, Aila, "Training Generative Adversarial Networks with Limited Data", NeurIPS
2020, arXiv 2006.06676. The probability follows the mean sign of the critic's logits on real images.
"""

import dataclasses

from dgan_jax.core.parts import Generator, Spec, System, Task
from dgan_jax.objectives.stylegan2 import Augmentation
from dgan_jax.ops import ada_augment
from dgan_jax.systems import styles

PAPER = "Karras et al. 2020, arXiv 2006.06676"
TASKS = ("generate",)
LENDS = (Generator,)
WHEN_RESTORING = ("truncation",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the configuration "cifar" of the PyTorch code: no path lengths, no mixing, a plain critic."""

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

    pipe: str = "bgc"
    """Augmentations: b (blitting), g (geometry), c (colour), f (filter), n (noise), c (cutout), as bgcfnc."""
    target: float = 0.6
    """Mean sign of the critic's logits on real images that the probability is steered to."""
    ada_images: int = 500_000
    """Images in which the probability can go from 0 to 1."""
    ada_every: int = 4
    """Steps between two changes of it."""

    def __post_init__(self) -> None:
        styles.check(self)
        ada_augment.pipe(self.pipe)
        if not -1 <= self.target <= 1:
            raise ValueError(f"system.target is a mean of signs, from -1 to 1, got {self.target}; published: 0.6")
        for name in ("ada_images", "ada_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"system.{name} must be at least 1, got {getattr(self, name)}")


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"; the generator is averaged."""
    pipe = ada_augment.pipe(config.pipe)
    augmentation = Augmentation(
        lambda key, shape: ada_augment.draw(key, shape, pipe),
        lambda x, draws, p: ada_augment.augment(x, pipe, draws, p),
        config.target, config.ada_images, config.ada_every,
    )  # fmt: skip
    return styles.assembled(config, task, spec, augmentation)
