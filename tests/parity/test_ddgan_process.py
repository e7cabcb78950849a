"""DDGAN's schedule, pairs, posterior, learning rate and sampler against the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc, recipe_state, without_effect

from dgan_jax.convert import ddgan as names
from dgan_jax.core.rates import cosine_per_epoch
from dgan_jax.nets.ncsnpp_adagn import NCSNpp
from dgan_jax.objectives.denoising_gan import Draws, diffuse_pair
from dgan_jax.process.gaussian import gaussian, posterior_sample, vp_betas
from dgan_jax.samplers.denoising_gan import sample


def tables(args: dict) -> object:
    betas = vp_betas(
        args["num_timesteps"], beta_min=args["beta_min"], beta_max=args["beta_max"],
        geometric=args.get("use_geometric", False),
    )  # fmt: skip
    return gaussian(betas)


@pytest.mark.parametrize("path", fixtures("ddgan_coefficients"))
def test_the_schedule_is_the_published_one(path):
    data = np.load(path)
    for case in sorted({key.split(".")[1] for key in data.files if key.startswith("in.")}):
        steps, beta_min, beta_max, geometric = data[f"in.{case}.args"]
        betas = vp_betas(int(steps), beta_min=beta_min, beta_max=beta_max, geometric=bool(geometric))
        process = gaussian(betas)
        out = lambda name, case=case: data[f"out.{case}.{name}"]
        assert error(betas, out("betas")) < 1e-6
        for ours, theirs in (
            (process.step_noise, "sigmas"), (process.step_signal, "a_s"), (process.signal, "a_s_cum"),
            (process.noise, "sigmas_cum"), (process.mean_x0, "posterior_mean_coef1"),
            (process.mean_x, "posterior_mean_coef2"), (process.log_variance, "posterior_log_variance_clipped"),
        ):  # fmt: skip
            assert error(ours, out(theirs)) < 1e-5, theirs


@pytest.mark.parametrize("path", fixtures("ddgan_q_sample"))
def test_pairs_and_posterior_samples_are_the_published_ones(path):
    data, args = np.load(path), args_of(path)
    process, t = tables(args), jnp.asarray(data["in.t"])
    read = lambda name: jnp.asarray(nhwc(data[name]))
    draws = Draws(t, None, read("in.noise_step"), read("in.noise_marginal"), read("in.noise_post"))
    x_t, x_next = diffuse_pair(process, read("in.x0"), draws)
    assert error(x_t, read("out.x_t")) < 1e-5
    assert error(x_next, read("out.x_tp1")) < 1e-5
    x_pos = posterior_sample(process, read("in.x0_pred"), read("out.x_tp1"), t, draws.noise_posterior)
    assert error(x_pos, read("out.x_pos")) < 1e-5


@pytest.mark.parametrize("path", fixtures("ddgan_lr"))
def test_the_learning_rate_is_the_published_one_also_past_its_end(path):
    args, lr = args_of(path), np.load(path)["out.lr"]
    epoch = 7
    schedule = cosine_per_epoch(args["lr"], args["eta_min"], steps=args["num_epoch"] * epoch, epoch=epoch)
    for offset in (0, epoch - 1):
        ours = [float(schedule(jnp.asarray(e * epoch + offset))) for e in range(len(lr))]
        assert error(np.array(ours), lr) < 1e-5


@pytest.mark.parametrize("path", fixtures("ddgan_sampling"))
def test_sampling_repeats_the_published_chain(path):
    data, args = np.load(path), args_of(path)
    # The shapes of latents and of the time's embedding follow from the arrays.
    without_effect(args, "nz", "t_emb_dim")
    network = NCSNpp(**names.generator_arguments(args))
    params = names.generator_params(network, recipe_state(path))
    read = lambda name: jnp.asarray(nhwc(data[name]))

    @jax.jit
    def chain(x, latents, noises):
        predict = lambda x, t, z: network.apply({"params": params}, x, t, z)
        return sample(predict, tables(args), x, latents, noises)

    image, predictions = chain(read("in.x"), jnp.asarray(data["in.z"]), read("in.noise"))
    assert error(image, read("out.y")) < 1e-4
    assert error(predictions, read("out.x0_pred")) < 1e-4
