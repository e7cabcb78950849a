"""Name rules between the published DiffIR checkpoints and our parameter trees, in both directions.

The parity tests load their weights by these rules, so passing parity is the proof that checkpoints load.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.trees import Path, State, channels_of, fill, stripped, unfill
from dgan_jax.core.names import lookup
from dgan_jax.nets.diffir import FirstStage, SecondStage
from dgan_jax.nets.dirformer import DIRformer
from dgan_jax.nets.pix2pixhd_critic import PatchCritic
from dgan_jax.nets.prior_denoiser import PriorDenoiser
from dgan_jax.nets.prior_encoder import PriorEncoder

BLOCK = {
    ("norm_attention",): "norm1.body",
    ("norm_feed_forward",): "norm2.body",
    ("attention",): "attn",
    ("attention", "modulation"): "attn.kernel.0",
    ("attention", "qkv"): "attn.qkv",
    ("attention", "qkv_depthwise"): "attn.qkv_dwconv",
    ("attention", "out"): "attn.project_out",
    ("feed_forward", "modulation"): "ffn.kernel.0",
    ("feed_forward", "in"): "ffn.project_in",
    ("feed_forward", "depthwise"): "ffn.dwconv",
    ("feed_forward", "out"): "ffn.project_out",
}
RESTORER = {
    "embed": "patch_embed.proj",
    "down1": "down1_2.body.0",
    "down2": "down2_3.body.0",
    "down3": "down3_4.body.0",
    "up4": "up4_3.body.0",
    "up3": "up3_2.body.0",
    "up2": "up2_1.body.0",
    "reduce3": "reduce_chan_level3",
    "reduce2": "reduce_chan_level2",
    "embed_skip": "skip_conv",
    "enlarge0": "tail.0.0",
    "enlarge1": "tail.0.2",
}
TAILS = {"inpainting": "direct", "demotionblur": "residual", "SRGAN": "enlarge", "RealSR": "enlarge"}
LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}


def restorer_name(module: DIRformer, path: Path) -> str:
    """The published name of a layer of the restorer (`path` without its leaf)."""
    head, *inner = path
    if inner:
        role, _, number = head.rpartition("_")
        level = {"encoder": "encoder_level", "decoder": "decoder_level"}.get(role[:-1])
        return f"{role if level is None else level + role[-1]}.{number}.{BLOCK[tuple(inner)]}"
    if head == "output":
        return "tail.1" if module.tail == "enlarge" else "output"
    return RESTORER[head]


def encoder_name(module: PriorEncoder, path: Path) -> str:
    """The published name of a layer of the prior encoder: convolutions and activations are counted together."""
    head = path[0]
    if head.startswith("dense"):
        return f"mlp.{2 * int(head.removeprefix('dense'))}"
    if head.startswith("widen"):
        return f"E.{2 + module.blocks + 2 * int(head.removeprefix('widen'))}"
    if head == "stem":
        return "E.0"
    number, _, place = head.removeprefix("block").partition("_")
    return f"E.{2 + int(number)}.body.{0 if place == 'in' else 2}"


def denoiser_name(path: Path) -> str:
    """The published name of a layer of the denoiser."""
    head = path[0]
    return "resmlp.0" if head == "in" else f"resmlp.{2 + int(head.removeprefix('block'))}.resmlp.0"


def critic_name(path: Path) -> str:
    """The published name of a layer of the critic."""
    head = path[0]
    return f"model{int(head[4:])}.{0 if head.startswith('conv') else 1}"


def name(module: FirstStage | SecondStage, path: Path) -> str:
    """The published name of a leaf of a stage's network."""
    part, *inner, leaf = path
    layer = tuple(inner)
    whole = {
        "restorer": lambda: f"G.{restorer_name(module.restorer, layer)}",
        "encoder": lambda: f"E.{encoder_name(module.encoder, layer)}",  # type: ignore[union-attr]
        "condition": lambda: f"condition.{encoder_name(module.condition, layer)}",  # type: ignore[union-attr]
        "denoiser": lambda: f"denoise.{denoiser_name(layer)}",
    }[part]()
    return f"{whole}.{LEAVES.get(leaf, leaf)}"


def own(state: State) -> dict[str, np.ndarray]:
    """The tensors that are parameters, each once: the second stage repeats shared ones under `diffusion`."""
    state = stripped(state)
    if any(key.startswith("generator.") for key in state):  # the inpainting code saves its whole trainer
        state = {key.removeprefix("generator."): value for key, value in state.items() if key.startswith("generator.")}
    return {key: value for key, value in state.items() if not key.startswith("diffusion.")}


