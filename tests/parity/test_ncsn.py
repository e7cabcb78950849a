"""NCSN against the reference: its network, names both ways, its loss and annealed Langevin dynamics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc, recipe_state

from dgan_jax.convert import ncsn as names
from dgan_jax.nets.ddpm_unet import geometric_sigmas
from dgan_jax.nets.refinenet import RefineNet
from dgan_jax.objectives.score import denoising_error
from dgan_jax.process.gaussian import expand
from dgan_jax.samplers import annealed_langevin


@pytest.mark.parametrize("path", fixtures("ncsn_refinenet*"))
def test_the_network_computes_what_the_published_one_does(path):
    data, state = np.load(path), recipe_state(path)
    args, levels = args_of(path), state["normalizer.embed.weight"].shape[0]
    network = RefineNet(**names.network_arguments(args, levels))
    assert data["in.x"].shape[1:] == (args["ch"], args["size"], args["size"])
    params = names.network_params(network, state)
    level = jnp.asarray(data["in.y"])

    @jax.jit
    def run(params, x):
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(network.apply({"params": params}, x, level))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(x)
        return y, slope

    y, slope = run(params, jnp.asarray(nhwc(data["in.x"])))
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    back = names.network_state(params)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


def test_the_published_size_has_the_published_number_of_parameters():
    x, level = jnp.zeros((1, 2, 2, 3)), jnp.zeros(1, jnp.int32)
    shapes = jax.eval_shape(RefineNet().init, jax.random.key(0), x, level)["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 30_117_635


@pytest.mark.parametrize("path", fixtures("ncsn_process*"))
def test_the_loss_and_the_dynamics_are_the_published_ones(path):
    data, args = np.load(path), dict(args_of(path))
    levels, each = args.pop("levels"), args.pop("n_steps_each")
    sigmas = np.asarray(geometric_sigmas(args.pop("sigma_begin"), args.pop("sigma_end"), levels))
    share = args.pop("step_lr") / sigmas[-1] ** 2
    assert not args, "the fixture restates an argument that this test does not take"
    assert error(sigmas, data["out.sigmas"]) < 1e-6
    table = jnp.asarray(sigmas, jnp.float32)
    squared = lambda x, level: -(x - 0.5) / (0.2 + expand(jnp.square(table)[level], x))
    x, labels = jnp.asarray(nhwc(data["in.x"])), jnp.asarray(data["in.labels"])
    fresh = jnp.stack([jnp.asarray(nhwc(data[f"in.noise{i}"])) for i in range(levels * each)])
    sigma = expand(table[labels], x)
    said = -sigma * squared(x + sigma * fresh[0], labels)
    assert error(denoising_error(said, fresh[0], reduce="half_sum").mean(), data["out.loss"][0]) < 1e-4

    states, sizes = [x], annealed_langevin.sizes(sigmas, share)
    for i in range(levels * each):
        level = jnp.full(len(x), i // each)
        states.append(annealed_langevin.step(squared(states[-1], level), states[-1], sizes[i // each], fresh[i]))
    assert error(jnp.clip(states[-2], 0, 1), nhwc(data["out.last_snapshot"])) < 1e-4
    # The draws of a level are those of its steps, behind one for what is put in.
    draw = lambda number: fresh[jnp.maximum(number - number // (each + 1) - 1, 0)]
    every = lambda x, i, number: squared(x, jnp.full(len(x), i))
    assert error(annealed_langevin.sample(every, sigmas, x, draw, share=share, each=each), states[-1]) < 1e-5
    # What is known stays as it is put in, whatever the score says.
    put = lambda x, i, known: x.at[:, :2].set(0.25 + table[i] * known[:, :2])
    whole = annealed_langevin.sample(every, sigmas, x, draw, share=share, each=each, put=put)
    last = draw(jnp.asarray((levels - 1) * (each + 1)))
    assert error(whole[:, :2], 0.25 + table[-1] * last[:, :2]) < 1e-6
