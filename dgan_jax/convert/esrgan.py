"""Published files of ESRGAN: its generator has the names of RRDBNet, its critic those of the critics of enlarging."""

from collections.abc import Mapping
from typing import Any

from dgan_jax.convert import rrdb, vgg_critics
from dgan_jax.convert.trees import State


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file, which holds the generator or the critic."""
    return (vgg_critics if vgg_critics.is_critic(state) else rrdb).players(modules, state)


SIGNS = vgg_critics.SIGNS
"""Of its critic: its generators are those of rrdb."""
