"""Published checkpoints of ECDP: U-Net and encoder in one file, or the encoder with its head; both ways."""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.trees import Path, State, fill, leaf_of, stripped, tensor, unfill
from dgan_jax.nets.ecdp import ECDPEncoder, ECDPHead, ECDPUNet

UNET, ENCODER, TRUNK, HEAD = "diffusion.network.", "lr_feats.", "rrdb.", "final."
PARTS = {
    "stem": "in_conv.network", "time_in": "time_in.0", "time_out": "time_in.2", "out_norm": "out_conv.0",
    "out": "out_conv.2.network", "middle_block0": "mid.0", "middle_block1": "mid.1",
}  # fmt: skip
BLOCK = {
    "time": "time_in", "told": "extra_in.network", "norm_in": "norm1", "conv_in": "conv1.network", "norm_out": "norm2",
    "conv_out": "conv2.network", "skip": "skip.network",
}  # fmt: skip


def unet_name(module: ECDPUNet, path: Path) -> str:
    """The published name of one of our leaves: blocks and what resamples are numbered together."""
    head, *inner, leaf = path
    if head in PARTS:
        base = PARTS[head]
    else:
        way, level, role = re.fullmatch(r"(down|up)(\d+)_(.+)", head).groups()  # type: ignore[union-attr]
        before = int(level) if way == "down" else len(module.multipliers) - 1 - int(level)
        count = module.blocks + (way == "up")
        place = count if role in ("reduce", "enlarge") else int(role.removeprefix("block"))
        more = {"reduce": ".downconv.network", "enlarge": ".upconv.1.network"}.get(role, "")
        base = f"{way}s.{before * (count + 1) + place}{more}"
    return leaf_of(f"{base}.{BLOCK[inner[0]]}" if inner else base, leaf)


def encoder_name(path: Path) -> str:
    """The published name of one of our leaves."""
    head, *inner, leaf = path
    if head == "head":
        return leaf_of("conv_first", leaf)
    block, layer = re.fullmatch(r"dense(\d)_conv(\d)", inner[0]).groups()  # type: ignore[union-attr]
    return leaf_of(f"blocks.{head.removeprefix('block_')}.block{int(block) + 1}.conv{int(layer) + 1}", leaf)


def head_name(scale: int, path: Path) -> str:
    """The published name of one of our leaves: in a row with doublings and activations."""
    kind, _, number = path[0].partition("_")
    doublings = scale.bit_length() - 1
    place = 1 + 3 * int(number) if kind == "up" else 3 * doublings + {"fuse": 0, "out": 2}[kind]
    return leaf_of(str(place), path[-1])


def unet_params(module: ECDPUNet, state: State) -> dict[str, Any]:
    """Our parameters from a published U-Net."""
    what = "U-Net of ECDP"
    channels = tensor(state, "in_conv.network.weight", 4, what).shape[1]
    told = tensor(state, "mid.0.extra_in.network.weight", 4, what).shape[1]
    x, low = jnp.zeros((1, 8, 8, channels)), jnp.zeros((1, 2, 2, told))
    shapes = jax.eval_shape(module.init, jax.random.key(0), x, jnp.ones(1), low)["params"]
    return fill(shapes, state, lambda path: unet_name(module, path))


def unet_state(module: ECDPUNet, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    return unfill(params, lambda path: unet_name(module, path))


def encoder_params(module: ECDPEncoder, state: State) -> dict[str, Any]:
    """Our parameters from a published trunk."""
    channels = tensor(state, "conv_first.weight", 4, "encoder of ECDP").shape[1]
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 2, 2, channels)))["params"]
    return fill(shapes, state, encoder_name)


def encoder_state(params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    return unfill(params, encoder_name)


def head_params(module: ECDPHead, state: State) -> dict[str, Any]:
    """Our parameters from a published head."""
    features = tensor(state, "1.weight", 4, "head of ECDP's encoder").shape[1]
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 2, 2, features)))["params"]
    return fill(shapes, state, lambda path: head_name(module.scale, path))


def head_state(module: ECDPHead, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    return unfill(params, lambda path: head_name(module.scale, path))


def part(state: State, prefix: str) -> dict[str, np.ndarray]:
    """The tensors of one of a file's networks; tables of the schedule lie beside them."""
    inner = {name.removeprefix("model."): value for name, value in stripped(state).items()}
    return {name.removeprefix(prefix): value for name, value in inner.items() if name.startswith(prefix)}


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file: U-Net and encoder, or encoder and head."""
    unet, encoder, head = part(state, UNET), part(state, ENCODER) or part(state, TRUNK), part(state, HEAD)
    found = {"encoder": {"params": encoder_params(modules["encoder"], encoder)}}
    if unet:
        found["denoiser"] = {"params": unet_params(modules["denoiser"], unet)}
    if head:
        found["head"] = {"params": head_params(modules["head"], head)}
    return found


SIGNS = (
    r"(model\.)?diffusion\.(network\.(time_in|in_conv|downs|mid|ups|out_conv)\..+|betas|alphas|alpha_bars)",
    r"(model\.)?(lr_feats|rrdb)\.(conv_first|blocks\.\d+\.block\d\.conv\d)\..+|(model\.)?final\.\d+\..+",
)
