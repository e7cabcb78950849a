"""Published checkpoints of score SDE's NCSN++ and DDPM++, and of its DDPM U-Net, both ways.

The parity tests load their weights by these rules, so passing parity is the proof that checkpoints load.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert import ddpm
from dgan_jax.convert.ddgan import ATTENTION
from dgan_jax.convert.trees import Path, State, channels_of, fill, leaf_of, stripped, unfill
from dgan_jax.nets.ddpm_unet import DDPMUNet, geometric_sigmas
from dgan_jax.nets.ncsnpp import ScoreNCSNpp

BLOCK = {"norm_in": "GroupNorm_0", "norm_out": "GroupNorm_1", "conv_in": "Conv_0", "conv_out": "Conv_1"}
UNREAD = {
    "attention_type",
    "conv_size",
    "ema_rate",
    "name",
    "num_scales",
    "beta_min",
    "beta_max",
    "sigma_min",
    "sigma_max",
}
"""Fields of a published model's config that its network does not read, or only for the table of deviations."""
READ = {
    "attn_resolutions", "ch_mult", "conditional", "dropout", "embedding_type", "fir", "fir_kernel", "fourier_scale",
    "init_scale", "nf", "nonlinearity", "normalization", "num_res_blocks", "progressive", "progressive_combine",
    "progressive_input", "resamp_with_conv", "resblock_type", "scale_by_sigma", "skip_rescale",
}  # fmt: skip


def name_of(module: ScoreNCSNpp, path: Path) -> str:
    """The published name of one of our leaves, whose path starts with "NUMBER_ROLE"."""
    head, *inner = path
    number, _, role = head.partition("_")
    base, leaf = f"all_modules.{int(number)}", path[-1]
    if not inner:
        return f"{base}.W"  # Fourier frequencies
    layers = inner[:-1]
    resampler = role.endswith(("_reduce", "_enlarge", "_pyramid", "_combine"))
    if resampler and (layers == ["conv"] or not layers):
        if role.endswith("_combine") or module.fir_kernel is None:
            return leaf_of(f"{base}.Conv_0", leaf)
        return leaf_of(f"{base}.Conv2d_0", leaf)
    if not layers:
        return leaf_of(base, leaf)
    if layers == ["skip"]:
        return leaf_of(f"{base}.{'NIN_0' if module.block == 'ddpm' else 'Conv_2'}", leaf)
    if "attention" in role:
        return leaf_of(f"{base}.{ATTENTION[tuple(layers)]}", leaf)
    return leaf_of(f"{base}.{({**BLOCK, 'time': 'Dense_0'})[layers[0]]}", leaf)


def shapes_of(module: ScoreNCSNpp, channels: int) -> Any:
    """Our parameters' shapes, for images of so many channels."""
    side = 2 ** (len(module.multipliers) - 1)
    inputs = jnp.zeros((1, side, side, channels)), jnp.ones(1)
    return jax.eval_shape(module.init, jax.random.key(0), *inputs)["params"]


def network_params(module: ScoreNCSNpp | DDPMUNet, state: State) -> dict[str, Any]:
    """Our parameters from a published network."""
    if isinstance(module, DDPMUNet):
        return ddpm.unet_params(module, state)
    state = stripped(state)
    state.pop("sigmas", None)  # a table that follows from the options
    if not module.timed:
        # The published blocks keep a layer for the time embedding that they are then not given.
        state = {name: value for name, value in state.items() if ".Dense_0." not in name}
    first = 2 * module.timed + (module.embedding == "fourier")
    channels = channels_of(state, f"all_modules.{first}.weight", "network of score SDE")
    return fill(shapes_of(module, channels), state, lambda path: name_of(module, path))


def network_state(module: ScoreNCSNpp | DDPMUNet, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    if isinstance(module, DDPMUNet):
        return ddpm.unet_state(module, params)
    return unfill(params, lambda path: name_of(module, path))


def network_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from the published config ("model", "data" and "continuous") of an `NCSNpp`."""
    model, data = args["model"], args["data"]
    if surplus := sorted(model.keys() - READ - UNREAD):
        raise ValueError(f"a published NCSN++ has no option {surplus[0]!r}; known: {', '.join(sorted(READ))}")
    if model.get("normalization", "GroupNorm") != "GroupNorm":
        raise ValueError(f"NCSN++ has group norms, got {model['normalization']!r}")
    return {
        "image_size": data["image_size"], "out_channels": data["num_channels"], "features": model["nf"],
        "multipliers": tuple(model["ch_mult"]), "blocks": model["num_res_blocks"],
        "attention": tuple(model["attn_resolutions"]), "dropout": model["dropout"], "centred": data["centered"],
        "block": model["resblock_type"], "fir_kernel": tuple(model["fir_kernel"]) if model["fir"] else None,
        "input_pyramid": model["progressive_input"], "output_pyramid": model["progressive"],
        "combine": model["progressive_combine"], "rescale": model["skip_rescale"], "timed": model["conditional"],
        "embedding": model["embedding_type"], "fourier_scale": model.get("fourier_scale", 16),
        "resample_with_conv": model["resamp_with_conv"], "activation": model["nonlinearity"],
        "init_scale": model["init_scale"], "by_sigma": model["scale_by_sigma"],
        "sigmas": geometric_sigmas(model["sigma_max"], model["sigma_min"], model["num_scales"]),
    }  # fmt: skip


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file: there is one network."""
    return {"denoiser": {"params": network_params(modules["denoiser"], state)}}


SIGNS = (r"all_modules\.\d+\..+", "sigmas")
