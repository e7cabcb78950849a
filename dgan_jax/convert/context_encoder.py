"""Name rules between published Context Encoders (their PyTorch port) and ours, in both directions.

The parity tests load their weights by these rules, so passing parity is the proof that checkpoints load. The critic's
rules are those of DCGAN.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert import gan
from dgan_jax.convert.gan import critic_name, critic_state
from dgan_jax.convert.gan_names import known, leaf_of
from dgan_jax.convert.trees import Path, State, channels_of, fill, stripped, unfill
from dgan_jax.core.experiment import Experiment
from dgan_jax.nets.context_encoder import Critic, Generator

__all__ = ["critic_state"]


def generator_name(module: Generator, path: Path) -> str:
    """Layers are counted through, activations too; path: (collection, layer, leaf)."""
    head = path[1]
    norm = "_norm" in head
    kind, _, number = head.replace("_norm", "").partition("_")
    place = {"encode": 3 * int(number or 0) - 1, "bottleneck": 3 * module.levels - 1}.get(
        kind, 3 * module.levels + 2 + 3 * int(number or 0)
    )
    return leaf_of(path, f"main.{max(place, 0) + norm}")


def generator_variables(module: Generator, state: State) -> dict[str, Any]:
    """Our generator's variables from a published `netG`."""
    if not module.bottleneck:
        raise ValueError("published context encoders have a convolution as their waist; try --system.bottleneck 4000")
    state, side = known(stripped(state)), 4 * 2**module.levels
    x = jnp.zeros((1, side, side, channels_of(state, "main.0.weight", "context encoder")))
    shapes = dict(jax.eval_shape(module.init, jax.random.key(0), x))
    return fill(shapes, state, lambda path: generator_name(module, path))


def critic_variables(module: Critic, state: State) -> dict[str, Any]:
    """Our critic's variables from a published `netD`."""
    state, side = known(stripped(state)), 4 * 2**module.levels
    x = jnp.zeros((1, side, side, channels_of(state, "main.0.weight", "context encoder's critic")))
    return fill(dict(jax.eval_shape(module.init, jax.random.key(0), x)), state, critic_name)


def generator_state(module: Generator, variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our generator's variables."""
    return unfill(variables, lambda path: generator_name(module, path))


def arguments(args: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our generator's and our critic's arguments from the options of the published script, which is for 128x128."""
    generator = {
        "features": args["nef"],
        "decoder_features": args["ngf"],
        "bottleneck": args["nBottleneck"],
        "channels": args["nc"],
    }
    return generator, {"features": args["ndf"]}


def adapted(experiment: Experiment, shapes: Mapping[str, tuple[int, ...]]) -> Experiment:
    """A config of a context encoder with the sizes that the shapes of a published `netG` tell."""
    kernels = [shape for _, shape in sorted((int(name.split(".")[1]), s) for name, s in shapes.items() if len(s) == 4)]
    # Halvings, a waist, and as many layers behind it: one more where all of the image is predicted.
    levels, whole = divmod(len(kernels) - 1, 2)
    sizes = {
        "features": kernels[0][0],
        "decoder_features": kernels[-1][0],
        "bottleneck": kernels[levels][0],
        "whole": bool(whole),
    }
    data = dataclasses.replace(experiment.data, size=4 * 2**levels, channels=kernels[-1][1])
    return dataclasses.replace(experiment, system=dataclasses.replace(experiment.system, **sizes), data=data)


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file, which holds `netG` or `netD`: the critic ends in one channel."""
    layers = [name for name, value in stripped(state).items() if value.ndim == 4]
    if layers and stripped(state)[layers[-1]].shape[0] == 1:
        return {"critic": critic_variables(modules["critic"], state)}
    return {"generator": generator_variables(modules["generator"], state)}


SIGNS = gan.SIGNS
