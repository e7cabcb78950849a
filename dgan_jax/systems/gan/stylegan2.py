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
class Config(styles.Options):
    """Defaults are the configuration "cifar" of the PyTorch code: no path lengths, no mixing, a plain critic."""


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"; the generator is averaged."""
    return styles.assembled(config, task, spec)
