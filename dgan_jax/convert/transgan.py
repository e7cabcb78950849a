"""Name rules between published TransGANs (CIFAR-10's networks) and ours, in both directions."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.gan_names import known, leaf_of
from dgan_jax.convert.trees import Layout, Path, State, fill, stripped, to_ours, to_published, unfill
from dgan_jax.nets.transgan import Critic, Generator

BLOCK = {
    ("norm_attention", "norm"): "norm1.norm",
    ("norm_mlp", "norm"): "norm2.norm",
    ("attention", "qkv"): "attn.qkv",
    ("attention", "out"): "attn.proj",
    ("mlp_in",): "mlp.fc1",
    ("mlp_out",): "mlp.fc2",
}
OF_BLOCK = {"relative": "attn.relative_position_bias_table", "noise_strength": "attn.noise_strength_1"}
GENERATOR = {"dense": "l1", "out": "deconv.0"}
CRITIC = {"see_fine": "fRGB_1", "see_coarse": "fRGB_2", "norm": "norm.norm", "out": "head"}
OF_CRITIC = {"position_fine": "pos_embed_1", "position_coarse": "pos_embed_2", "token": "cls_token"}


def block_name(path: Path) -> str:
    """Of a leaf within a block. path: (collection, block, layer, ..., leaf)."""
    return OF_BLOCK.get(path[-1]) or leaf_of(path, BLOCK[path[2:-1]])


def generator_name(path: Path) -> str:
    head = path[1]
    if head.startswith("position_"):
        return f"pos_embed_{int(head.removeprefix('position_')) + 1}"
    if not head.startswith("stage_"):
        return leaf_of(path, GENERATOR[head])
    _, stage, _, number = head.split("_")
    place = f"blocks.block.{number}" if stage == "0" else f"upsample_blocks.{int(stage) - 1}.block.{number}"
    return f"{place}.{block_name(path)}"


def critic_name(path: Path) -> str:
    head = path[1]
    if head in OF_CRITIC:
        return OF_CRITIC[head]
    if head in CRITIC:
        return leaf_of(path, CRITIC[head])
    if head == "last_block":
        return f"last_block.0.{block_name(path)}"
    place, _, number = head.split("_")
    return f"blocks_{1 + (place == 'coarse')}.{number}.{block_name(path)}"


def ours(name: str, value: np.ndarray, rank: int) -> np.ndarray:
    """Positions and the token have a batch axis of 1 in published files."""
    return value[0] if value.ndim == 3 else to_ours(name, value, rank)


def published(name: str, value: np.ndarray) -> np.ndarray:
    return value[None] if name.startswith(("pos_embed", "cls_token")) else to_published(name, value)


LAYOUT = Layout(ours, published)


def without_index(state: State) -> dict[str, np.ndarray]:
    """Without tables that follow from the grid's side, and without counters."""
    state = known(stripped(state))
    return {name: value for name, value in state.items() if not name.endswith("relative_position_index")}


def generator_variables(module: Generator, state: State) -> dict[str, Any]:
    """Our generator's variables from a published file; the latent's length is read off it."""
    state = without_index(state)
    z = jnp.zeros((1, state["l1.weight"].shape[1]))
    return fill(jax.eval_shape(module.init, jax.random.key(0), z), state, generator_name, LAYOUT)


def critic_variables(module: Critic, state: State) -> dict[str, Any]:
    """Our critic's variables from a published file; the image's side is read off its positions."""
    state = without_index(state)
    side = module.patch * round(state["pos_embed_1"].shape[1] ** 0.5)
    x = jnp.zeros((1, side, side, state["fRGB_1.weight"].shape[1]))
    return fill(jax.eval_shape(module.init, jax.random.key(0), x), state, critic_name, LAYOUT)


def generator_state(variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our generator's variables."""
    return unfill(variables, generator_name, LAYOUT)


def critic_state(variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our critic's variables."""
    return unfill(variables, critic_name, LAYOUT)


def generator_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from the options of the published script."""
    return {
        "features": args["gf_dim"],
        "bottom": args["bottom_width"],
        "depths": tuple(int(depth) for depth in args["g_depth"].split(",")),
        "ratio": args["g_mlp"],
        "norm": args["g_norm"],
        "activation": args["g_act"],
        "latent_norm": args["latent_norm"],
    }


def critic_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "features": args["df_dim"],
        "depth": args["d_depth"],
        "patch": args["patch_size"],
        "norm": args["d_norm"],
        "activation": args["d_act"],
    }


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file, which holds the generator or the critic."""
    if "l1.weight" in stripped(state):
        return {"generator": generator_variables(modules["generator"], state)}
    return {"critic": critic_variables(modules["critic"], state)}


SIGNS = (
    r"(blocks\.block|upsample_blocks\.\d\.block|blocks_\d|last_block)\.\d+\.(norm\d|attn|mlp)\..+",
    r"pos_embed_\d|cls_token|(l1|deconv\.0|fRGB_\d|norm\.norm|head)\.\w+",
)
