"""Published checkpoints of SRDiff: U-Net and encoder in one file, or the encoder alone; both ways."""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.trees import Layout, Path, State, fill, leaf_of, stripped, tensor, to_ours, to_published, unfill
from dgan_jax.nets.srdiff import SRDiffEncoder, SRDiffUNet

PARTS = {
    "time_in": "mlp.0", "time_out": "mlp.2", "condition": "cond_proj", "enlarged": "up_proj.1",
    "middle_block0": "mid_block1", "middle_block1": "mid_block2", "last": "final_conv.0.block.1", "out": "final_conv.1",
}  # fmt: skip
BLOCK = {"conv_in": "block1.block.1", "conv_out": "block2.block.1", "time": "mlp.1", "skip": "res_conv"}
ENCODER = {"head": "conv_first", "trunk": "trunk_conv", "fuse": "HRconv", "out": "conv_last"}
UNET, RRDB = "denoise_fn.", "rrdb."
TRANSPOSED = re.compile(r"cond_proj\.weight|ups\.\d+\.2\.conv\.0\.weight")


def ours(name: str, value: np.ndarray, rank: int) -> np.ndarray:
    return value.transpose(2, 3, 0, 1) if TRANSPOSED.fullmatch(name) else to_ours(name, value, rank)


def published(name: str, value: np.ndarray) -> np.ndarray:
    return value.transpose(2, 3, 0, 1) if TRANSPOSED.fullmatch(name) else to_published(name, value)


LAYOUT = Layout(ours, published)


def unet_name(levels: int, path: Path) -> str:
    """The published name of one of our leaves."""
    head, *inner, leaf = path
    if head == "middle_attention":
        return "mid_attn.fn.g" if leaf == "share" else leaf_of(f"mid_attn.fn.fn.to_{inner[0]}", leaf)
    if head in PARTS:
        base = PARTS[head]
    else:
        way, level, role = re.fullmatch(r"(down|up)(\d+)_(.+)", head).groups()  # type: ignore[union-attr]
        number = int(level) if way == "down" else levels - 1 - int(level)
        place = {"block0": "0", "block1": "1", "reduce": "2.conv.1", "enlarge": "2.conv.0"}
        base = f"{way}s.{number}.{place[role]}"
    return leaf_of(f"{base}.{BLOCK[inner[0]]}" if inner else base, leaf)


def encoder_name(path: Path) -> str:
    """The published name of one of our leaves."""
    head, *inner, leaf = path
    kind, _, number = head.partition("_")
    if kind == "block":
        block, layer = (int(part.rpartition("_")[2]) + 1 for part in inner)
        return leaf_of(f"RRDB_trunk.{number}.RDB{block}.conv{layer}", leaf)
    return leaf_of(f"upconv{int(number) + 1}" if kind == "up" else ENCODER[head], leaf)


def unet_params(module: SRDiffUNet, state: State) -> dict[str, Any]:
    """Our parameters from a published U-Net."""
    told = tensor(state, "cond_proj.weight", 4, "U-Net of SRDiff").shape[0]
    channels, levels = (
        tensor(state, "downs.0.0.res_conv.weight", 4, "U-Net of SRDiff").shape[1],
        len(module.multipliers),
    )
    side = module.scale * 2**levels
    x = jnp.zeros((1, side, side, channels))
    low = jnp.zeros((1, side // module.scale, side // module.scale, told))
    shapes = jax.eval_shape(module.init, jax.random.key(0), x, jnp.zeros(1), low, x)["params"]
    return fill(shapes, state, lambda path: unet_name(levels, path), LAYOUT)


def unet_state(module: SRDiffUNet, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    return unfill(params, lambda path: unet_name(len(module.multipliers), path), LAYOUT)


def encoder_params(module: SRDiffEncoder, state: State) -> dict[str, Any]:
    """Our parameters from a published encoder."""
    channels = tensor(state, "conv_first.weight", 4, "encoder of SRDiff").shape[1]
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 2, 2, channels)))["params"]
    return fill(shapes, state, encoder_name)


def encoder_state(params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    return unfill(params, encoder_name)


def part(state: State, prefix: str) -> dict[str, np.ndarray]:
    """The tensors of one of a file's networks; tables of the schedule lie beside them."""
    return {name.removeprefix(prefix): value for name, value in stripped(state).items() if name.startswith(prefix)}


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file: both networks, or the encoder alone."""
    unet, encoder = part(state, UNET), part(state, RRDB) or part(state, "")
    found = {"encoder": {"params": encoder_params(modules["encoder"], encoder)}}
    if unet:
        found["denoiser"] = {"params": unet_params(modules["denoiser"], unet)}
    return found


SIGNS = (
    r"denoise_fn\.(cond_proj|up_proj|mlp|downs|ups|mid_block\d|mid_attn|final_conv)\..+",
    r"rrdb\.(conv_first|RRDB_trunk|trunk_conv|upconv\d|HRconv|conv_last)\..+",
)
