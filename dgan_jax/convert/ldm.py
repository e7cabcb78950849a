"""Published checkpoints of latent diffusion: U-Net, table of classes and first stage in one file; names both ways."""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert import ddpm
from dgan_jax.convert.lddgan import HALVES, autoencoder_params
from dgan_jax.convert.trees import Path, State, fill, leaf_of, stripped, tensor, unfill
from dgan_jax.nets.adm_unet import ADMUNet
from dgan_jax.nets.latent_unet import LatentUNet

TRANSFORMER = {"norm": "norm", "in": "proj_in", "out": "proj_out"}
BLOCK = {
    "norm_self": "norm1", "norm_cross": "norm2", "norm_feed": "norm3", "self": "attn1", "cross": "attn2",
    "widen": "ff.net.0.proj", "narrow": "ff.net.2",
}  # fmt: skip
ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "out": "to_out.0"}
UNET, FIRST, TABLE = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.embedding.weight"


def unet_name(module: ADMUNet, places: Mapping[str, str], path: Path) -> str:
    """The published name of one of our leaves."""
    head, *inner, leaf = path
    if not module.transformer or "attention" not in head:
        return ddpm.adm_name(places, path)
    base = places[head]
    if not inner[0].startswith("block"):
        return leaf_of(f"{base}.{TRANSFORMER[inner[0]]}", leaf)
    base = f"{base}.transformer_blocks.{inner[0].removeprefix('block')}.{BLOCK[inner[1]]}"
    return leaf_of(f"{base}.{ATTENTION[inner[2]]}" if len(inner) > 2 else base, leaf)


def unet_params(module: ADMUNet, state: State) -> dict[str, Any]:
    """Our parameters from a published U-Net."""
    state = {name: ddpm.foreign_axes(name, value) for name, value in stripped(state).items()}
    stem, places = tensor(state, "input_blocks.0.0.weight", 4, "U-Net of latent diffusion"), ddpm.adm_places(module)
    keys = sorted(name for name in state if name.endswith("attn2.to_k.weight"))
    context = jnp.zeros((1, 1, state[keys[0]].shape[1])) if keys else None
    side = 2 ** (len(module.multipliers) - 1)
    x, t = jnp.zeros((1, side, side, stem.shape[1])), jnp.zeros(1)
    label = jnp.zeros(1, jnp.int32) if module.classes else None
    shapes = jax.eval_shape(module.init, jax.random.key(0), x, t, label, context)["params"]
    return fill(shapes, state, lambda path: unet_name(module, places, path))


def unet_state(module: ADMUNet, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    places = ddpm.adm_places(module)
    state = unfill(params, lambda path: unet_name(module, places, path))
    flat = re.compile(r".+\.qkv\.weight" if module.transformer else r".+\.(qkv|proj_out)\.weight")
    return {n: v[..., 0] if flat.fullmatch(n) else ddpm.foreign_axes(n, v) for n, v in state.items()}


def unet_of(args: Mapping[str, Any]) -> ADMUNet:
    """Our network from the arguments of latent diffusion's `UNetModel`."""
    own = {
        "use_spatial_transformer": False, "transformer_depth": 1, "context_dim": None, "n_embed": None, "legacy": True,
    }  # fmt: skip
    given = {**own, **{name: value for name, value in args.items() if name in own}}
    if given["n_embed"] is not None:
        raise ValueError("this U-Net says codes, not their numbers in a book; got n_embed")
    options = ddpm.adm_arguments({name: value for name, value in args.items() if name not in own})
    if options["multipliers"][0] != 1:
        raise ValueError(f"the first level has the model's own width, got multipliers {options['multipliers']}")
    return ADMUNet(**options, transformer=given["transformer_depth"] if given["use_spatial_transformer"] else 0)


def averaged(state: State, prefix: str) -> dict[str, np.ndarray]:
    """What lies under `prefix`, averages of it where the file has them: their names have lost their dots."""
    found = {}
    for name, value in state.items():
        if name.startswith(prefix):
            average = "model_ema." + name.removeprefix("model.").replace(".", "")
            found[name.removeprefix(prefix)] = state.get(average, value)
    return found


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file of U-Net and first stage, or of one of them."""
    state, found, network = stripped(state), {}, modules["denoiser"]
    unet = averaged(state, UNET)
    if unet and isinstance(network, LatentUNet):
        params = {"unet": unet_params(network.unet, unet)}
        if network.classes:
            params["label"] = {"embedding": np.asarray(tensor(state, TABLE, 2, "table of classes"), np.float32)}
        found["denoiser"] = {"params": params}
    elif unet:
        found["denoiser"] = {"params": unet_params(network, unet)}
    prefix = FIRST if any(name.startswith(FIRST) for name in state) else ""
    first = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    if any(name.startswith(HALVES) for name in first):
        found["autoencoder"] = {"params": autoencoder_params(modules["autoencoder"], first)}
    if not found:
        raise ValueError(f"the checkpoint holds neither a U-Net ({UNET}*) nor a first stage ({FIRST}* or encoder.*)")
    return found


SIGNS = (r"model\.diffusion_model\..+", r"first_stage_model\..+", r"model_ema\..+", r"cond_stage_model\..+")
