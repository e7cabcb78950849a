"""Name rules between the published DDGAN checkpoints and our parameter trees, in both directions.

The parity tests load their weights by these rules, so passing parity is the proof that checkpoints load.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.ncsnpp_adagn import NCSNpp

Path = tuple[str, ...]
State = Mapping[str, np.ndarray]

BLOCK = {
    ("norm_in", "style"): "GroupNorm_0.style",
    ("norm_out", "style"): "GroupNorm_1.style",
    ("norm_out", "norm"): "GroupNorm_1",
    ("conv_in",): "Conv_0",
    ("conv_out",): "Conv_1",
    ("time",): "Dense_0",
}
ATTENTION = {("norm",): "GroupNorm_0", ("query",): "NIN_0", ("key",): "NIN_1", ("value",): "NIN_2", ("out",): "NIN_3"}
CRITIC = {"time_in": "t_embed.main.0", "time_out": "t_embed.main.2", "stem": "start_conv", "final": "final_conv", "out": "end_linear"}
CRITIC_BLOCK = {"conv_in": "conv1.0", "conv_out": "conv2.0", "time": "dense_t1", "skip": "skip.0"}


def leaf_of(layer: str, leaf: str) -> str:
    """Names of a layer's tensors: NIN layers have W and b, all others weight and bias."""
    if layer.rpartition(".")[2].startswith("NIN"):
        return f"{layer}.{'W' if leaf == 'kernel' else 'b'}"
    return f"{layer}.{'bias' if leaf == 'bias' else 'weight'}"


def generator_name(module: NCSNpp, path: Path) -> str:
    """The published name of one of our generator's leaves."""
    head, *rest = path
    if head == "latent":
        return leaf_of(f"z_transform.{2 * int(rest[0].removeprefix('dense_')) + 1}", rest[1])
    number, _, role = head.partition("_")
    base = f"all_modules.{int(number)}"
    if not rest:
        return f"{base}.W"
    *inner, leaf = rest
    layer = tuple(inner)
    if not layer:
        return leaf_of(f"{base}.Conv_0" if role.endswith("combine") else base, leaf)
    if layer == ("conv",):
        return leaf_of(f"{base}.{'Conv_0' if module.fir_kernel is None else 'Conv2d_0'}", leaf)
    if layer == ("skip",):
        return leaf_of(f"{base}.{'NIN_0' if module.block == 'ddpm' else 'Conv_2'}", leaf)
    return leaf_of(f"{base}.{(ATTENTION if 'attention' in role else BLOCK)[layer]}", leaf)


def critic_name(path: Path) -> str:
    """The published name of one of our critic's leaves."""
    head, *rest = path
    if not head.startswith("block_"):
        return leaf_of(CRITIC[head], rest[0])
    return leaf_of(f"conv{int(head.removeprefix('block_')) + 1}.{CRITIC_BLOCK[rest[0]]}", rest[1])


