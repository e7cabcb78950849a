"""Name rules between published StyleGAN2 networks (the PyTorch code with adaptive augmentation) and ours.

Its files are pickles of whole programs, which nothing here executes: save `G_ema.state_dict()` there first.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.trees import Layout, Path, State, fill, stripped, to_ours, to_published, unfill
from dgan_jax.nets import stylegan2
from dgan_jax.nets.stylegan2 import Critic, Generator, Look, Synthesis


def name_of(path: Path) -> str:
    """path: (collection, ..., leaf). Layers of the critic are named by block and role: b16_conv0 is b16.conv0."""
    leaf = {"kernel": "weight"}.get(path[-1], path[-1])
    return (
        ".".join((*path[1:-1], leaf)).replace("_", ".", 1) if path[1].startswith("b") else ".".join((*path[1:-1], leaf))
    )


def ours(name: str, value: np.ndarray, rank: int) -> np.ndarray:
    """The constant has its channels last here; maps of noise keep their order."""
    if name.endswith(".const"):
        return value.transpose(1, 2, 0)
    return value if name.endswith(".noise_const") else to_ours(name, value, rank)


def published(name: str, value: np.ndarray) -> np.ndarray:
    if name.endswith(".const"):
        return value.transpose(2, 0, 1)
    return value if name.endswith(".noise_const") else to_published(name, value)


LAYOUT = Layout(ours, published)


def without_filters(state: State) -> dict[str, np.ndarray]:
    """Filters are options of ours."""
    return {name: value for name, value in stripped(state).items() if not name.endswith("resample_filter")}


def generator_variables(module: Generator, state: State, *, latent: int, classes: int) -> dict[str, Any]:
    """Our generator's variables from the state of a published `G` or `G_ema`."""
    z = jnp.zeros((1, latent)) if latent else None
    c = jnp.zeros((1, classes)) if classes else None
    shapes = jax.eval_shape(module.init, jax.random.key(0), z, c)
    return fill(shapes, without_filters(state), name_of, LAYOUT)


def critic_variables(module: Critic, state: State, *, channels: int, classes: int) -> dict[str, Any]:
    """Our critic's variables from the state of a published `D`."""
    x = jnp.zeros((1, module.side, module.side, channels))
    c = jnp.zeros((1, classes)) if classes else None
    return fill(jax.eval_shape(module.init, jax.random.key(0), x, c), without_filters(state), name_of, LAYOUT)


def state_of(variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of the variables of either network."""
    return unfill(variables, name_of, LAYOUT)


MAPPING = {
    "num_layers": "layers", "layer_features": "hidden", "embed_features": "embedding", "activation": "activation",
    "lr_multiplier": "rate", "w_avg_beta": "decay",
}  # fmt: skip
LOOK = {
    "architecture": "architecture", "activation": "activation", "resample_filter": "filter", "conv_clamp": "clamp",
    "use_noise": "use_noise",
}  # fmt: skip
SIZES = {"channel_base": "base", "channel_max": "most", "num_fp16_res": "half"}
CRITIC = {**SIZES, "architecture": "architecture", "conv_clamp": "clamp"}
BLOCK = {"activation": "activation", "resample_filter": "filter"}
EPILOGUE = {"mbstd_group_size": "group", "mbstd_num_channels": "deviations"}


def renamed(args: Mapping[str, Any], names: Mapping[str, str], what: str) -> dict[str, Any]:
    """Our options from published ones; an option that there is no name for is a ValueError."""
    for name in args:
        if name not in names:
            raise ValueError(f"StyleGAN2's {what} has no option {name!r} here; known: {', '.join(names)}")
    return {names[name]: tuple(value) if isinstance(value, list) else value for name, value in args.items()}


def mapping(args: Mapping[str, Any], features: int, *, averaged: bool) -> stylegan2.Mapping:
    return stylegan2.Mapping(features, averaged=averaged, **renamed(args, MAPPING, "mapping"))


def generator(args: Mapping[str, Any]) -> Generator:
    """Our generator from the arguments of the published class."""
    given = args.get("synthesis_kwargs", {})
    sizes = renamed({name: value for name, value in given.items() if name in SIZES}, SIZES, "synthesis")
    look = renamed({name: value for name, value in given.items() if name not in SIZES}, LOOK, "synthesis")
    synthesis = Synthesis(args["img_resolution"], args["img_channels"], look=Look(**look), **sizes)
    return Generator(synthesis, mapping(args.get("mapping_kwargs", {}), args["w_dim"], averaged=True))


def critic(args: Mapping[str, Any]) -> Critic:
    """Our critic from the arguments of the published class."""
    nested = ("block_kwargs", "mapping_kwargs", "epilogue_kwargs")
    own = {name: value for name, value in args.items() if name not in (*nested, *INPUTS)}
    options = {
        **renamed(own, CRITIC, "critic"),
        **renamed(args.get("block_kwargs", {}), BLOCK, "critic's block"),
        **renamed(args.get("epilogue_kwargs", {}), EPILOGUE, "critic's epilogue"),
    }
    side = args["img_resolution"]
    labels = None
    if args["c_dim"]:
        width = stylegan2.widths(side, options.get("base", 32768), options.get("most", 512))[4]
        features = args.get("cmap_dim") or width
        labels = mapping(args.get("mapping_kwargs", {}), features, averaged=False)
    return Critic(side, mapping=labels, **options)


INPUTS = ("c_dim", "img_resolution", "img_channels", "cmap_dim")


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a file of one network's state; latents and classes are read off it."""
    names = stripped(state)
    embed = names.get("mapping.embed.weight", np.zeros((0, 0)))
    if "mapping.fc0.weight" in names and "b4.out.weight" not in names:
        generator = modules["generator"]
        wide = names["mapping.fc0.weight"].shape[1]
        latent, classes = wide - embed.shape[0], embed.shape[1]
        return {"generator": generator_variables(generator, state, latent=latent, classes=classes)}
    critic = modules["critic"]
    channels = names[f"b{critic.side}.fromrgb.weight"].shape[1]
    return {"critic": critic_variables(critic, state, channels=channels, classes=embed.shape[1])}


SIGNS = (
    r"mapping\.(embed|fc\d+)\.(weight|bias)|mapping\.w_avg", r"synthesis\.b\d+\.(const|(conv\d|torgb|skip|affine)\..+)",
    r"synthesis\.b\d+\.resample_filter", r"b\d+\.(fromrgb|conv\d?|skip|fc|out)\..+|b\d+\.resample_filter",
)  # fmt: skip
