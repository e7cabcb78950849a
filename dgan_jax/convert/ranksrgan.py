"""Published files of RankSRGAN: its generator by the rules of residual networks, its critic and its ranker by those of
the critics of enlarging. A generator alone is told by the converter of srresnet."""

from collections.abc import Mapping
from typing import Any

from dgan_jax.convert import srresnet, vgg_critics
from dgan_jax.convert.trees import State, stripped

SIGNS = (r"classifier\.[02]\.(weight|bias)", *vgg_critics.SIGNS)


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file of one network."""
    if "classifier.0.weight" in stripped(state):
        return {"ranker": vgg_critics.variables(modules["ranker"], state, 2 ** modules["ranker"].stages)}
    return (vgg_critics if vgg_critics.is_critic(state) else srresnet).players(modules, state)
