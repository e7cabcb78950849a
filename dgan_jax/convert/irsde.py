"""Published checkpoints of IR-SDE and Refusion: the U-Net and NAFNet, both ways."""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.ddpm import taken
from dgan_jax.convert.trees import Layout, Path, State, fill, leaf_of, stripped, tensor, to_ours, to_published, unfill
from dgan_jax.nets.irsde_unet import IRSDEUNet
from dgan_jax.nets.nafnet import ConditionalNAFNet

BLOCK = {"time": "mlp.1", "conv_in": "block1.proj", "conv_out": "block2.proj", "skip": "res_conv"}
ATTENTION = {"norm_in": "fn.norm", "qkv": "fn.fn.to_qkv", "out": "fn.fn.to_out.0", "norm_out": "fn.fn.to_out.1"}
UNET_PARTS = {
    "stem": "init_conv", "time_in": "time_mlp.1", "time_out": "time_mlp.3", "middle_block0": "mid_block1",
    "middle_attention": "mid_attn", "middle_block1": "mid_block2", "last_block": "final_res_block", "out": "final_conv",
}  # fmt: skip
NAF_BLOCK = {
    "time": "mlp.1", "norm_in": "norm1", "norm_out": "norm2", "widen_in": "conv1", "depthwise": "conv2",
    "attention": "sca.1", "narrow_in": "conv3", "widen_out": "conv4", "narrow_out": "conv5", "share_in": "beta",
    "share_out": "gamma",
}  # fmt: skip
NAF_PARTS = {"stem": "intro", "time_in": "time_mlp.1", "time_out": "time_mlp.3", "out": "ending"}
PLANES = (".g", ".beta", ".gamma")
"""Vectors that are published as [1, C, 1, 1]."""


def ours(name: str, value: np.ndarray, rank: int) -> np.ndarray:
    return value.reshape(-1) if name.endswith(PLANES) else to_ours(name, value, rank)


def published(name: str, value: np.ndarray) -> np.ndarray:
    return value.reshape(1, -1, 1, 1) if name.endswith(PLANES) else to_published(name, value)


LAYOUT = Layout(ours, published)


def unet_name(module: IRSDEUNet, path: Path) -> str:
    """The published name of one of our leaves."""
    head, *inner, leaf = path
    if head in UNET_PARTS:
        base = UNET_PARTS[head]
    else:
        way, level, role = re.fullmatch(r"(down|up)(\d+)_(.+)", head).groups()  # type: ignore[union-attr]
        number = int(level) if way == "down" else module.depth - 1 - int(level)
        # On the way up the convolution stands behind the repetition of pixels, but at the last level.
        place = {"block0": "0", "block1": "1", "attention": "2", "reduce": "3", "enlarge": "3.1" if int(level) else "3"}
        base = f"{way}s.{number}.{place[role]}"
    if inner:
        base = f"{base}.{(ATTENTION if 'attention' in head else BLOCK)[inner[0]]}"
    return f"{base}.g" if leaf == "gain" else leaf_of(base, leaf)


def nafnet_name(path: Path) -> str:
    """The published name of one of our leaves."""
    head, *inner = path
    if head in NAF_PARTS:
        return leaf_of(NAF_PARTS[head], inner[0])
    way, level, role = re.fullmatch(r"(down|up|middle)(\d*)_(.+)", head).groups()  # type: ignore[union-attr]
    if role == "reduce":
        return leaf_of(f"downs.{level}", inner[0])
    if role == "enlarge":
        return leaf_of(f"ups.{level}.0", inner[0])
    number = role.removeprefix("block")
    base = f"middle_blks.{number}" if way == "middle" else f"{'en' if way == 'down' else 'de'}coders.{level}.{number}"
    base = f"{base}.{NAF_BLOCK[inner[0]]}"
    if len(inner) == 1:
        return base
    return f"{base}.g" if inner[1] == "gain" else leaf_of(base, inner[1])


def naming_of(module: IRSDEUNet | ConditionalNAFNet) -> Any:
    if isinstance(module, ConditionalNAFNet):
        return nafnet_name
    return lambda path: unet_name(module, path)


def shapes_of(module: IRSDEUNet | ConditionalNAFNet, channels: int) -> Any:
    """Our parameters' shapes, for images of so many channels."""
    side = 2 ** (len(module.down) if isinstance(module, ConditionalNAFNet) else module.depth)
    x = jnp.zeros((1, side, side, channels))
    return jax.eval_shape(module.init, jax.random.key(0), x, x, jnp.ones(1, jnp.int32))["params"]


def network_params(module: IRSDEUNet | ConditionalNAFNet, state: State) -> dict[str, Any]:
    """Our parameters from a published network."""
    state, rename = stripped(state), naming_of(module)
    stem = tensor(state, rename(("stem", "kernel")), 4, type(module).__name__)
    return fill(shapes_of(module, stem.shape[1] // 2), state, rename, LAYOUT)


def network_state(module: IRSDEUNet | ConditionalNAFNet, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    return unfill(params, naming_of(module), LAYOUT)


def unet_of(args: Mapping[str, Any]) -> IRSDEUNet:
    """Our network from the arguments of the published `ConditionalUNet`."""
    given = taken("IR-SDE's network", args, {"in_nc": 3, "out_nc": 3, "nf": 64, "depth": 4, "upscale": 1})
    if given["upscale"] != 1:
        raise ValueError(f"IR-SDE's network sees images that are enlarged already, got upscale {given['upscale']}")
    return IRSDEUNet(out_channels=given["out_nc"], features=given["nf"], depth=given["depth"])


def nafnet_of(args: Mapping[str, Any]) -> ConditionalNAFNet:
    """Our network from the arguments of the published `ConditionalNAFNet`."""
    known = {
        "img_channel": 3, "width": 16, "middle_blk_num": 1, "enc_blk_nums": (), "dec_blk_nums": (), "upscale": 1,
    }  # fmt: skip
    given = taken("Refusion's network", args, known)
    if given["upscale"] != 1:
        raise ValueError(f"Refusion's network sees images that are enlarged already, got upscale {given['upscale']}")
    return ConditionalNAFNet(
        out_channels=given["img_channel"], features=given["width"], down=tuple(given["enc_blk_nums"]),
        middle=given["middle_blk_num"], up=tuple(given["dec_blk_nums"]),
    )  # fmt: skip


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file: there is one network."""
    return {"denoiser": {"params": network_params(modules["denoiser"], state)}}


SIGNS = (
    r"(time_mlp\.\d|init_conv|final_conv|intro|ending)\.(weight|bias)",
    r"(downs|ups)\.\d+\.[012]\.(mlp|block1|block2|fn|res_conv)\..+|(downs|ups)\.\d+\.3\..+",
    r"(mid_block1|mid_attn|mid_block2|final_res_block)\.(mlp|block1|block2|fn|res_conv)\..+",
    r"(encoders|decoders)\.\d+\.\d+\..+|middle_blks\.\d+\..+|downs\.\d+\.(weight|bias)|ups\.\d+\.0\.weight",
)
