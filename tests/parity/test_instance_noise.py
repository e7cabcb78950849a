"""Diffusion-GAN's chain against the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc

from dgan_jax.process.instance_noise import diffuse, instance_noise, length, priority_level


@pytest.mark.parametrize("path", fixtures("diffusion_gan_instance_noise"))
def test_the_chain_of_an_intensity_is_the_published_one(path):
    data, args = np.load(path), args_of(path)

    @jax.jit
    def chain(steps):
        return instance_noise(
            steps, longest=args["t_max"], deviation=args["noise_std"], first=args["beta_start"], last=args["beta_end"]
        )

    steps = int(length(args["p"], shortest=args["t_min"], longest=args["t_max"]))
    assert steps == int(data["out.num_timesteps"])
    process = chain(steps)
    assert error(process.signal[: steps + 1], data["out.alphas_bar_sqrt"]) < 1e-5
    noise = process.noise[: steps + 1] / args["noise_std"]
    assert error(noise, data["out.one_minus_alphas_bar_sqrt"]) < 1e-5
    x0, noise = (jnp.asarray(nhwc(data[f"in.{name}"])) for name in ("x0", "noise"))
    assert error(diffuse(process, x0, jnp.asarray(data["in.t"]), noise), nhwc(data["out.x_t"])) < 1e-5


@pytest.mark.parametrize("path", fixtures("diffusion_gan_instance_noise"))
def test_times_are_drawn_with_the_published_priority(path):
    priority = np.load(path)["out.priority"].astype(np.float64)
    ends = np.concatenate([[0.0], np.cumsum(priority / priority.sum())])
    # From the middle of each time's share of [0, 1) comes that time; t = 1 has no share.
    middles = (ends[1:] + ends[:-1]) / 2
    times = priority_level(jnp.asarray(middles[1:], jnp.float32), jnp.asarray(len(priority)))
    np.testing.assert_array_equal(times, np.arange(2, len(priority) + 1))
