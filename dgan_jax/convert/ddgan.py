"""Name rules between the published DDGAN checkpoints and our parameter trees, in both directions.

The parity tests load their weights by these rules, so passing parity is the proof that checkpoints load.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.recognition import Shapes
from dgan_jax.convert.trees import Path, State, channels_of, fill, leaf_of, stripped, tensor, unfill
from dgan_jax.core.experiment import Experiment
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.ncsnpp_adagn import NCSNpp

BLOCK: dict[Path, str] = {
    ("norm_in", "style"): "GroupNorm_0.style",
    ("norm_out", "style"): "GroupNorm_1.style",
    ("norm_out", "norm"): "GroupNorm_1",
    ("conv_in",): "Conv_0",
    ("conv_out",): "Conv_1",
    ("time",): "Dense_0",
}
ATTENTION: dict[Path, str] = {
    ("norm",): "GroupNorm_0",
    ("query",): "NIN_0",
    ("key",): "NIN_1",
    ("value",): "NIN_2",
    ("out",): "NIN_3",
}
CRITIC: dict[Path, str] = {
    ("embed", "time_in"): "t_embed.main.0",
    ("embed", "time_out"): "t_embed.main.2",
    ("stem",): "start_conv",
    ("final",): "final_conv",
    ("out",): "end_linear",
}
CRITIC_BLOCK: dict[Path, str] = {
    ("conv_in",): "conv1.0",
    ("conv_out",): "conv2.0",
    ("time",): "dense_t1",
    ("skip",): "skip.0",
}


def generator_name(module: NCSNpp, path: Path) -> str:
    """The published name of one of our generator's leaves, whose path starts with "latent" or with "NUMBER_ROLE"."""
    head, *inner = path
    layer, leaf = tuple(inner[:-1]), path[-1]
    if head == "latent":
        # Pixel norm stands at 0, and an activation behind every layer.
        return leaf_of(f"z_transform.{2 * int(layer[0].removeprefix('dense_')) + 1}", leaf)
    number, _, role = head.partition("_")
    base = f"all_modules.{int(number)}"
    if not inner:
        return f"{base}.W"  # Fourier frequencies
    if not layer:
        return leaf_of(base, leaf)
    if layer == ("conv",):
        plain = role.endswith("combine") or module.fir_kernel is None
        return leaf_of(f"{base}.{'Conv_0' if plain else 'Conv2d_0'}", leaf)
    if layer == ("skip",):
        return leaf_of(f"{base}.{'NIN_0' if module.block == 'ddpm' else 'Conv_2'}", leaf)
    return leaf_of(f"{base}.{(ATTENTION if 'attention' in role else BLOCK)[layer]}", leaf)


def critic_name(path: Path) -> str:
    """The published name of one of our critic's leaves."""
    head, *inner = path[:-1]
    if not head.startswith("block_"):
        return leaf_of(CRITIC[(head, *inner)], path[-1])
    return leaf_of(f"conv{int(head.removeprefix('block_')) + 1}.{CRITIC_BLOCK[tuple(inner)]}", path[-1])


def generator_params(module: NCSNpp, state: State) -> dict[str, Any]:
    """Our generator's parameters from a published `netG`; input channels and latent length are read off it."""
    state = stripped(state)
    if not module.timed:
        # The published blocks keep a layer for the time embedding that they are then not given.
        state = {name: value for name, value in state.items() if ".Dense_0." not in name}
    first = 2 * module.timed + (module.embedding == "fourier")
    channels = channels_of(state, f"all_modules.{first}.weight", "DDGAN generator")
    latent = tensor(state, "z_transform.1.weight", 2, "DDGAN generator").shape[1]
    side = 2 ** (len(module.multipliers) - 1)
    x, t, z = jnp.zeros((1, side, side, channels)), jnp.ones(1, jnp.int32), jnp.zeros((1, latent))
    shapes = jax.eval_shape(module.init, jax.random.key(0), x, t, z)["params"]
    return fill(shapes, state, lambda path: generator_name(module, path))


def critic_params(module: Critic, state: State) -> dict[str, Any]:
    """Our critic's parameters from a published `netD`; the number of input channels is read off it."""
    state = stripped(state)
    x = jnp.zeros((1, 64, 64, channels_of(state, "start_conv.weight", "DDGAN critic")))
    shapes = jax.eval_shape(module.init, jax.random.key(0), x[..., 1:], jnp.zeros(1, jnp.int32), x[..., :1])["params"]
    return fill(shapes, state, critic_name)


