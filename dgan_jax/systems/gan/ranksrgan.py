"""RankSRGAN: SRGAN with a ranker, which has learnt to tell what a figure of quality prefers and has a slope.

Zhang et al., "RankSRGAN: Generative Adversarial Networks with Ranker for Image Super-Resolution", ICCV 2019, arXiv
1908.06382. The ranker learns first, from pairs of three levels of quality that NIQE orders: as a stage (`ranker_share`)
or as a run of its own (`ranker_share` 1), from which the adversarial training begins (train.begin_with
ranker=RUN,generator=RUN). Then the generator pays for the ranker's score of what it makes.

Levels are published as the results of three trained networks, ESRGAN's entry to PIRM, SRGAN and SRResNet; with
`levels` "networks" these are frozen players, which train.begin_with gives (level_esrgan=RUN#generator, ...). With
"mixtures", which are ours, they are made of the original and its enlarged reduction, where no networks are at hand.
NIQE is that of metrics/niqe.py, fitted on other photographs than the paper's. Not as published: crops are mirrored, not
turned; the ranker learns from crops as they come, not from a grid of them; its scores are summed over all devices.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from dgan_jax.core import checks
from dgan_jax.core.parts import Context, Example, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.metrics.niqe import niqe
from dgan_jax.nets.rrdb import RRDBNet, shape_of
from dgan_jax.nets.srresnet import MSRResNet, TrunkResNet
from dgan_jax.nets.vgg_critic import Ranker
from dgan_jax.objectives import ranking
from dgan_jax.objectives.enlarging import vanilla
from dgan_jax.systems import adversaries, enlarging

PAPER = "Zhang et al. 2019, arXiv 1908.06382"
TASKS = ("superres",)
WHEN_RESTORING = ("realism", *enlarging.WHEN_RESTORING)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(enlarging.Adversarial):
    """Defaults are the published code's."""

    features: int = 64
    blocks: int = 16
    start: float = 0.1
    """Deviation of the first weights around the blocks, in units of He's. With the published
    tenth, hundreds of steps pass before anything is learnt."""
    rank: float = 0.03
    """Weight of the ranker's scores, which are summed over the batch."""
    ranker_share: float = 0.0
    """Part of the training, at its begin, in which the ranker learns; 0 where a run gives it, 1 for such a run."""
    levels: str = "mixtures"
    """What the ranker learns from: networks or mixtures."""
    level_blocks: int = 16
    """Blocks of the networks of the three levels, of `features` features."""
    level_growth: int = 32
    margin: float = 0.5
    """How far apart the scores of a pair should be."""
    niqe_block: int = 96
    """Side of the blocks that NIQE looks at; crops must be as large."""
    ranker_features: int = 64
    ranker_stages: int = 5
    learning_rate_ranker: float = 1e-4
    ranker_decay: float = 1e-4
    """Of the ranker's weights, as a part of its gradient."""
    ranker_milestones: tuple[float, ...] = (0.25, 0.5)
    """Where the ranker's rate is halved, as parts of its stage."""
    l1: float = 0.0
    milestones: tuple[float, ...] = (0.1, 0.2, 0.4, 0.6)
    ema: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels not in ("networks", "mixtures"):
            raise ValueError(f"system.levels must be networks or mixtures, got {self.levels!r}")
        if not 0 <= self.ranker_share <= 1:
            raise ValueError(f"system.ranker_share must be in [0, 1], got {self.ranker_share}")
        checks.at_least_one(
            self, "features", "blocks", "level_blocks", "level_growth", "ranker_features", "ranker_stages"
        )


def level_players(config: Config, task: Task, spec: Spec) -> dict[str, Player]:
    """The networks of the three levels, the best looking first; none where levels are mixtures."""
    if config.levels == "mixtures":
        return {}
    scale = enlarging.scale_of(task)
    fold, doublings = shape_of(scale)
    dense = RRDBNet(config.features, config.level_blocks, config.level_growth, fold, doublings, spec.channels)
    plain = MSRResNet(config.features, config.level_blocks, scale, spec.channels)
    look = lambda y: (enlarging.seen(y),)
    return {f"level_{name}": Player(module, look) for name, module in
            (("esrgan", dense), ("srgan", plain), ("srresnet", plain))}  # fmt: skip


def of_networks(players: dict[str, Player]) -> Any:
    """The three levels of images that networks make (`ranking.ranking`)."""

    def levels(params: dict, context: Context, batch: Example, y: Measurement) -> jax.Array:
        del batch
        made = [
            adversaries.applied(player.module, (), params[name], context.model_state[name], enlarging.seen(y))[0]
            for name, player in players.items()
        ]
        return jnp.clip(jnp.stack(made), 0, 1)

    return levels


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator", "regressor", "critic", "ranker" and the networks of levels that there are."""
    scale = enlarging.scale_of(task)
    module = TrunkResNet(config.features, config.blocks, scale, spec.channels, jnp.dtype(config.dtype), config.start)
    ranker = Ranker(config.ranker_features, config.ranker_stages, axis_name=spec.axis_name)
    judge, levels = enlarging.judging(ranker), level_players(config, task, spec)
    first = min(round(spec.steps * config.ranker_share), spec.steps - (config.ranker_share < 1))
    system = enlarging.adversary(
        config, task, dataclasses.replace(spec, steps=max(spec.steps - first, 1)), module, multiple=scale,
        game=vanilla(), more={"rank": (config.rank, ranking.by_ranker(judge, spec.axis_name))},
    )  # fmt: skip
    objective = ranking.ranking(
        judge=judge, levels=of_networks(levels) if levels else ranking.mixtures,
        figure=functools.partial(niqe, block=config.niqe_block), measure=task.measure, wanted=config.margin,
    )  # fmt: skip
    rate = enlarging.multistep(
        config.learning_rate_ranker, [round(place * first) for place in config.ranker_milestones]
    )
    # The published decay is L2's: it passes Adam's moments.
    learn = optax.chain(optax.add_decayed_weights(config.ranker_decay), optax.adam(rate, b1=0.9, b2=0.999))
    stages = (Stage("ranker", first, objective, {"ranker": learn}),) if first else ()
    players = {**system.players, "ranker": Player(ranker, lambda y: (y["image"],)), **levels}
    rest = system.stages if first < spec.steps else ()
    return dataclasses.replace(system, players=players, stages=(*stages, *rest))
