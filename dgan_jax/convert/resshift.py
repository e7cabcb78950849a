"""Published checkpoints of ResShift: its U-Net with Swin blocks, both ways, or the autoencoder VQ-f4."""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.ddpm import ADM_BLOCK, ADM_PARTS, taken
from dgan_jax.convert.lddgan import HALVES, autoencoder_params
from dgan_jax.convert.trees import Layout, Path, State, fill, leaf_of, stripped, tensor, to_ours, to_published, unfill
from dgan_jax.nets.swin_unet import SwinUNet

SWIN = {
    "in": "patch_embed.proj", "in_norm": "patch_embed.norm", "out": "patch_unembed.proj",
    "out_norm": "patch_unembed.norm",
}  # fmt: skip
BLOCK = {"norm_in": "norm1", "norm_out": "norm2", "widen": "mlp.fc1", "narrow": "mlp.fc2"}
ATTENTION = {"qkv": "qkv", "out": "proj"}
TABLE = "relative_position_bias_table"
FOLLOWS = (".relative_position_index", ".attn_mask")
"""Tables that follow from the sizes."""


def ours(name: str, value: np.ndarray, rank: int) -> np.ndarray:
    return value if name.endswith(TABLE) else to_ours(name, value, rank)


def published(name: str, value: np.ndarray) -> np.ndarray:
    return value if name.endswith(TABLE) else to_published(name, value)


LAYOUT = Layout(ours, published)


def places(module: SwinUNet) -> dict[str, str]:
    """Published places of our submodules: each residual block stands with what follows it in a numbered sequence."""
    found, count, levels = {**ADM_PARTS, "middle_swin": "middle_block.1"}, 1, range(len(module.multipliers))
    more = lambda layer: "" if module.resample_in_blocks else f".{layer}"
    for level in levels:
        for i in range(module.blocks[level]):
            found[f"down{level}_block{i}"] = f"input_blocks.{count + i}.0"
        found[f"down{level}_swin"] = f"input_blocks.{count}.1"
        count += module.blocks[level]
        found[f"down{level}_reduce"] = f"input_blocks.{count}.0{more('op')}"
        count += 1
    count = 0
    for level in reversed(levels):
        for i in range(module.blocks[level] + 1):
            found[f"up{level}_block{i}"] = f"output_blocks.{count + i}.0"
        found[f"up{level}_swin"] = f"output_blocks.{count}.1"
        count += module.blocks[level] + 1
        found[f"up{level}_enlarge"] = f"output_blocks.{count - 1}.1{more('conv')}"
    return found


def name(places: Mapping[str, str], path: Path) -> str:
    """The published name of one of our leaves."""
    head, *inner, leaf = path
    if measured := re.fullmatch(r"told(\d+)_(in|reduce)", head):
        number = 3 * int(measured[1])
        return leaf_of(f"feature_extractor.{number if measured[2] == 'in' else f'{number + 2}.op'}", leaf)
    base = places[head]
    if not head.endswith("swin"):
        return leaf_of(f"{base}.{ADM_BLOCK[inner[0]]}" if inner else base, leaf)
    if inner[0] in SWIN:
        return leaf_of(f"{base}.{SWIN[inner[0]]}", leaf)
    block, _, part = inner[0].removeprefix("block").partition("_")
    base = f"{base}.blocks.{block}"
    if part != "attention":
        return leaf_of(f"{base}.{BLOCK[part]}", leaf)
    return leaf_of(f"{base}.attn.{ATTENTION[inner[1]]}", leaf) if len(inner) > 1 else f"{base}.attn.{TABLE}"


def unet_params(module: SwinUNet, state: State) -> dict[str, Any]:
    """Our parameters from a published network; what it sees beside the state is read off it."""
    state = {name: value for name, value in stripped(state).items() if not name.endswith(FOLLOWS)}
    stem = tensor(state, "input_blocks.0.0.weight", 4, "network of ResShift")
    halvings = sum(bool(re.fullmatch(r"feature_extractor\.\d+\.op\.weight", name)) for name in state)
    seen = stem.shape[1] - module.out_channels
    if halvings:
        seen = tensor(state, "feature_extractor.0.weight", 4, "network of ResShift").shape[1]
    side = module.multiple
    x, told = jnp.zeros((1, side, side, module.out_channels)), jnp.zeros((1, side << halvings, side << halvings, seen))
    shapes = jax.eval_shape(module.init, jax.random.key(0), x, jnp.zeros(1), told)["params"]
    known = places(module)
    return fill(shapes, state, lambda path: name(known, path), LAYOUT)


def unet_state(module: SwinUNet, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    known = places(module)
    return unfill(params, lambda path: name(known, path), LAYOUT)


def unet_of(args: Mapping[str, Any]) -> SwinUNet:
    """Our network from the arguments of the published `UNetModelSwin`; inputs and what is measured tell themselves."""
    known = {
        "image_size": 64, "in_channels": 3, "model_channels": 160, "out_channels": 3, "num_res_blocks": 2,
        "attention_resolutions": (), "dropout": 0.0, "channel_mult": (1, 2, 4, 8), "conv_resample": True, "dims": 2,
        "use_fp16": False, "num_heads": 1, "num_head_channels": -1, "use_scale_shift_norm": False,
        "resblock_updown": False, "swin_depth": 2, "swin_embed_dim": 96, "window_size": 8, "mlp_ratio": 2.0,
        "patch_norm": False, "cond_lq": True, "cond_mask": False, "lq_size": 256,
    }  # fmt: skip
    given = taken("ResShift's network", args, known)
    if given["dims"] != 2 or not given["cond_lq"] or given["in_channels"] != given["out_channels"]:
        raise ValueError(
            f"ResShift's network is for images, says as many channels as it gets, and sees the damaged one; got {args}"
        )
    multipliers, blocks = tuple(given["channel_mult"]), given["num_res_blocks"]
    return SwinUNet(
        out_channels=given["out_channels"], side=given["image_size"], features=given["model_channels"],
        multipliers=multipliers, blocks=(blocks,) * len(multipliers) if isinstance(blocks, int) else tuple(blocks),
        attention=tuple(given["attention_resolutions"]), heads=given["num_heads"],
        head_channels=given["num_head_channels"], swin_features=given["swin_embed_dim"],
        swin_depth=given["swin_depth"], window=given["window_size"], widening=given["mlp_ratio"],
        normed=given["patch_norm"], scale_shift=given["use_scale_shift_norm"],
        resample_in_blocks=given["resblock_updown"], resample_with_conv=given["conv_resample"],
        dropout=given["dropout"], dtype=jnp.float16 if given["use_fp16"] else jnp.float32,
    )  # fmt: skip


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file, which holds the U-Net or the autoencoder."""
    state = stripped(state)
    if any(name.startswith(HALVES) for name in state):
        return {"autoencoder": {"params": autoencoder_params(modules["autoencoder"], state)}}
    network = modules["denoiser"]
    if not isinstance(network, SwinUNet):
        raise ValueError("published files of ResShift are of its network with Swin blocks; give --system.network swin")
    return {"denoiser": {"params": unet_params(network, state)}}


SIGNS = (
    r"(input_blocks|middle_block|output_blocks)\.\d+\.(\d+\.)?(patch_embed|patch_unembed|blocks)\..+",
    r"(input_blocks|middle_block|output_blocks|time_embed|out|feature_extractor)\.\d+\..+",
)