def generator_state(module: NCSNpp, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our generator's parameters."""
    return unfill(params, lambda path: generator_name(module, path))


def critic_state(module: Critic, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our critic's parameters."""
    del module
    return unfill(params, critic_name)


def generator_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from those of the published `NCSNpp`."""
    return {
        "image_size": args["image_size"],
        "out_channels": args["num_channels"],
        "features": args["num_channels_dae"],
        "multipliers": tuple(args["ch_mult"]),
        "blocks": args["num_res_blocks"],
        "attention": tuple(args["attn_resolutions"]),
        "latent_layers": args["n_mlp"],
        "latent_embedding": args["z_emb_dim"],
        "dropout": args["dropout"],
        "tanh": not args["not_use_tanh"],
        "centred": args["centered"],
        "block": args["resblock_type"],
        "fir_kernel": tuple(args["fir_kernel"]) if args["fir"] else None,
        "input_pyramid": args["progressive_input"],
        "output_pyramid": args["progressive"],
        "combine": args["progressive_combine"],
        "rescale": args["skip_rescale"],
        "timed": args["conditional"],
        "embedding": args["embedding_type"],
        "fourier_scale": args["fourier_scale"],
        "resample_with_conv": args["resamp_with_conv"],
    }


def critic_arguments(args: Mapping[str, Any], variant: str) -> dict[str, Any]:
    """Our constructor's arguments from those of the published discriminators."""
    return {"variant": variant, "features": args["ngf"], "time_embedding": args["t_emb_dim"]}


def inferred_arguments(state: State, image_size: int) -> dict[str, Any]:
    """Constructor arguments of a published generator, as far as its tensors tell them; the rest keep their defaults.

    They do not tell `image_size`, `tanh`, `centred`, `rescale` and the values of `fir_kernel`. Blocks of the kind
    "ddpm" and output pyramids are not understood: no published command makes them.
    """
    state = stripped(state)
    entries: dict[int, dict[str, tuple[int, ...]]] = {}
    for name, value in state.items():
        if match := re.fullmatch(r"all_modules\.(\d+)\.(.+)", name):
            entries.setdefault(int(match[1]), {})[match[2]] = value.shape
    body = [entries[number] for number in sorted(entries)]
    chain = [i for i, entry in enumerate(body) if "Conv_1.weight" in entry]
    width = lambda entry: entry["Conv_0.weight"][0]
    halves = lambda i: "Conv_2.weight" in body[i] and width(body[i]) == body[i]["Conv_0.weight"][1]
    # The chain of blocks: `blocks` and one that halves, at each level; two in the middle; the way back.
    blocks = next((n for n, i in enumerate(chain) if halves(i)), (len(chain) - 3) // 2)
    starts = [0]
    while blocks > 0 and starts[-1] + blocks < len(chain) and halves(chain[starts[-1] + blocks]):
        starts.append(starts[-1] + blocks + 1)
    heads = sum(len(entry.get("weight", ())) == 1 for entry in body)
    foreign = heads != 1 or any("NIN_0.W" in body[i] for i in chain)
    if foreign or blocks < 1 or len(chain) != len(starts) * (2 * blocks + 3):
        raise ValueError("the checkpoint's blocks are in no order that is known of DDGAN generators; give a config")
    levels = [chain[n] for n in starts]
    stem = next(entry for entry in body if len(entry.get("weight", ())) == 4)
    features = stem["weight"][0]
    found: dict[str, Any] = {
        "image_size": image_size,
        "out_channels": body[-1]["weight"][0],
        "features": features,
        "multipliers": tuple(width(body[i]) // features for i in levels),
        "blocks": blocks,
        "attention": tuple(image_size // 2**n for n, i in enumerate(levels) if "NIN_3.W" in body[i + 1]),
        "latent_layers": sum(name.startswith("z_transform.") and value.ndim == 2 for name, value in state.items()) - 1,
        "latent_embedding": tensor(state, "z_transform.1.weight", 2, "DDGAN generator").shape[0],
        "block": "biggan" if "GroupNorm_1.style.weight" in body[chain[0]] else "biggan_oneadagn",
        "timed": any(len(entry.get("weight", ())) == 2 for entry in body),
        "embedding": "fourier" if "W" in body[0] else "positional",
    }
    if len(levels) > 1:
        pyramid = body[chain[blocks] + 1]
        learned = pyramid.get("Conv2d_0.weight", pyramid.get("Conv_0.weight"))
        found["input_pyramid"] = "none"
        if "Conv_1.weight" not in pyramid and learned is not None:
            found["input_pyramid"] = "residual" if learned[2] == 3 else "input_skip"
            found["combine"] = "cat" if body[levels[1]]["Conv_0.weight"][1] == 2 * learned[0] else "sum"
        if found["input_pyramid"] == "residual" and "Conv_0.weight" in pyramid:
            found["fir_kernel"] = None
    return found


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file; a released `netG_*.pth` holds the averaged generator alone."""
    return {"generator": {"params": generator_params(modules["generator"], state)}}


SIGNS = (r"all_modules\.\d+\..+", r"z_transform\.\d+\.(weight|bias)")


def adapted(experiment: Experiment, shapes: Shapes) -> Experiment:
    """The config with the sizes that a generator's file tells, for images of the config's size."""
    state = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    told = inferred_arguments(state, experiment.data.size)
    names = ("features", "multipliers", "blocks", "attention", "latent_layers", "latent_embedding")
    latent = shapes["z_transform.1.weight"][1]
    system = dataclasses.replace(experiment.system, latent=latent, **{name: told[name] for name in names})
    data = dataclasses.replace(experiment.data, channels=told["out_channels"])
    return dataclasses.replace(experiment, system=system, data=data)
