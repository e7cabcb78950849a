"""The mean-reverting SDE and its two networks against the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, meta_of, nhwc, recipe_state

from dgan_jax.convert import irsde as names
from dgan_jax.process import mean_reverting as sde

NETWORKS = {"ConditionalUNet": names.unet_of, "ConditionalNAFNet": names.nafnet_of}


@pytest.mark.parametrize("path", fixtures("sr_irsde_unet*", "sr_irsde_nafnet*"))
def test_the_network_computes_what_the_published_one_does(path):
    data, meta = np.load(path), meta_of(path)
    network = NETWORKS[meta["cls"]](meta["args"])
    state = recipe_state(path)
    params = names.network_params(network, state)
    damaged, t = jnp.asarray(nhwc(data["in.cond"])), jnp.asarray(data["in.t"])

    @jax.jit
    def run(params, x):
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(network.apply({"params": params}, x, damaged, t))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(x)
        return y, slope

    y, slope = run(params, jnp.asarray(nhwc(data["in.x_t"])))
    assert error(y, nhwc(data["out.noise"])) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == meta["parameters"]
    back = names.network_state(network, params)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("path", fixtures("sr_irsde_schedules"))
def test_the_tables_are_the_published_ones(path):
    data = np.load(path)
    for spread, steps, schedule, left in args_of(path):
        process = sde.mean_reverting(steps, spread=spread, schedule=schedule, left=left)
        end = f"{schedule}_{steps}_{spread}"
        assert error(process.theta, data[f"out.thetas_{end}"]) < 1e-5
        assert error(process.sigma, data[f"out.sigmas_{end}"]) < 1e-5
        assert error(process.noise, data[f"out.sigma_bars_{end}"]) < 1e-5
        assert error(process.dt, data[f"out.dt_{end}"]) < 1e-5
        assert error(np.exp(-data[f"out.cumsum_{end}"] * data[f"out.dt_{end}"]), process.kept) < 1e-5
        t = jnp.arange(1, steps + 1)
        std = sde.posterior_std(process, t, jnp.zeros((steps, 1, 1, 1)))
        assert error(std[1:].ravel(), data[f"out.post_std_{end}"][1:]) < 1e-4
        # Of the last step next to nothing is left, whatever it is: 1e-10 of the spread.
        assert max(float(std[0].squeeze()), float(data[f"out.post_std_{end}"][0])) < 1e-8


@pytest.mark.parametrize("path", fixtures("sr_irsde_schedules"))
def test_the_denoising_sde_is_the_published_one(path):
    data = np.load(path)
    bars = data["out.dsde_sigma_bars"]
    # The fixture tells its spread by the deviation of the end alone; 0.04 of the clean image is always left.
    spread = 255 * float(bars[-1]) / np.sqrt(1 - 0.04**2)
    process = sde.mean_reverting(len(bars) - 1, spread=spread, left=0.04)
    assert error(process.noise, bars) < 1e-5
    assert error(process.dt, data["out.dsde_dt"]) < 1e-5
    chosen = data["out.dsde_opt_t"]
    assert np.array_equal(sde.state_of(process, jnp.asarray(bars[chosen])), chosen)
    x, noise, said = (jnp.asarray(nhwc(data[f"in.dsde_{name}"])) for name in ("x", "randn", "noise_pred"))
    for name in (name for name in data.files if name.startswith("out.dsde_sde_t")):
        time = int(name.rpartition("_t")[2])
        t, theirs = jnp.full(len(x), time), lambda kind, time=time: nhwc(data[f"out.dsde_{kind}_t{time}"])
        assert error(sde.denoising_sde_step(process, x, said, t, noise), theirs("sde")) < 1e-4
        assert error(sde.denoising_ode_step(process, x, said, t, noise), theirs("ode")) < 1e-4
        # Around itself an image reverts to nothing but itself: x0 is the state less its noise.
        assert error(x - sde.at(process.noise, t, x) * said, theirs("x0")) < 1e-5


def loss_of(said, process, x, x0, mu, t):
    return sde.reverse_mean(process, x, mu, said, t), sde.best(process, x, x0, mu, t)


@pytest.mark.parametrize("path", fixtures("sr_irsde_step"))
def test_steps_and_losses_are_the_published_ones(path):
    data, args = np.load(path), args_of(path)
    process = sde.mean_reverting(args["T"], spread=args["max_sigma"], schedule=args["schedule"], left=args["eps"])
    network = names.unet_of(args["net"])
    params = names.network_params(network, recipe_state(path))
    x, mu, x0, noise = (jnp.asarray(nhwc(data[f"in.{name}"])) for name in ("x_t", "mu", "x0", "noise"))
    say = jax.jit(lambda x, t: network.apply({"params": params}, x, mu, t))
    times = sorted(int(name.rpartition("_t")[2]) for name in data.files if name.startswith("out.noise_pred_t"))
    for time in times:
        t = jnp.full(len(x), time)
        theirs = lambda name, time=time: nhwc(data[f"out.{name}_t{time}"])
        said = say(x, t)
        assert error(said, theirs("noise_pred")) < 1e-5
        assert error(sde.sde_step(process, x, mu, said, t, noise), theirs("sde")) < 1e-4
        assert error(sde.reverse_mean(process, x, mu, said, t), theirs("sde_mean")) < 1e-4
        assert error(sde.ode_step(process, x, mu, said, t, noise), theirs("ode")) < 1e-4
        assert error(sde.posterior_step(process, x, mu, said, t, noise), theirs("posterior")) < 1e-4
        assert error(sde.best(process, x, x0, mu, t), theirs("optimum")) < 1e-4
        assert error(sde.mean(process, x0, mu, t), theirs("mu_bar")) < 1e-5
        assert error(sde.forward_step(process, x, mu, t, noise), theirs("forward")) < 1e-5
    assert error(sde.begin(process, mu, noise), nhwc(data["out.noise_state"])) < 1e-6
    t = jnp.asarray(data["in.train_t"])
    state = sde.diffuse(process, x0, mu, t, noise)
    assert error(state, nhwc(data["out.train_state"])) < 1e-5
    ours, aim = loss_of(say(state, t), process, state, x0, mu, t)
    assert error(ours, nhwc(data["out.train_expectation"])) < 1e-4
    assert error(aim, nhwc(data["out.train_optimum"])) < 1e-4
    assert error(jnp.mean(jnp.abs(ours - aim)), data["out.train_loss"]) < 1e-4
    assert error(jnp.mean(jnp.square(ours - aim)), data["out.train_loss_l2"]) < 1e-4


@pytest.mark.parametrize(
    ("network", "count"),
    [(names.IRSDEUNet(), 137_147_523), (names.ConditionalNAFNet(), 76_608_387)],
)
def test_published_sizes_have_the_published_number_of_parameters(network, count):
    assert sum(leaf.size for leaf in jax.tree.leaves(names.shapes_of(network, 3))) == count
