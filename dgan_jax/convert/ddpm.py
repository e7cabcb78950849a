"""Published checkpoints of denoising diffusion models: the DDPM U-Net in DDIM's naming and in score SDE's, and guided
diffusion's U-Net; both ways.

The parity tests load their weights by these rules, so passing parity is the proof that checkpoints load.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.recognition import Shapes
from dgan_jax.convert.trees import Path, State, fill, leaf_of, stripped, unfill
from dgan_jax.core.experiment import Experiment
from dgan_jax.core.names import unknown
from dgan_jax.nets.adm_unet import ADMUNet
from dgan_jax.nets.ddpm_unet import DDPMUNet, geometric_sigmas

DDIM_BLOCK = {
    "norm_in": "norm1", "conv_in": "conv1", "time": "temb_proj", "norm_out": "norm2", "conv_out": "conv2",
    "skip": "nin_shortcut",
}  # fmt: skip
DDIM_ATTENTION = {"norm": "norm", "query": "q", "key": "k", "value": "v", "out": "proj_out"}
DDIM_PARTS = {
    "time_in": "temb.dense.0", "time_out": "temb.dense.1", "stem": "conv_in", "out_norm": "norm_out", "out": "conv_out",
    "middle_block0": "mid.block_1", "middle_attention": "mid.attn_1", "middle_block1": "mid.block_2",
}  # fmt: skip
SCORE_BLOCK = {
    "norm_in": "GroupNorm_0", "conv_in": "Conv_0", "time": "Dense_0", "norm_out": "GroupNorm_1", "conv_out": "Conv_1",
    "skip": "NIN_0",
}  # fmt: skip
SCORE_ATTENTION = {"norm": "GroupNorm_0", "query": "NIN_0", "key": "NIN_1", "value": "NIN_2", "out": "NIN_3"}
ADM_BLOCK = {
    "norm_in": "in_layers.0", "conv_in": "in_layers.2", "time": "emb_layers.1", "norm_out": "out_layers.0",
    "conv_out": "out_layers.3", "skip": "skip_connection",
}  # fmt: skip
ADM_ATTENTION = {"norm": "norm", "qkv": "qkv", "out": "proj_out"}
ADM_PARTS = {
    "time_in": "time_embed.0", "time_out": "time_embed.2", "label": "label_emb", "stem": "input_blocks.0.0",
    "out_norm": "out.0", "out": "out.2", "middle_block0": "middle_block.0", "middle_attention": "middle_block.1",
    "middle_block1": "middle_block.2",
}  # fmt: skip


def ddim_name(path: Path) -> str:
    """The published name of one of our leaves: temb, conv_in, down, mid, up, norm_out, conv_out."""
    head, *inner, leaf = path
    if head in DDIM_PARTS:
        base = DDIM_PARTS[head]
    else:
        way, level, role = re.fullmatch(r"(down|up)(\d+)_(.+)", head).groups()  # type: ignore[union-attr]
        kind, index = re.fullmatch(r"([a-z]+)(\d*)", role).groups()  # type: ignore[union-attr]
        place = {"reduce": "downsample", "enlarge": "upsample", "block": f"block.{index}", "attention": f"attn.{index}"}
        base = f"{way}.{level}.{place[kind]}"
    if inner:
        names = DDIM_ATTENTION if "attention" in head else {**DDIM_BLOCK, "conv": "conv"}
        base = f"{base}.{names[inner[0]]}"
    return leaf_of(base, leaf)


def score_order(module: DDPMUNet) -> list[str]:
    """Our submodules in the order of score SDE's module list. A resampler without a convolution is counted too."""
    attended = [module.image_size // 2**level in module.attention for level in range(len(module.multipliers))]
    order = (["time_in", "time_out"] if module.timed else []) + ["stem"]
    for level, here in enumerate(attended):
        for i in range(module.blocks):
            order += [f"down{level}_block{i}"] + [f"down{level}_attention{i}"] * here
        order += [f"down{level}_reduce"] * (level < len(attended) - 1)
    order += ["middle_block0", "middle_attention", "middle_block1"]
    for level, here in reversed(list(enumerate(attended))):
        order += [f"up{level}_block{i}" for i in range(module.blocks + 1)]
        order += [f"up{level}_attention{module.blocks}"] * here + [f"up{level}_enlarge"] * (level > 0)
    return [*order, "out_norm", "out"]


def score_name(order: list[str], path: Path) -> str:
    """The published name of one of our leaves: a number of the module list, and its own parts."""
    head, *inner, leaf = path
    base = f"all_modules.{order.index(head)}"
    if inner:
        names = SCORE_ATTENTION if "attention" in head else {**SCORE_BLOCK, "conv": "Conv_0"}
        base = f"{base}.{names[inner[0]]}"
    return leaf_of(base, leaf)


def adm_places(module: ADMUNet) -> dict[str, str]:
    """Published places of our submodules: each block stands with what follows it in a numbered sequence."""
    places, count, levels = dict(ADM_PARTS), 1, range(len(module.multipliers))
    for level in levels:
        for i in range(module.blocks):
            places[f"down{level}_block{i}"] = f"input_blocks.{count}.0"
            places[f"down{level}_attention{i}"] = f"input_blocks.{count}.1"
            count += 1
        places[f"down{level}_reduce"] = f"input_blocks.{count}.0" + ("" if module.resample_in_blocks else ".op")
        count += 1
    count = 0
    for level in reversed(levels):
        for i in range(module.blocks + 1):
            places[f"up{level}_block{i}"] = f"output_blocks.{count}.0"
            places[f"up{level}_attention{i}"] = f"output_blocks.{count}.1"
            count += 1
        last = f"output_blocks.{count - 1}.{1 + (2**level in module.attention)}"
        places[f"up{level}_enlarge"] = last + ("" if module.resample_in_blocks else ".conv")
    return places


def adm_name(places: Mapping[str, str], path: Path) -> str:
    """The published name of one of our leaves."""
    head, *inner, leaf = path
    base = places[head]
    if inner:
        base = f"{base}.{(ADM_ATTENTION if 'attention' in head else ADM_BLOCK)[inner[0]]}"
    return leaf_of(base, leaf)


def naming_of(module: DDPMUNet | ADMUNet, names: Any = ()) -> Callable[[Path], str]:
    """The rule for a network's names; of a DDPM U-Net, score SDE's where `names` are of that kind or where only that
    kind has its attention."""
    if isinstance(module, ADMUNet):
        places = adm_places(module)
        return lambda path: adm_name(places, path)
    if module.attention_up == "level" or any(name.startswith("all_modules.") for name in names):
        if module.attention_up != "level":
            raise ValueError("a checkpoint of score SDE needs a network with attention_up 'level'; change the config")
        order = score_order(module)
        return lambda path: score_name(order, path)
    return ddim_name


def shapes_of(module: DDPMUNet | ADMUNet, channels: int) -> Any:
    """Our parameters' shapes, for images of so many channels."""
    side = 2 ** (len(module.multipliers) - 1)
    x, t = jnp.zeros((1, side, side, channels)), jnp.zeros(1)
    label = jnp.zeros(1, jnp.int32) if module.classes else None
    return jax.eval_shape(module.init, jax.random.key(0), x, t, label)["params"]


def foreign_axes(name: str, value: np.ndarray) -> np.ndarray:
    """ADM's one-dimensional convolutions as 1x1 convolutions, its table of labels as a dense layer's weight."""
    if value.ndim == 3:
        return value[..., None]
    return value.T if name == "label_emb.weight" else value


def unet_params(module: DDPMUNet | ADMUNet, state: State) -> dict[str, Any]:
    """Our parameters from a published network, in whichever of the three namings."""
    state = {name: foreign_axes(name, value) for name, value in stripped(state).items()}
    state.pop("sigmas", None)  # a table that follows from the options
    rename = naming_of(module, state)
    if isinstance(module, DDPMUNet) and not module.timed:
        # The published blocks keep a layer for the time embedding that they are then not given.
        state = {name: value for name, value in state.items() if ".Dense_0." not in name}
    stem = rename(("stem", "kernel"))
    if stem not in state or state[stem].ndim != 4:
        raise ValueError(f"the checkpoint has no {stem} of 4 dimensions; is it that of a {type(module).__name__}?")
    return fill(shapes_of(module, state[stem].shape[1]), state, rename)


def unet_state(module: DDPMUNet | ADMUNet, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters: DDIM's, score SDE's (attention once a level) or ADM's."""
    state = unfill(params, naming_of(module))
    if isinstance(module, ADMUNet):
        flat = re.compile(r".+\.(qkv|proj_out)\.weight")
        state = {n: v[..., 0] if flat.fullmatch(n) else foreign_axes(n, v) for n, v in state.items()}
    return state


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file: there is one network."""
    return {"denoiser": {"params": unet_params(modules["denoiser"], state)}}


def taken(kind: str, args: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """`args` over the defaults of `known`; one that is not known is a ValueError."""
    for name in args:
        if name not in known:
            raise unknown(f"argument of {kind}", name, known)
    return {**known, **args}


def ddim_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from those of DDIM's `Model` (the short names of its config's fields)."""
    known = {
        "ch": 128, "cout": 3, "mult": (1, 2, 2, 2), "nrb": 2, "attn": (16,), "res": 32, "rc": True, "dropout": 0.0,
        "cin": 3,
    }  # fmt: skip
    given = taken("DDIM's network", args, known)
    return {
        "image_size": given["res"], "out_channels": given["cout"], "features": given["ch"],
        "multipliers": tuple(given["mult"]), "blocks": given["nrb"], "attention": tuple(given["attn"]),
        "resample_with_conv": given["rc"], "dropout": given["dropout"],
    }  # fmt: skip


def score_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from the config ("model" and "data") of score SDE's `DDPM`."""
    model, data = args["model"], args["data"]
    if (norm := model.get("normalization", "GroupNorm")) != "GroupNorm":
        raise ValueError(f"the DDPM U-Net has group norms, got {norm!r}")
    sigmas = None
    if model.get("scale_by_sigma", False):
        sigmas = geometric_sigmas(model["sigma_max"], model["sigma_min"], model["num_scales"])
    return {
        "image_size": data["image_size"], "out_channels": data["num_channels"], "features": model["nf"],
        "multipliers": tuple(model["ch_mult"]), "blocks": model["num_res_blocks"],
        "attention": tuple(model["attn_resolutions"]), "attention_up": "level", "dropout": model["dropout"],
        "activation": model["nonlinearity"], "resample_with_conv": model["resamp_with_conv"],
        "timed": model["conditional"], "centred": data["centered"], "sigmas": sigmas,
    }  # fmt: skip


def adm_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from those of guided diffusion's `UNetModel`."""
    known = {
        "image_size": 0, "in_channels": 3, "model_channels": 0, "out_channels": 3, "num_res_blocks": 0,
        "attention_resolutions": (), "dropout": 0.0, "channel_mult": (1, 2, 4, 8), "conv_resample": True, "dims": 2,
        "num_classes": None, "use_checkpoint": False, "use_fp16": False, "num_heads": 1, "num_head_channels": -1,
        "num_heads_upsample": -1, "use_scale_shift_norm": False, "resblock_updown": False,
        "use_new_attention_order": False,
    }  # fmt: skip
    given = taken("guided diffusion's network", args, known)
    if given["dims"] != 2:
        raise ValueError(f"images have 2 dimensions, got a network for {given['dims']}")
    return {
        "out_channels": given["out_channels"], "features": given["model_channels"],
        "multipliers": tuple(given["channel_mult"]), "blocks": given["num_res_blocks"],
        "attention": tuple(given["attention_resolutions"]), "heads": given["num_heads"],
        "head_channels": given["num_head_channels"], "heads_up": given["num_heads_upsample"],
        "kinds_first": given["use_new_attention_order"], "scale_shift": given["use_scale_shift_norm"],
        "resample_in_blocks": given["resblock_updown"], "resample_with_conv": given["conv_resample"],
        "classes": given["num_classes"] or 0, "dropout": given["dropout"], "remat": given["use_checkpoint"],
        "dtype": jnp.float16 if given["use_fp16"] else jnp.float32,
    }  # fmt: skip


SIGNS = (
    r"all_modules\.\d+\..+|sigmas",
    r"(temb\.dense\.\d|conv_in|norm_out|conv_out)\.(weight|bias)",
    r"(down|up)\.\d+\.(block|attn|downsample|upsample)\..+|mid\.(block|attn)_\d\..+",
    r"(input_blocks|middle_block|output_blocks|time_embed|out)\.\d+\..+|label_emb\.weight|(time_embed|out)\.\d+\.\w+",
)


def adapted(experiment: Experiment, shapes: Shapes) -> Experiment:
    """The config with the sizes that a file in DDIM's naming tells, for images of the config's size."""
    if experiment.system.network != "ddpm" or "conv_in.weight" not in shapes:
        raise ValueError("only files in DDIM's naming tell all sizes of their network")
    features, channels = shapes["conv_in.weight"][:2]
    found = [match for match in (re.match(r"down\.(\d+)\.block\.(\d+)\.", name) for name in shapes) if match]
    levels, blocks = (1 + max(int(match[group]) for match in found) for group in (1, 2))
    attended = [level for level in range(levels) if any(name.startswith(f"down.{level}.attn.") for name in shapes)]
    system = dataclasses.replace(
        experiment.system, features=features, blocks=blocks,
        multipliers=tuple(shapes[f"down.{level}.block.0.conv1.weight"][0] // features for level in range(levels)),
        attention=tuple(experiment.data.size // 2**level for level in attended),
    )  # fmt: skip
    return dataclasses.replace(experiment, system=system, data=dataclasses.replace(experiment.data, channels=channels))
