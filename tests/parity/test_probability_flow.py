"""The probability-flow ODE against the reference, solved by scipy's RK45: samples, noise, bits per dimension."""

import jax
import numpy as np
import pytest
from published import error, fixtures, nhwc, without_effect
from test_sde import array, sdes, taken, wave

from dgan_jax.process.sde import score_of
from dgan_jax.samplers import probability_flow as ode


@pytest.mark.parametrize("path", fixtures("sde_samplers*"))
def test_images_of_noise_are_the_published_ones(path):
    data, args = np.load(path), taken(path, "N", "snr", "n_steps", "eps", "beta", "sigma")
    without_effect(args, "snr", "n_steps")  # of correctors
    for kind, sde in sdes(args, args["N"]).items():
        flow = ode.of_sde(sde, score_of(wave(kind), sde), args["eps"][kind])
        x, calls = jax.jit(lambda x, flow=flow: ode.carried(flow, x))(sde.prior_std * array(data, "in.prior"))
        assert error(x, nhwc(data[f"out.{kind}.ode"])) < 1e-3, kind
        # Steps of an example are its own; the reference takes one for the batch.
        assert np.all(np.abs(calls / data[f"out.{kind}.ode_nfe"] - 1) < 0.5), kind


@pytest.mark.parametrize("path", fixtures("sde_likelihood*"))
def test_bits_per_dimension_are_the_published_ones(path):
    data, args = np.load(path), taken(path, "beta", "sigma", "eps")
    x, probe = array(data, "in.data"), array(data, "in.rademacher")
    for kind, sde in sdes(args, 1000).items():
        flow = ode.of_sde(sde, score_of(wave(kind), sde), args["eps"])
        density, z, calls = jax.jit(lambda x, probe, flow=flow: ode.log_density(flow, x, probe))(x, probe)
        bits = -density / (x[0].size * np.log(2)) + (8 if kind == "ve" else 7)
        assert error(bits, data[f"out.{kind}.bpd"]) < 1e-3, kind
        assert error(z, nhwc(data[f"out.{kind}.z"])) < 1e-3, kind
        assert np.all(np.abs(calls / data[f"out.{kind}.nfe"] - 1) < 0.5), kind
