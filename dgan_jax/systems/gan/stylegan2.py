"""StyleGAN2: a mapped latent modulates the weights of every layer of the generator.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020,
arXiv 1912.04958, in the form of its PyTorch successor: lazy R1 and path lengths as Adam steps of their own, style
mixing, and truncation towards the mean style when images are drawn.
"""

import dataclasses

from dgan_jax.core.parts import Generator, Spec, System, Task
from dgan_jax.systems import styles

PAPER = "Karras et al. 2020, arXiv 1912.04958"
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

    def __post_init__(self) -> None:
        styles.check(self)


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"; the generator is averaged."""
    return styles.assembled(config, task, spec)
