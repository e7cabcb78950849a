"""WaveDiff's transform and networks: outputs and input gradients against the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import PROCESS, SHAPES, args_of, error, fixtures, meta_of, nhwc, only, recipe_state, without_effect

from dgan_jax.convert import wavediff as names
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.wavelet_ncsnpp import WaveletNCSNpp
from dgan_jax.ops import haar
from dgan_jax.spaces.wavelet import wavelet

BANDS = ("LL", "LH", "HL", "HH")


@pytest.mark.parametrize("path", fixtures("wavediff_dwt"))
def test_the_haar_transform_and_both_orders_of_its_bands_are_the_published_ones(path):
    data = np.load(path)
    x = jnp.asarray(nhwc(data["in.x"]))
    for ours, name in zip(jnp.split(haar.dwt(x), 4, axis=-1), BANDS, strict=True):
        assert error(ours, nhwc(data[f"out.{name}"])) < 1e-6, name
    given = jnp.concatenate([nhwc(band) for band in data["in.s"]], axis=-1)
    assert error(haar.idwt(given), nhwc(data["out.idwt"])) < 1e-6
    assert error(haar.idwt(haar.dwt(x)), nhwc(data["out.roundtrip"])) < 1e-6
    for order, name in (("lh_hl", "bands_half"), ("hl_lh", "alt_bands_half")):
        space = wavelet(1, order)
        code = space.encode(x)
        assert error(code, nhwc(data[f"out.{name}"])) < 1e-6
        assert error(space.decode(code), x) < 1e-6


@pytest.mark.parametrize("path", fixtures("wavediff_generator", "wavediff_generator_*"))
def test_the_generator_computes_what_the_published_one_does(path):
    data = np.load(path)
    args, kind = args_of(path), meta_of(path)["cls"]
    network = WaveletNCSNpp(**names.generator_arguments(args, kind))
    without_effect(args, *PROCESS, *SHAPES)
    if not network.frequency:
        without_effect(args, "no_use_fbn", "no_use_freq", "no_use_residual")
    state = recipe_state(path)
    params = names.generator_params(network, state)
    x, t, z = jnp.asarray(nhwc(data["in.x"])), jnp.asarray(data["in.t"]), jnp.asarray(data["in.z"])

    @jax.jit
    def run(params, x):
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(network.apply({"params": params}, x, t, z))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(x)
        return y, slope

    y, slope = run(params, x)
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    back = names.generator_state(network, params)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("path", fixtures("wavediff_disc_small", "wavediff_disc_large"))
def test_the_critic_computes_what_the_published_one_does(path):
    data = np.load(path)
    args = args_of(path)
    only(args, act="LeakyReLU(0.2)", nc=2 * data["in.x"].shape[1])
    network = Critic(**names.critic_arguments(args, variant=path.stem.rpartition("_")[2]))
    state = recipe_state(path)
    params = names.critic_params(network, state)
    t, x_next = jnp.asarray(data["in.t"]), jnp.asarray(nhwc(data["in.x_t"]))

    @jax.jit
    def run(params, x):
        judge = lambda x: jax.tree.leaves(network.apply({"params": params}, x, t, x_next))
        return judge(x), jax.grad(lambda x: sum(logits.sum() for logits in judge(x)))(x)

    judged, slope = run(params, jnp.asarray(nhwc(data["in.x"])))
    for ours, name in zip(judged, ("y", "y_local")[: 1 + network.local_head], strict=True):
        assert error(ours[..., None], data[f"out.{name}"]) < 1e-5, name
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    back = names.critic_state(network, params)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)
