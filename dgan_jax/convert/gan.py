"""Name rules between published DCGANs (PyTorch's example) and our variables, in both directions.

The parity tests load their weights by these rules, so passing parity is the proof that checkpoints load.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.gan_names import known, leaf_of
from dgan_jax.convert.recognition import Shapes
from dgan_jax.convert.trees import Path, State, fill, stripped, unfill
from dgan_jax.core.experiment import Experiment
from dgan_jax.nets.dcgan import Critic, Generator


def generator_name(path: Path) -> str:
    """main.0 convolves, main.1 normalises, main.2 activates, and so on. path: (collection, layer, leaf)."""
    kind, _, number = path[1].partition("_")
    return leaf_of(path, f"main.{3 * int(number) + (kind == 'norm')}")


def critic_name(path: Path) -> str:
    """As the generator's, but nothing is normalised behind the first convolution."""
    kind, _, number = path[1].partition("_")
    return leaf_of(path, f"main.{max(3 * int(number) - 1, 0) + (kind == 'norm')}")


def generator_variables(module: Generator, state: State) -> dict[str, Any]:
    """Our generator's variables from a published `netG`; the latent's length is read off it."""
    state = known(stripped(state))
    z = jnp.zeros((1, state["main.0.weight"].shape[0]))
    shapes = jax.eval_shape(module.init, jax.random.key(0), z)
    return fill(shapes, state, generator_name)


def critic_variables(module: Critic, state: State) -> dict[str, Any]:
    """Our critic's variables from a published `netD`."""
    state = known(stripped(state))
    side = 4 * 2**module.levels
    x = jnp.zeros((1, side, side, state["main.0.weight"].shape[1]))
    return fill(jax.eval_shape(module.init, jax.random.key(0), x), state, critic_name)


def generator_state(variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our generator's variables."""
    return unfill(variables, generator_name)


def critic_state(variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our critic's variables."""
    return unfill(variables, critic_name)


def generator_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from the options of the published script; its networks are for 64x64."""
    return {"features": args["ngf"], "levels": 4, "channels": args["nc"]}


def critic_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    return {"features": args["ndf"], "levels": 4}


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file, which holds `netG` (its first layer is normalised) or `netD`."""
    if "main.1.running_mean" in stripped(state):
        return {"generator": generator_variables(modules["generator"], state)}
    return {"critic": critic_variables(modules["critic"], state)}


SIGNS = (r"main\.\d+\.(weight|bias|running_mean|running_var|num_batches_tracked)",)


def adapted(experiment: Experiment, shapes: Shapes) -> Experiment:
    """The config with the sizes of a generator's or a critic's file."""
    convolutions = sorted(int(name.split(".")[1]) for name, shape in shapes.items() if len(shape) == 4)
    first, last = (shapes[f"main.{i}.weight"] for i in (convolutions[0], convolutions[-1]))
    levels = len(convolutions) - 1
    if "main.1.running_mean" in shapes:
        own = {"features": first[1] // 2 ** (levels - 1), "latent": first[0]}
        channels = last[1]
    else:
        own, channels = {"critic_features": first[0]}, first[1]
    system = dataclasses.replace(experiment.system, levels=levels, **own)
    data = dataclasses.replace(experiment.data, size=4 * 2**levels, channels=channels)
    return dataclasses.replace(experiment, system=system, data=data)
