"""DDGAN's layers, each alone, against the reference."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from published import args_of, error, fixtures, nhwc, recipe_state, without_effect

from dgan_jax.convert import ddgan as names
from dgan_jax.convert import trees
from dgan_jax.nets import adagn_blocks as blocks
from dgan_jax.nets.ddgan_critic import DownBlock, TimeEmbedding
from dgan_jax.nets.layers import sinusoid
from dgan_jax.nets.ncsnpp_adagn import NCSNpp, resamplers
from dgan_jax.ops import fir

FIR = (1, 3, 3, 1)  # the default of the reference's layers, whatever its operators are given
FUNCTIONS = {
    "temb_even": lambda data, args, like: sinusoid(data["t"], like.shape[-1]),
    "temb_odd": lambda data, args, like: sinusoid(data["t"], like.shape[-1]),
    "up2": lambda data, args, like: fir.upsample(data["x"], args["fir_kernel"]),
    "down2": lambda data, args, like: fir.downsample(data["x"], args["fir_kernel"]),
    "naive_up": lambda data, args, like: fir.repeat(data["x"]),
    "naive_down": lambda data, args, like: fir.mean(data["x"]),
    "pixel_norm": lambda data, args, like: blocks.pixel_norm(data["z"]),
}
CASES = [
    pytest.param(path.values[0], key[4:], id=f"{path.id}-{key[4:]}")
    for path in fixtures("ddgan_ops")
    for key in np.load(path.values[0]).files
    if key.startswith("out.")
]


class Layer(NamedTuple):
    """A module, its inputs, the place in a network by which its tensors are named, and what is put in front there."""

    module: nn.Module
    inputs: str
    place: tuple[str, ...]
    prefix: str


def layer(name: str, args: dict, state: dict, like: np.ndarray) -> Layer:
    """Our module for one output of the fixture."""
    width, rescale = like.shape[-1], args["skip_rescale"]
    first = lambda *keys: next((state[key].shape[0] for key in keys if key in state), 0)
    down_conv = lambda kernel: Layer(blocks.DownConv(width, kernel), "p", ("00_pyramid",), "all_modules.0.")
    combine = lambda cat: Layer(blocks.Combine(first("Conv_0.weight"), cat), "p x", ("00_combine",), "all_modules.0.")
    block = lambda resample=None: Layer(
        blocks.ResidualBlock(width, resample, rescale=rescale), "x temb z", ("00_block",), "all_modules.0."
    )
    critic_block = lambda halve: Layer(DownBlock(width, halve), "x temb", ("block_0",), "conv1.")
    up, down = resamplers(FIR)
    layers = {
        "adagn": Layer(blocks.AdaptiveNorm(), "x z", ("00_block", "norm_in"), "all_modules.0.GroupNorm_0."),
        "attn": Layer(blocks.Attention(rescale), "x", ("00_attention",), "all_modules.0."),
        "nin": Layer(nn.Dense(width), "x", ("00_attention", "out"), "all_modules.0.NIN_3."),
        "t_embed": Layer(TimeEmbedding(width, first("main.0.weight")), "t", ("embed",), "t_embed."),
        "down_conv_fir": down_conv(FIR), "down_conv_nofir": down_conv(None),
        "combine_sum": combine(False), "combine_cat": combine(True),
        "res_same": block(), "res_wide": block(), "res_up": block(up), "res_down": block(down),
        "dblock_down": critic_block(True), "dblock_flat": critic_block(False),
    }  # fmt: skip
    return layers[name]


@pytest.mark.parametrize(("path", "name"), CASES)
def test_a_layer_computes_what_the_published_one_does(path, name):
    file, args = np.load(path), args_of(path)
    without_effect(args, "channels", "temb_dim", "zemb_dim")  # the arrays have these shapes
    read = lambda key: nhwc(file[key]) if file[key].ndim == 4 else file[key]
    data = {key[3:]: jnp.asarray(read(key)) for key in file.files if key.startswith("in.")}
    like = read(f"out.{name}")
    if name in FUNCTIONS:
        assert error(FUNCTIONS[name](data, args, like), like) < 1e-6
        return
    state = recipe_state(path, name)
    module, inputs, place, prefix = layer(name, args, state, like)
    inputs = [data[key] for key in inputs.split()]
    network = NCSNpp(image_size=8, fir_kernel=None if name.endswith("nofir") else FIR)

    def rename(leaf: trees.Path) -> str:
        whole = (*place, *leaf)
        full = names.generator_name(network, whole) if place[0].startswith("00") else names.critic_name(whole)
        assert full.startswith(prefix)
        return full.removeprefix(prefix)

    params = trees.fill(jax.eval_shape(module.init, jax.random.key(0), *inputs)["params"], state, rename)
    assert error(jax.jit(module.apply)({"params": params}, *inputs), like) < 2e-6
