"""Name rules between the published LDDGAN and latent-diffusion checkpoints and our parameter trees, in both directions.

Generator and critic are named as DDGAN's. The parity tests load their weights by these rules.
"""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert import ddgan
from dgan_jax.convert.trees import Path, State, channels_of, fill, leaf_of, stripped, unfill
from dgan_jax.core.names import lookup
from dgan_jax.nets.ldm_autoencoder import Autoencoder, KLAutoencoder, VQAutoencoder
from dgan_jax.nets.patchgan import PatchGAN

TOP = {
    ("to_code", "conv"): "quant_conv",
    ("from_code", "conv"): "post_quant_conv",
    ("book",): "quantize.embedding.weight",
    ("log_variance",): "loss.logvar",
}
PARTS = (
    (r"(down|up)(\d+)_block(\d+)", r"\1.\2.block.\3"),
    (r"(down|up)(\d+)_attention(\d+)", r"\1.\2.attn.\3"),
    (r"down(\d+)_reduce", r"down.\1.downsample.conv"),
    (r"up(\d+)_enlarge", r"up.\1.upsample.conv"),
    (r"middle_block(\d)", lambda match: f"mid.block_{int(match[1]) + 1}"),
    (r"middle_attention", "mid.attn_1"),
    (r"stem", "conv_in"),
    (r"out_norm", "norm_out"),
    (r"out", "conv_out"),
)
LAYERS = {
    **{"norm_in": "norm1", "norm_out": "norm2", "conv_in": "conv1", "conv_out": "conv2", "skip": "nin_shortcut"},
    **{"norm": "norm", "query": "q", "key": "k", "value": "v", "out": "proj_out"},
}
HALVES = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.", "quantize.")
PATCHES = "loss.discriminator."


def autoencoder_name(path: Path) -> str:
    """The published name of one of our autoencoder's leaves."""
    if path in TOP:
        return TOP[path]
    if path[:-1] in TOP:
        return leaf_of(TOP[path[:-1]], path[-1])
    half, part, *inner, leaf = path
    pattern, theirs = next(rule for rule in PARTS if re.fullmatch(rule[0], part))
    layer = [half, re.sub(pattern, theirs, part), *(LAYERS[name] for name in inner)]
    return leaf_of(".".join(layer), leaf)


def patches_name(module: PatchGAN, path: Path) -> str:
    """The published name of one of the patch critic's variables, whose path starts with their collection."""
    collection, layer, leaf = path
    kind, _, number = layer.partition("_")
    # An activation behind every layer, a norm behind all but the first and the last.
    place = 3 * module.layers + 2 if kind == "out" else max(0, 3 * int(number) - (kind == "conv"))
    return f"main.{place}.running_{leaf}" if collection == "batch_stats" else leaf_of(f"main.{place}", leaf)


def inputs_of(state: State, name: str) -> int:
    """Input channels of the convolution `name`."""
    return channels_of(state, f"{name}.weight", "network of latent diffusion")


def autoencoder_params(module: Autoencoder, state: State) -> dict[str, Any]:
    """Our autoencoder's parameters from a published first stage; without a "loss.logvar" that is 0."""
    state = stripped(state)
    own = {name: value for name, value in state.items() if name.startswith(HALVES)}
    if isinstance(module, KLAutoencoder):
        own["loss.logvar"] = state.get("loss.logvar", np.zeros((), np.float32))
    x = jnp.zeros((1, module.factor, module.factor, inputs_of(state, "encoder.conv_in")))
    shapes = jax.eval_shape(module.init, jax.random.key(0), x)["params"]
    return fill(shapes, own, autoencoder_name)


def autoencoder_state(module: Autoencoder, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our autoencoder's parameters."""
    del module
    return unfill(params, autoencoder_name)


def patches_variables(module: PatchGAN, state: State) -> dict[str, Any]:
    """The patch critic's "params" and "batch_stats" from a published discriminator's state."""
    state = {name: value for name, value in stripped(state).items() if not name.endswith("num_batches_tracked")}
    side = 2 ** (module.layers + 3)
    x = jnp.zeros((1, side, side, inputs_of(state, "main.0")))
    shapes = jax.eval_shape(module.init, jax.random.key(0), x)
    return fill(shapes, state, lambda path: patches_name(module, path))


def patches_state(module: PatchGAN, variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of the patch critic's variables."""
    return unfill(variables, lambda path: patches_name(module, path))


def autoencoder_of(args: Mapping[str, Any]) -> Autoencoder:
    """Our network from the arguments of the published AutoencoderKL or (those with `n_embed`) VQModelInterface."""
    given = args["ddconfig"]
    attention = lookup("attn_type", given.get("attn_type", "vanilla"), {"vanilla": True, "none": False})
    options = {
        "resolution": given["resolution"], "out_channels": given["out_ch"], "features": given["ch"],
        "multipliers": tuple(given["ch_mult"]), "blocks": given["num_res_blocks"],
        "attention": tuple(given["attn_resolutions"]), "middle_attention": attention, "bottleneck": given["z_channels"],
        "code_channels": args["embed_dim"], "tanh": given.get("tanh_out", False), "dropout": given.get("dropout", 0.0),
    }  # fmt: skip
    return VQAutoencoder(**options, codes=args["n_embed"]) if "n_embed" in args else KLAutoencoder(**options)


def critic_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from those of the published discriminators."""
    variant = lookup("discriminator", args["cls"], {"Discriminator_small": "small", "Discriminator_large": "large"})
    return {**ddgan.critic_arguments(args, variant), "layers": args["num_layers"]}


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file: `netG_*.pth`, a first stage with its patch critic, or both in one."""
    if modules["autoencoder"].scale is None:
        raise ValueError(
            "no file tells by what the codes of a published autoencoder are divided; give a config with "
            "system.autoencoder_share=0 and system.code_scale=105 (CIFAR-10), 6 (CelebA-HQ) or 60 (LSUN church)"
        )
    state = stripped(state)
    found: dict[str, Any] = {}
    generator = {name: value for name, value in state.items() if name.startswith(("all_modules.", "z_transform."))}
    if generator:
        found["generator"] = {"params": ddgan.generator_params(modules["generator"], generator)}
    if any(name.startswith(HALVES) for name in state):
        found["autoencoder"] = {"params": autoencoder_params(modules["autoencoder"], state)}
    patches = {name.removeprefix(PATCHES): value for name, value in state.items() if name.startswith(PATCHES)}
    if patches:
        found["patches"] = patches_variables(modules["patches"], patches)
    if not found:
        raise ValueError(
            "the checkpoint holds neither a generator (all_modules.*) nor an autoencoder (encoder.*); "
            "give a netG_*.pth of LDDGAN or a first stage of latent diffusion"
        )
    return found


SIGNS = (
    *ddgan.SIGNS,
    r"(encoder|decoder|quant_conv|post_quant_conv|quantize)\..+",
    r"loss\.(discriminator\..+|logvar)",
)
