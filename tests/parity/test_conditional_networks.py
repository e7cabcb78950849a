"""Diffusions that are told the level of noise itself, SR3 and Palette, against the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, meta_of, nhwc, recipe_state
from recipe import array

from dgan_jax.convert import sr3 as names
from dgan_jax.nets.sr3_unet import SR3UNet
from dgan_jax.objectives.conditional import missing_error
from dgan_jax.objectives.errors import mean_absolute
from dgan_jax.process.gaussian import gaussian_of_betas
from dgan_jax.process.predictions import x0_of_noise
from dgan_jax.process.schedules import PUBLISHED, SCHEDULES, betas_of
from dgan_jax.process.told_levels import between, noisy
from dgan_jax.samplers import ancestral, pasting

OWN = {**PUBLISHED["ddpm"], "cosine": "alpha_bar_cosine"}


def chain(schedule, n_timestep, linear_start, linear_end):
    return gaussian_of_betas(betas_of(OWN[schedule], n_timestep, first=linear_start, last=linear_end))


@pytest.mark.parametrize("path", fixtures("sr_sr3_unet"))
def test_the_network_computes_what_the_published_one_does(path):
    data, meta = np.load(path), meta_of(path)
    network = names.network_of(meta["args"])
    state = recipe_state(path)
    params = names.network_params(network, state)
    level = jnp.asarray(data["in.noise_level"])[:, 0]

    @jax.jit
    def run(params, x):
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(network.apply({"params": params}, x, level))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(x)
        return y, slope

    y, slope = run(params, jnp.concatenate([nhwc(data["in.cond"]), nhwc(data["in.x_t"])], axis=-1))
    assert error(y, nhwc(data["out.eps"])) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == meta["parameters"]
    back = names.network_state(network, params)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("path", fixtures("sr_sr3_schedules"))
def test_schedules_are_the_published_ones(path):
    data = np.load(path)
    for schedule, steps, first, last in args_of(path):
        end = f"{schedule}_{steps}"
        betas = SCHEDULES[OWN[schedule]](steps, first, last)
        assert error(betas, data[f"out.betas_{end}"]) < 1e-10
        if f"out.alphas_cumprod_{end}" not in data:
            continue
        tables = gaussian_of_betas(betas)
        read = lambda name, end=end: data[f"out.{name}_{end}"]
        assert error(np.square(tables.signal[1:]), read("alphas_cumprod")) < 1e-6
        assert error(tables.noise[1:], read("sqrt_one_minus_alphas_cumprod")) < 1e-6
        assert error(1 / tables.signal[1:], read("sqrt_recip_alphas_cumprod")) < 1e-6
        assert error(tables.noise[1:] / tables.signal[1:], read("sqrt_recipm1_alphas_cumprod")) < 1e-6
        assert error(tables.mean_x0, read("posterior_mean_coef1")) < 1e-6
        assert error(tables.mean_x, read("posterior_mean_coef2")) < 1e-6
        # The first step back draws nothing: there the two tables say different things.
        assert error(tables.log_variance[1:], read("posterior_log_variance_clipped")[1:]) < 1e-6


@pytest.mark.parametrize("path", fixtures("sr_sr3_step"))
def test_steps_and_the_loss_are_the_published_ones(path):
    data, args = np.load(path), args_of(path)
    process, network = chain(**args["schedule"]), names.network_of(args["unet"])
    params = names.network_params(network, recipe_state(path))
    condition, x = jnp.asarray(nhwc(data["in.cond"])), jnp.asarray(nhwc(data["in.x_t"]))
    say = jax.jit(lambda x, level: network.apply({"params": params}, jnp.concatenate([condition, x], -1), level))
    signal = jnp.asarray(process.signal)
    for time in sorted(int(name.rpartition("_t")[2]) for name in data.files if name.startswith("in.noise_t")):
        t = jnp.full(len(x), time)
        x0 = jnp.clip(x0_of_noise(process, say(x, signal[t + 1]), x, t), -1, 1)
        log_variance = jnp.asarray(process.log_variance)[t][:, None, None, None]
        step = lambda noise, x0=x0, t=t, log=log_variance: ancestral.step(process, x0, x, log, t, noise)
        assert error(step(jnp.zeros_like(x)), nhwc(data[f"out.mean_t{time}"])) < 1e-5
        assert error(step(nhwc(data[f"in.noise_t{time}"])), nhwc(data[f"out.x_prev_t{time}"])) < 1e-5
        if time:
            assert error(process.log_variance[time], data[f"out.logvar_t{time}"]) < 1e-5
    level, noise = jnp.asarray(data["in.sqrt_alpha_bar"]), jnp.asarray(nhwc(data["in.loss_noise"]))
    state = noisy(level, jnp.asarray(nhwc(data["in.x0"])), noise)
    assert error(state, nhwc(data["out.x_noisy"])) < 1e-6
    assert error(mean_absolute(noise, say(state, level)) * noise.size, data["out.loss_sum_l1"]) < 1e-5


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (SR3UNet(image_size=128), 97_807_491),
        (SR3UNet(image_size=512, multipliers=(1, 2, 4, 8, 16), blocks=1, attention=(), groups=16), 155_334_339),
    ],
)
def test_published_sizes_have_the_published_number_of_parameters(network, count):
    assert sum(leaf.size for leaf in jax.tree.leaves(names.shapes_of(network, 6))) == count


@pytest.mark.parametrize("path", fixtures("palette"))
def test_palettes_losses_and_sampling_are_the_published_ones(path):
    data, meta = np.load(path), meta_of(path)
    train, test = (chain(**meta["args"][kind]) for kind in ("train", "test"))
    read = lambda name: jnp.asarray(nhwc(data[f"in.{name}"]))
    y0, condition, hole, noise = (read(name) for name in ("y0", "condition", "mask", "noise"))
    # Their gammas begin with the first noisy state, so that their t - 1 is our state t.
    level = between(train, jnp.asarray(data["in.t"]), jnp.asarray(data["in.u"])[:, 0], squared=True)
    assert error(np.square(level), data["out.sample_gammas"]) < 1e-6
    every = train.steps // len(data["out.train_gammas"])
    assert error(np.square(train.signal[1:])[::every], data["out.train_gammas"]) < 1e-6
    toy = lambda x, level: 0.8 * x + 0.1 * jnp.roll(condition, 1, axis=2) + 0.1 * jnp.square(level)[:, None, None, None]
    x = noisy(level, y0, noise)
    assert error(jnp.mean(jnp.square(toy(x, level) - noise)), data["out.train_loss"]) < 1e-5
    said = toy(jnp.where(hole > 0, x, y0), level)
    assert error(missing_error(said, noise, hole), data["out.train_loss_masked"]) < 1e-5

    assert error(np.square(test.signal[1:]), data["out.test_gammas"]) < 1e-6
    assert error(test.mean_x0, data["out.posterior_mean_coef1"]) < 1e-6
    assert error(test.mean_x, data["out.posterior_mean_coef2"]) < 1e-6
    assert error(test.log_variance[1:], data["out.posterior_log_variance_clipped"][1:]) < 1e-5
    signal, shape = jnp.asarray(test.signal), data["in.y0"].shape
    predict = lambda x, t: jnp.clip(x0_of_noise(test, toy(x, signal[t + 1]), x, t), -1, 1)
    drawn = np.stack([nhwc(array(f"{meta['prefix']}.s.noise.{i}", shape)) for i in range(meta["draws"])])
    # Draw i is of the step i from the noisiest; the last step draws nothing.
    noise_of = lambda t: jnp.asarray(drawn)[jnp.minimum(test.steps - 1 - t, meta["draws"] - 1)]
    paste = lambda x: jnp.where(hole > 0, x, y0)
    restored = jax.jit(lambda x: pasting.sample(predict, test, x, noise_of, paste=paste))(read("yT"))
    assert error(restored, nhwc(data["out.restored"])) < 1e-4
