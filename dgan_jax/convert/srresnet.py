"""Name rules between published residual networks that shuffle pixels and our parameters.

MSRResNet in the names of BasicSR and of mmsr before it, and RankSRGAN's generator. There are no published files of the
first SRResNet. The parity tests load their weights by these rules.
"""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.recognition import Shapes, data_for, task_for, words_for
from dgan_jax.convert.trees import Path, State, channels_of, fill, stripped, unfill
from dgan_jax.core.experiment import Experiment
from dgan_jax.nets.srresnet import MSRResNet, TrunkResNet
from dgan_jax.systems.gan import srresnet

Network = MSRResNet | TrunkResNet
PARTS = {"head": "conv_first", "trunk": "LRconv", "fuse": "HRconv", "out": "conv_last"}
INNER = {"in": "conv1", "out": "conv2"}
LEAVES = {"kernel": "weight", "bias": "bias"}


def name(path: Path) -> str:
    """The older name of one of our leaves: mmsr's and RankSRGAN's."""
    head, *inner, leaf = path
    kind, _, number = head.partition("_")
    if kind == "block":
        return f"recon_trunk.{number}.{INNER[inner[0]]}.{LEAVES[leaf]}"
    return f"{f'upconv{int(number) + 1}' if kind == 'up' else PARTS[head]}.{LEAVES[leaf]}"


def older(state: State) -> dict[str, Any]:
    """Tensors (or their shapes) by the older names, whichever they have."""
    new = {"conv_hr.": "HRconv.", "body.": "recon_trunk."}
    renamed = lambda name: next(
        (old + name.removeprefix(now) for now, old in new.items() if name.startswith(now)), name
    )
    # With one enlarging convolution it is called upconv1, and so it is here.
    return {renamed(name): value for name, value in state.items()}


def newer(state: State) -> dict[str, Any]:
    """BasicSR's names of tensors by the older ones."""
    old = {"HRconv.": "conv_hr.", "recon_trunk.": "body."}
    renamed = lambda name: next(
        (now + name.removeprefix(was) for was, now in old.items() if name.startswith(was)), name
    )
    return {renamed(name): value for name, value in state.items()}


def generator_variables(module: Network, state: State) -> dict[str, Any]:
    """Our variables from a published file; channels of the input are read off it."""
    if not isinstance(module, Network):
        raise ValueError("there are no published files of the original SRResNet; give a config with another network")
    state = older(stripped(state))
    channels = channels_of(state, "conv_first.weight", type(module).__name__)
    params = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 4, 4, channels)))["params"]
    return {"params": fill(params, state, name)}


def generator_state(module: Network, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters: BasicSR's of MSRResNet, RankSRGAN's of its own."""
    state = unfill(params, name)
    return newer(state) if isinstance(module, MSRResNet) else state


def arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Our constructor's arguments from the shapes of a file's tensors, by the older names."""
    blocks = {int(match[1]) for match in (re.match(r"recon_trunk\.(\d+)\.", name) for name in shapes) if match}
    features, scale = shapes["conv_first.weight"][0], 1
    for wide in (shapes[name] for name in shapes if re.fullmatch(r"upconv\d+\.weight", name)):
        scale *= round((wide[0] / wide[1]) ** 0.5)
    return {
        "features": features, "blocks": 1 + max(blocks, default=-1), "scale": scale,
        "out_channels": shapes["conv_last.weight"][0],
    }  # fmt: skip


def published_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from those of either published class."""
    old = {"in_nc": "num_in_ch", "out_nc": "num_out_ch", "nf": "num_feat", "nb": "num_block"}
    known = {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 64, "num_block": 16, "upscale": 4}
    given = {old.get(name, name): value for name, value in args.items()}
    if foreign := given.keys() - known.keys():
        raise ValueError(f"these networks have no argument {min(foreign)!r} here; known: {', '.join(known)}")
    given = {**known, **given}
    if given["num_in_ch"] != given["num_out_ch"]:
        raise ValueError(
            f"images in and out have as many channels here, got {given['num_in_ch']}, {given['num_out_ch']}"
        )
    return {
        "features": given["num_feat"], "blocks": given["num_block"], "scale": given["upscale"],
        "out_channels": given["num_out_ch"],
    }  # fmt: skip


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file, which holds one network."""
    return {"generator": generator_variables(modules["generator"], state)}


SIGNS = (
    r"(conv_first|LRconv|upconv\d+|HRconv|conv_hr|conv_last)\.(weight|bias)",
    r"(body|recon_trunk)\.\d+\.conv[12]\.(weight|bias)",
)


def described(shapes: Shapes, task: str | None) -> tuple[Experiment, str]:
    """What the shapes of a file's tensors tell of its network, in either naming."""
    given = arguments(older(shapes))  # type: ignore[arg-type]
    network, called = ("trunk", "RankSRGAN's") if "LRconv.weight" in shapes else ("msrresnet", "MSRResNet: SRResNet's")
    wanted = task_for(given["scale"], task)
    config = srresnet.Config(network=network, features=given["features"], blocks=given["blocks"])
    words = (
        f"{called} generator: {words_for(given['scale'], wanted)}, {config.blocks} blocks, {config.features} features"
    )
    return Experiment(system=config, task=wanted, data=data_for(given["out_channels"])), words
