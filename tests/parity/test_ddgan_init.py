"""Fresh parameters are distributed as those of the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import PROCESS, args_of, assert_distributed, fixtures, meta_of, without_effect

from dgan_jax.convert import ddgan as names
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.ncsnpp_adagn import NCSNpp

CASES = [
    pytest.param(path.values[0], player, id=f"{path.id}-{player}")
    for path in fixtures("ddgan_init")
    for player in args_of(path.values[0])
]


def fresh(player: str, args: dict) -> dict[str, np.ndarray]:
    """Our initial parameters under the published names."""
    # This generator's draws are one operation each, which compiles in a tenth of the time for a whole network.
    key, t = jax.random.key(0, impl="rbg"), jnp.ones(1, jnp.int32)
    if player == "G":
        network = NCSNpp(**names.generator_arguments(args))
        without_effect(args, *PROCESS, "t_emb_dim")
        side = 2 ** (len(args["ch_mult"]) - 1)
        inputs = (jnp.zeros((1, side, side, args["num_channels"])), t, jnp.zeros((1, args["nz"])))
        return names.generator_state(network, jax.jit(network.init)(key, *inputs)["params"])
    network = Critic(**names.critic_arguments(args, variant=player.removeprefix("D_")))
    x = jnp.zeros((1, 64, 64, args["nc"]))
    return names.critic_state(network, jax.jit(network.init)(key, x[..., 1:], t, x[..., :1])["params"])


@pytest.mark.parametrize(("path", "player"), CASES)
def test_fresh_parameters_are_distributed_as_the_published_ones(path, player):
    file, meta = np.load(path), meta_of(path)
    shapes = {name: tuple(shape) for name, shape in meta["state"][player]}
    ours = fresh(player, meta["args"][player])
    assert {name: value.shape for name, value in ours.items()} == shapes
    assert_distributed(ours, shapes, file, player)
