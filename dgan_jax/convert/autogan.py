"""Name rules between published AutoGAN generators and ours; the critic is SNGAN's, by SNGAN's rules."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert import sngan
from dgan_jax.convert.gan_names import known, leaf_of
from dgan_jax.convert.trees import Path, State, fill, stripped, unfill
from dgan_jax.nets.autogan import Generator

CELL = {"conv_in": "c1", "conv_out": "c2", "skip": "c_sc", "norm_in": "n1", "norm_out": "n2"}


def generator_name(path: Path) -> str:
    """path: (collection, cell_0, layer, leaf), or (collection, layer, leaf)."""
    head, *inner = path[1:-1]
    if not inner:
        return leaf_of(path, {"dense": "l1", "norm": "to_rgb.0", "out": "to_rgb.2"}[head])
    layer = inner[0]
    name = CELL.get(layer) or f"skip_in_ops.{layer.removeprefix('from_')}"
    return leaf_of(path, f"cell{int(head.removeprefix('cell_')) + 1}.{name}")


def generator_variables(module: Generator, state: State) -> dict[str, Any]:
    """Our generator's variables from a published file; the latent's length is read off it."""
    state = known(stripped(state))
    z = jnp.zeros((1, state["l1.weight"].shape[1]))
    return fill(jax.eval_shape(module.init, jax.random.key(0), z), state, generator_name)


def generator_state(variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our generator's variables."""
    return unfill(variables, generator_name)


def generator_arguments(args: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """Our constructor's arguments from those of the published class; each architecture is a file of its own there."""
    return {"architecture": architecture, "features": args["gf_dim"], "bottom": args["bottom_width"]}


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file, which holds the generator or the critic."""
    if "l1.weight" in stripped(state):
        return {"generator": generator_variables(modules["generator"], state)}
    return {"critic": sngan.critic_variables(modules["critic"], state)}


SIGNS = (
    r"cell\d\.(c1|c2|c_sc|n1|n2|skip_in_ops\.\d)\.\w+", r"(l1|to_rgb\.[02])\.\w+", *sngan.SIGNS,
)  # fmt: skip
