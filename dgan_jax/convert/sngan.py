"""Name rules between published SNGANs (its PyTorch twin, and DGflow's copies of the official networks) and ours.

The parity tests load their weights by these rules, so passing parity is the proof that checkpoints load.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.gan_names import known, layers, leaf_of, spectral_layout
from dgan_jax.convert.recognition import Shapes
from dgan_jax.convert.trees import Path, State, fill, stripped, unfill
from dgan_jax.core.experiment import Experiment
from dgan_jax.nets import dcgan

BLOCK = {"conv_in": "c1", "conv_out": "c2", "skip": "c_sc", "norm_in": "b1", "norm_out": "b2"}


def generator_name(path: Path) -> str:
    """path: (collection, block_0, layer, ..., leaf), or (collection, layer, leaf)."""
    head, *inner = path[1:-1]
    if head.startswith("block_"):
        return leaf_of(path, f"block{int(head.removeprefix('block_')) + 2}.{BLOCK[inner[0]]}")
    return leaf_of(path, {"dense": "l1", "norm": "b5", "out": "c5"}[head])


def critic_name(path: Path) -> str:
    """path: (collection, block_0_conv_in, leaf) or (collection, out, leaf)."""
    head = path[1]
    if head == "out":
        return leaf_of(path, "l5", spectral=True)
    number, _, layer = head.removeprefix("block_").partition("_")
    return leaf_of(path, f"block{int(number) + 1}.{BLOCK[layer]}", spectral=True)


def small_generator_name(path: Path) -> str:
    """Of the 32x32 DCGAN."""
    kind, _, number = path[1].partition("_")
    return leaf_of(path, {"dense": "l0", "norm": f"bn{number}", "conv": f"dc{number}"}[kind])


def small_critic_name(path: Path) -> str:
    """Of the 32x32 DCGAN's critic."""
    head = path[1]
    return leaf_of(path, "l4" if head == "out" else head.replace("conv_", "c"), spectral=True)


def generator_variables(module: Any, state: State) -> dict[str, Any]:
    """Our generator's variables, of either kind, from a published file; the latent's length is read off it."""
    state = known(stripped(state))
    name, rename = generator_rule(module)
    z = jnp.zeros((1, state[name].shape[1]))
    return fill(jax.eval_shape(module.init, jax.random.key(0), z), state, rename)


def generator_rule(module: Any) -> tuple[str, Any]:
    small = isinstance(module, dcgan.SmallGenerator)
    return ("l0.weight", small_generator_name) if small else ("l1.weight", generator_name)


def critic_variables(module: Any, state: State, channels: int = 3) -> dict[str, Any]:
    """Our critic's variables, of either kind, from a published file."""
    state = known(stripped(state))
    small = isinstance(module, dcgan.SmallCritic)
    side = 8 * module.bottom if isinstance(module, dcgan.SmallCritic) else 32
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, side, side, channels)))
    rule = small_critic_name if small else critic_name
    if not module.normalise:
        return fill(shapes, state, lambda path: rule(path).replace("_orig", ""))
    return fill(shapes, state, rule, spectral_layout(layers(state)))


def generator_state(module: Any, variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our generator's variables."""
    return unfill(variables, generator_rule(module)[1])


def critic_state(module: Any, variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our critic's variables."""
    rule = small_critic_name if isinstance(module, dcgan.SmallCritic) else critic_name
    plain = unfill({"params": variables["params"]}, rule)
    return (
        unfill(variables, rule, spectral_layout(layers(plain)))
        if module.normalise
        else {name.replace("_orig", ""): value for name, value in plain.items()}
    )


def generator_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our residual generator's arguments from those of either published class."""
    if "gf_dim" in args:
        return {"features": args["gf_dim"], "bottom": args["bottom_width"], "epsilon": 1e-5}
    return {"features": args["ch"], "bottom": args["bottom_width"], "epsilon": 2e-5}


def critic_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    return {"features": args["df_dim"], "normalise": args["d_spectral_norm"]}


def small_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the 32x32 DCGAN's generator or critic."""
    return {"features": args["ch"], "bottom": args["bw"]}


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file, which holds the generator or the critic."""
    names = stripped(state)
    if "l1.weight" in names or "l0.weight" in names:
        return {"generator": generator_variables(modules["generator"], state)}
    return {"critic": critic_variables(modules["critic"], state)}


SIGNS = (
    r"block\d\.(c1|c2|c_sc|b1|b2)\.\w+", r"(l[0145]|b5|c5|c\d_\d|c\d|bn\d|dc\d)\.\w+",
)  # fmt: skip


def adapted(experiment: Experiment, shapes: Shapes) -> Experiment:
    """The config with the sizes of a generator's or a critic's file, of either kind of network."""
    found: dict[str, Any] = {}
    if "l1.weight" in shapes or "l0.weight" in shapes:
        small = "l0.weight" in shapes
        wide, found["latent"] = shapes["l0.weight" if small else "l1.weight"]
        found["features"] = shapes["dc1.weight" if small else "block2.c1.weight"][0]
        found["bottom"] = math.isqrt(wide // found["features"])
    elif "c3_0.weight_orig" in shapes:
        small, found["critic_features"] = True, shapes["c3_0.weight_orig"][0]
        found["bottom"] = math.isqrt(shapes["l4.weight_orig"][1] // found["critic_features"])
    else:
        small, found["critic_features"] = False, shapes["block1.c1.weight_orig"][0]
    found["network"] = "dcgan" if small else "resnet"
    system = dataclasses.replace(experiment.system, **found)
    data = dataclasses.replace(experiment.data, size=8 * system.bottom)
    return dataclasses.replace(experiment, system=system, data=data)
