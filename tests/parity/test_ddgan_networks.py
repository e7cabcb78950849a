"""DDGAN's networks: outputs and input gradients against the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import PROCESS, SHAPES, args_of, error, fixtures, nhwc, only, recipe_state, without_effect

from dgan_jax.convert import ddgan as names
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.ncsnpp_adagn import NCSNpp


@pytest.mark.parametrize("path", fixtures("ddgan_generator", "ddgan_generator_*"))
def test_the_generator_computes_what_the_published_one_does(path):
    data = np.load(path)
    args = args_of(path)
    network = NCSNpp(**names.generator_arguments(args))
    without_effect(args, *PROCESS, *SHAPES, *(() if args["fir"] else ("fir_kernel",)))
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


@pytest.mark.parametrize("path", fixtures("ddgan_disc_small", "ddgan_disc_large"))
def test_the_critic_computes_what_the_published_one_does(path):
    data = np.load(path)
    args = args_of(path)
    only(args, act="LeakyReLU(0.2)", nc=2 * data["in.x"].shape[1])
    network = Critic(**names.critic_arguments(args, variant=path.stem.rpartition("_")[2]))
    params = names.critic_params(network, recipe_state(path))
    t, x_next = jnp.asarray(data["in.t"]), jnp.asarray(nhwc(data["in.x_t"]))

    @jax.jit
    def run(params, x):
        judge = lambda x: network.apply({"params": params}, x, t, x_next)
        return judge(x), jax.grad(lambda x: judge(x).sum())(x)

    y, slope = run(params, jnp.asarray(nhwc(data["in.x"])))
    assert error(y[:, None], data["out.y"]) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