def shapes(module: FirstStage | SecondStage, state: State) -> Any:
    """Our tree's shapes; channels of the input are read off the checkpoint."""
    restorer = module.restorer
    channels = channels_of(state, "G.patch_embed.proj.weight", "DiffIR stage", fold=restorer.unshuffle)
    side = 8 * max(restorer.unshuffle, 4 // module.scale)
    x = jnp.zeros((1, side, side, channels))
    if isinstance(module, FirstStage):
        inputs: tuple = (jnp.zeros((1, side * module.scale, side * module.scale, restorer.out_channels)),)
    else:
        inputs = (jnp.zeros((1, 4 * module.condition.features)), jnp.zeros(1, jnp.int32))
    return jax.eval_shape(module.init, jax.random.key(0), x, *inputs)["params"]


def stage_params(module: FirstStage | SecondStage, state: State) -> dict[str, Any]:
    """Our parameters of a stage from its published state dictionary."""
    state = own(state)
    if not module.restorer.refinement:
        # The inpainting restorer keeps refinement blocks that it does not use.
        state = {key: value for key, value in state.items() if not key.startswith("G.refinement.")}
    return fill(shapes(module, state), state, lambda path: name(module, path))


def stage_state(module: FirstStage | SecondStage, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of a stage's parameters, each tensor once."""
    return unfill(params, lambda path: name(module, path))


def critic_variables(module: PatchCritic, state: State) -> dict[str, Any]:
    """Our critic's parameters and batch statistics from its published state dictionary."""
    state = stripped(state)
    if any(key.startswith("discriminator.") for key in state):
        state = {
            key.removeprefix("discriminator."): value
            for key, value in state.items()
            if key.startswith("discriminator.")
        }
    state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    channels = channels_of(state, "model0.0.weight", "DiffIR critic")
    wanted = dict(jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 32, 32, channels))))
    return fill(wanted, state, lambda path: f"{critic_name(path[1:])}.{LEAVES[path[-1]]}")


def critic_state(module: PatchCritic, variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our critic's parameters and batch statistics."""
    del module
    return unfill(variables, lambda path: f"{critic_name(path[1:])}.{LEAVES[path[-1]]}")


def restorer_arguments(args: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Our restorer's arguments from those of the published `DIRformer`; `task` is the end of its folder's name."""
    tail = lookup("DiffIR repository", task, TAILS)
    return {
        "dim": args["dim"],
        "blocks": tuple(args["num_blocks"]),
        "refinement": 0 if tail == "direct" else args["num_refinement_blocks"],
        "heads": tuple(args["heads"]),
        "expansion": args["ffn_expansion_factor"],
        "norm_bias": args["LayerNorm_type"] != "BiasFree",
        "bias": args["bias"],
        "unshuffle": 4 // args["scale"] if tail == "enlarge" else 1,
        "tail": tail,
        "embed_skip": args.get("dual_pixel_task", False),
        "out_channels": args["out_channels"],
    }


def stage_of(args: Mapping[str, Any], task: str, stage: int) -> FirstStage | SecondStage:
    """The network of a stage from the arguments of the published `DiffIRS1` or `DiffIRS2`."""
    restorer, scale = DIRformer(**restorer_arguments(args, task)), args.get("scale", 1)
    encoder = PriorEncoder(blocks=args["n_encoder_res"])
    if stage == 1:
        return FirstStage(encoder, restorer, scale)
    denoiser = PriorDenoiser(steps=args["timesteps"], blocks=args["n_denoise_res"])
    return SecondStage(encoder, denoiser, restorer, scale)


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file: one of either stage, and the critic where it comes along."""
    state = stripped(state)
    player = "first" if any(key.startswith("E.") for key in own(state)) else "second"
    if player not in modules:
        raise ValueError(
            f"the checkpoint is of DiffIR's {player} stage, the config's networks are {', '.join(modules)}; give a "
            "config that has it"
        )
    found = {player: {"params": stage_params(modules[player], state)}}
    if "critic" in modules and any(key.startswith("discriminator.") for key in state):
        found["critic"] = critic_variables(modules["critic"], state)
    return found


SIGNS = (
    r"(G|E|condition|denoise|diffusion|generator|discriminator)\..+",
)  # fmt: skip
