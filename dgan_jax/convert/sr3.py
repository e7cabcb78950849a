"""Checkpoints of SR3's common re-implementation, both ways."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.ddpm import taken
from dgan_jax.convert.trees import Path, State, fill, leaf_of, stripped, tensor, unfill
from dgan_jax.nets.sr3_unet import SR3UNet

PARTS = {
    "level_in": "noise_level_mlp.1", "level_out": "noise_level_mlp.3", "stem": "downs.0", "middle_block0": "mid.0",
    "middle_attention": "mid.0", "middle_block1": "mid.1", "out_norm": "final_conv.block.0",
    "out": "final_conv.block.3",
}  # fmt: skip
BLOCK = {
    "norm_in": "block1.block.0", "conv_in": "block1.block.3", "level": "noise_func.noise_func.0",
    "norm_out": "block2.block.0", "conv_out": "block2.block.3", "skip": "res_conv",
}  # fmt: skip
ATTENTION = {"norm": "norm", "qkv": "qkv", "out": "out"}
PREFIX = "denoise_fn."
"""Of the network in a whole checkpoint, beside which lie tables of its schedule."""


def places(module: SR3UNet) -> dict[str, str]:
    """Published places of our submodules: numbers in three lists."""
    found, count, depths = dict(PARTS), 1, range(len(module.multipliers))
    for depth in depths:
        for i in range(module.blocks):
            found |= dict.fromkeys((f"down{depth}_block{i}", f"down{depth}_attention{i}"), f"downs.{count}")
            count += 1
        if depth < depths[-1]:
            found[f"down{depth}_reduce"] = f"downs.{count}.conv"
            count += 1
    count = 0
    for depth in reversed(depths):
        for i in range(module.blocks + 1):
            found |= dict.fromkeys((f"up{depth}_block{i}", f"up{depth}_attention{i}"), f"ups.{count}")
            count += 1
        if depth:
            found[f"up{depth}_enlarge"] = f"ups.{count}.conv"
            count += 1
    return found


def name_of(found: Mapping[str, str], path: Path) -> str:
    """The published name of one of our leaves."""
    head, *inner, leaf = path
    base = found[head]
    if inner and "attention" in head:
        base = f"{base}.attn.{ATTENTION[inner[0]]}"
    elif inner:
        base = f"{base}.res_block.{BLOCK[inner[0]]}"
    return leaf_of(base, leaf)


def shapes_of(module: SR3UNet, channels: int) -> Any:
    """Our parameters' shapes; `channels` of condition and state together."""
    side = 2 ** (len(module.multipliers) - 1)
    return jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, side, side, channels)), jnp.ones(1))["params"]


def network_params(module: SR3UNet, state: State) -> dict[str, Any]:
    """Our parameters from a published network, alone or in a whole checkpoint."""
    state = stripped(state)
    if any(name.startswith(PREFIX) for name in state):
        state = {name.removeprefix(PREFIX): value for name, value in state.items() if name.startswith(PREFIX)}
    stem, found = tensor(state, "downs.0.weight", 4, "network of SR3"), places(module)
    return fill(shapes_of(module, stem.shape[1]), state, lambda path: name_of(found, path))


def network_state(module: SR3UNet, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    found = places(module)
    return unfill(params, lambda path: name_of(found, path))


def network_of(args: Mapping[str, Any]) -> SR3UNet:
    """Our network from the arguments of the re-implementation's `UNet`."""
    known = {
        "in_channel": 6, "out_channel": 3, "inner_channel": 32, "norm_groups": 32, "channel_mults": (1, 2, 4, 8, 8),
        "attn_res": (8,), "res_blocks": 3, "dropout": 0, "with_noise_level_emb": True, "image_size": 128,
    }  # fmt: skip
    given = taken("SR3's network", args, known)
    if not given["with_noise_level_emb"]:
        raise ValueError("SR3's network is told the level of noise; got with_noise_level_emb False")
    attention = given["attn_res"]
    return SR3UNet(
        image_size=given["image_size"], out_channels=given["out_channel"], features=given["inner_channel"],
        multipliers=tuple(given["channel_mults"]), blocks=given["res_blocks"],
        attention=tuple(attention) if isinstance(attention, (list, tuple)) else (attention,),
        groups=given["norm_groups"], dropout=given["dropout"],
    )  # fmt: skip


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file: there is one network."""
    return {"denoiser": {"params": network_params(modules["denoiser"], state)}}


SIGNS = (
    r"(denoise_fn\.)?(downs|ups|mid)\.\d+\.(res_block|attn|conv)\..+",
    r"(denoise_fn\.)?(noise_level_mlp\.\d|downs\.0|final_conv\.block\.\d)\.(weight|bias)",
)
