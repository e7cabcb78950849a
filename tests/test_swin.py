"""ResShift's network where no published array is needed: windows pixel by pixel, names both ways, sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax import convert, systems
from dgan_jax.convert import resshift as names
from dgan_jax.nets.swin_unet import SwinUNet, WindowAttention
from dgan_jax.systems.diffusion import resshift
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.train import configs, runs

SMALL = SwinUNet(
    side=8, features=4, multipliers=(1, 2), blocks=(1, 2), attention=(8,), head_channels=2, swin_features=4, window=4,
    groups=2, normed=True,
)  # fmt: skip


def filled(shapes):
    draw = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), shapes)


@pytest.mark.parametrize("shift", [0, 2])
def test_a_pixel_attends_to_those_of_its_window_that_lie_beside_it(shift):
    window, heads, size = 4, 2, (8, 12)
    module = WindowAttention(heads, window, shift, jnp.float32)
    x = np.random.default_rng(1).normal(size=(1, *size, 4)).astype(np.float32)
    params = filled(jax.eval_shape(module.init, jax.random.key(0), x)["params"])
    ours = np.asarray(module.apply({"params": params}, x))[0]

    layer = lambda name, h: h @ params[name]["kernel"] + params[name]["bias"]
    q, k, v = (part.reshape(*size, heads, 2) for part in np.split(layer("qkv", x[0]), 3, axis=-1))
    # Windows are moved by the shift; what is left over at one edge has its own, not shared with the other edge's.
    own = lambda row, column: tuple((place - shift) // window for place in (row, column))
    pixels = [(row, column) for row in range(size[0]) for column in range(size[1])]
    for row, column in pixels:
        near = [(r, c) for r, c in pixels if own(r, c) == own(row, column)]
        made = np.zeros((heads, 2))
        for head in range(heads):
            table = params["bias"][:, head].reshape(2 * window - 1, 2 * window - 1)
            scores = np.array([
                q[row, column, head] @ k[r, c, head] / np.sqrt(2) + table[row - r + window - 1, column - c + window - 1]
                for r, c in near
            ])  # fmt: skip
            weights = np.exp(scores - scores.max())
            made[head] = weights @ np.array([v[r, c, head] for r, c in near]) / weights.sum()
        np.testing.assert_allclose(ours[row, column], layer("out", made.reshape(-1)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("told", [(8, 3), (32, 4)])
def test_names_go_both_ways_and_tables_that_follow_are_left_out(told):
    side, channels = told
    given = jnp.zeros((1, 8, 8, 3)), jnp.zeros(1), jnp.zeros((1, side, side, channels))
    params = filled(jax.eval_shape(SMALL.init, jax.random.key(0), *given)["params"])
    state = names.unet_state(SMALL, params)
    state |= {"middle_block.1.blocks.0.attn.relative_position_index": np.zeros((16, 16))}
    assert ("feature_extractor.2.op.weight" in state) == (side > 8)
    assert state["output_blocks.3.1.patch_embed.proj.weight"].shape == (4, 4, 1, 1)
    assert state["output_blocks.2.1.conv.weight"].shape == (8, 8, 3, 3)
    assert state["input_blocks.1.1.blocks.1.attn.relative_position_bias_table"].shape == (49, 2)
    found = convert.players("resshift", {"denoiser": SMALL}, {f"module.{name}": each for name, each in state.items()})
    jax.tree.map(np.testing.assert_array_equal, found["denoiser"]["params"], params)


def test_windows_are_no_larger_than_features_and_sizes_must_fit():
    # Features that are one window have no windows to move.
    assert SMALL.window_at(0) == (4, 2)
    assert SMALL.window_at(1) == (4, 0)
    assert SMALL.multiple == 8
    assert SwinUNet().multiple == 64
    given = jnp.zeros((1, 12, 8, 3)), jnp.zeros(1), jnp.zeros((1, 12, 8, 3))
    with pytest.raises(ValueError, match="multiples of 8"):
        jax.eval_shape(SMALL.init, jax.random.key(0), *given)


@pytest.mark.parametrize(
    ("config", "count"),
    [("resshift_imagenet256_x4", 118_593_583), ("resshift_imagenet256_inpaint", 118_714_399)],
)
def test_published_sizes_have_the_published_number_of_parameters(config, count):
    experiment = configs.load(config)
    system = systems.build(experiment.system, experiment.task, runs.spec_of(experiment))
    params = runs.state_like(experiment, system, 0).params["denoiser"]
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count
    published = {
        "image_size": 64, "in_channels": 3, "model_channels": 160, "out_channels": 3, "dropout": 0,
        "attention_resolutions": [64, 32, 16, 8], "channel_mult": [1, 2, 2, 4], "num_res_blocks": [2, 2, 2, 2],
        "conv_resample": True, "dims": 2, "use_fp16": False, "num_head_channels": 32, "use_scale_shift_norm": True,
        "resblock_updown": False, "swin_depth": 2, "swin_embed_dim": 192, "window_size": 8, "mlp_ratio": 4,
        "cond_lq": True, "num_heads": 4,
    }  # fmt: skip
    assert names.unet_of(published) == system.players["denoiser"].module


def test_holes_are_shown_black_and_marked():
    y = {"image": jnp.zeros((1, 4, 4, 3)), "hole": jnp.zeros((1, 4, 4, 1)).at[:, 1].set(1)}
    config = resshift.Config(autoencoder="none", perceptual=0.0)
    seen = np.asarray(resshift.told(config, Inpaint(), y, 1))
    assert np.all(seen[:, 1, :, :3] == -1)
    assert np.all(seen[:, 1, :, 3] == 1)
    assert np.all(seen[:, 0, :, :3] == 0)
    assert np.all(seen[:, 0, :, 3] == -1)
    with pytest.raises(ValueError, match="did you mean 'swin'"):
        resshift.Config(network="swim")
    assert isinstance(resshift.network_of(config, 8, 3), SwinUNet)