def to_ours(name: str, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A published tensor in our layout: convolutions HWIO, dense kernels (in, out)."""
    if name.endswith(".W") and value.ndim == 2:
        return value.reshape(shape) if value.size == np.prod(shape) else value
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T


def to_published(name: str, value: np.ndarray) -> np.ndarray:
    """The inverse of `to_ours`."""
    if name.endswith(".W"):
        return value.reshape(value.shape[-2:]) if value.ndim == 4 else value
    return value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T


def flat(tree: Any) -> dict[Path, Any]:
    """Leaves by path."""
    return {tuple(key.key for key in path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def fill(shapes: Any, state: State, rename: Callable[[Path], str]) -> dict[str, Any]:
    """Our tree from a published one. A tensor too few, too many or of another shape is a ValueError."""
    state = {name.removeprefix("module."): np.asarray(value) for name, value in state.items()}
    wanted = {path: (rename(path), leaf.shape) for path, leaf in flat(shapes).items()}
    missing = [name for name, _ in wanted.values() if name not in state]
    surplus = sorted(set(state) - {name for name, _ in wanted.values()})
    for kind, names in (("lacks", missing), ("has also", surplus)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ValueError(f"the checkpoint {kind} {', '.join(names[:3])}{more}; is it of the config's network?")
    tree: dict[str, Any] = {}
    for path, (name, shape) in wanted.items():
        value = to_ours(name, state[name], shape)
        if value.shape != shape:
            theirs = to_published(name, np.empty(shape)).shape
            raise ValueError(f"the checkpoint's {name} is {state[name].shape}, the config's network has {theirs}; compare their widths")
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = np.array(value, np.float32)
    return tree


def side_of(module: NCSNpp) -> int:
    """A small image side that the generator takes."""
    return 2 ** (len(module.multipliers) - 1)


def generator_shapes(module: NCSNpp, channels: int, latent: int) -> Any:
    """Shapes of the parameters for inputs of `channels` channels and latents of length `latent`."""
    side = side_of(module)
    x, t, z = jnp.zeros((1, side, side, channels)), jnp.ones(1, jnp.int32), jnp.zeros((1, latent))
    return jax.eval_shape(module.init, jax.random.key(0), x, t, z)["params"]


def generator_params(module: NCSNpp, state: State) -> dict[str, Any]:
    """Our generator's parameters from a published `netG` state; input channels and latent length are read off it."""
    stem, latent = "all_modules.3.weight" if module.embedding == "fourier" else "all_modules.2.weight", "z_transform.1.weight"
    state = {name.removeprefix("module."): value for name, value in state.items()}
    for name, rank in ((stem, 4), (latent, 2)):
        if np.ndim(state.get(name)) != rank:
            raise ValueError(f"the file has no tensor {name} of {rank} dimensions; is it a DDGAN generator (netG_*.pth)?")
    shapes = generator_shapes(module, state[stem].shape[1], state[latent].shape[1])
    return fill(shapes, state, lambda path: generator_name(module, path))


def critic_params(module: Critic, state: State) -> dict[str, Any]:
    """Our critic's parameters from a published `netD` state."""
    state = {name.removeprefix("module."): value for name, value in state.items()}
    if np.ndim(state.get("start_conv.weight")) != 4:
        raise ValueError("the file has no tensor start_conv.weight of 4 dimensions; is it a DDGAN critic?")
    x = jnp.zeros((1, 64, 64, state["start_conv.weight"].shape[1] - 1))
    shapes = jax.eval_shape(module.init, jax.random.key(0), x, jnp.zeros(1, jnp.int32), x[..., :1])["params"]
    return fill(shapes, state, critic_name)


def generator_state(module: NCSNpp, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our generator's parameters."""
    names = {path: generator_name(module, path) for path in flat(params)}
    return {names[path]: to_published(names[path], np.asarray(leaf)) for path, leaf in flat(params).items()}


def critic_state(module: Critic, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our critic's parameters."""
    del module
    return {critic_name(path): to_published(critic_name(path), np.asarray(leaf)) for path, leaf in flat(params).items()}


def generator_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from those of the published `NCSNpp`."""
    return {
        "image_size": args["image_size"], "out_channels": args["num_channels"], "features": args["num_channels_dae"],
        "multipliers": tuple(args["ch_mult"]), "blocks": args["num_res_blocks"], "attention": tuple(args["attn_resolutions"]),
        "latent_layers": args["n_mlp"], "latent_embedding": args["z_emb_dim"], "dropout": args["dropout"],
        "tanh": not args["not_use_tanh"], "centred": args["centered"], "block": args["resblock_type"],
        "fir_kernel": tuple(args["fir_kernel"]) if args["fir"] else None, "input_pyramid": args["progressive_input"],
        "output_pyramid": args["progressive"], "combine": args["progressive_combine"], "rescale": args["skip_rescale"],
        "embedding": args["embedding_type"], "fourier_scale": args["fourier_scale"], "resample_with_conv": args["resamp_with_conv"],
    }  # fmt: skip


def critic_arguments(args: Mapping[str, Any], variant: str) -> dict[str, Any]:
    """Our constructor's arguments from those of the published discriminators."""
    return {"variant": variant, "features": args["ngf"], "time_embedding": args["t_emb_dim"]}
