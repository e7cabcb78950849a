"""Beby-GAN: patches learn from whichever patch of the original fits best; the critic sees rich regions alone.

Li et al., "Best-Buddy GANs for Highly Detailed Image Super-Resolution", AAAI 2022, arXiv 2103.15295. ESRGAN's network
and game. An image's patches are compared with their best buddies, its reduction with the small image, its features with
the original's; regions that are flat in the small image are hidden from the critic. It begins with a run of rrdb
(train.begin_with), which it keeps for `realism`. Not as published: crops are mirrored left and right, not transposed;
the relativistic means are over all devices.
"""

import dataclasses

import jax

from dgan_jax.core.parts import Measurement, Spec, System, Task
from dgan_jax.objectives import best_buddy
from dgan_jax.objectives.enlarging import Distances, relativistic_average
from dgan_jax.systems import enlarging

PAPER = "Li et al. 2022, arXiv 2103.15295"
TASKS = ("superres",)
WHEN_RESTORING = ("realism", *enlarging.WHEN_RESTORING)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(enlarging.Dense, enlarging.Adversarial):
    """Defaults are the published code's."""

    buddies: float = 1.0
    """Weight of the distance from the best buddies."""
    alpha: float = 1.0
    """How much a buddy should resemble the patch itself."""
    beta: float = 1.0
    """How much a buddy should resemble the original's patch."""
    consistency: float = 1.0
    """Weight of the reduced image's distance from the small one."""
    flat_size: int = 11
    """Side of the windows whose deviation tells flat regions from rich ones; 0 hides nothing from the critic."""
    flat_deviation: float = 0.025
    """Regions with less are flat; whites are 1."""
    l1: float = 0.0
    """Weight of the mean absolute error."""
    vgg_layers: tuple[str, ...] = ("conv3_4", "conv4_4", "conv5_4")
    vgg_weights: tuple[float, ...] = (0.125, 0.25, 0.5)
    critic_features: int = 32
    critic_stages: int = 6
    cycles: int = 3
    warm: float = 0.01
    beta2: float = 0.999
    ema: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.flat_size < 0 or (self.flat_size and self.flat_size % 2 == 0):
            raise ValueError(f"system.flat_size must be odd, or 0, got {self.flat_size}")


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator", "regressor" and "critic"."""
    if spec.channels != 3:
        raise ValueError(f"bebygan looks at the luma of colours, got {spec.channels} channels; try --data.channels 3")
    module, game = enlarging.dense_network(config, task, spec), relativistic_average(spec.axis_name)
    scale = enlarging.scale_of(task)

    def shown(image: jax.Array, y: Measurement) -> jax.Array:
        if not config.flat_size:
            return image
        low = enlarging.seen(y)
        return image * (1 - best_buddy.flat(low, scale, size=config.flat_size, deviation=config.flat_deviation))

    more: Distances = {
        "buddies": (
            config.buddies, lambda seen: best_buddy.best_buddy(seen.image, seen.truth, config.alpha, config.beta)
        ),
        "consistency": (
            config.consistency, lambda seen: best_buddy.back_projection(seen.image, enlarging.seen(seen.y))
        ),
    }  # fmt: skip
    return enlarging.adversary(
        config, task, spec, module, multiple=2**module.doublings, game=game, more=more, shown=shown
    )
