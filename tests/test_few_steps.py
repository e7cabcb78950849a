"""Few-step solvers against the flow of a Gaussian, which is known in closed form."""

import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax.process.gaussian import Chain, expand, gaussian_of, gaussian_of_betas
from dgan_jax.process.schedules import betas_of
from dgan_jax.samplers import few_steps

SPREAD = 0.3
"""Deviation of the images."""


def chain_of(count, exploding):
    sigma = np.concatenate([[0.0], few_steps.karras(1e-3, 20.0, count)])
    signal = np.ones_like(sigma) if exploding else 1 / np.sqrt(1 + sigma**2)
    return Chain(gaussian_of(signal, signal * sigma), np.arange(count))


def missed(solver, count, exploding):
    """How far the end is from that of the exact flow, in parts of it."""
    chain = chain_of(count, exploding)
    signal, noise = jnp.asarray(chain.tables.signal), jnp.asarray(chain.tables.noise)

    def predict(x, t, number):
        s, n = (expand(table[t + 1], x) for table in (signal, noise))
        return s * SPREAD**2 / (s**2 * SPREAD**2 + n**2) * x, None

    x = jnp.ones((1, 1, 1, 1)) * noise[-1]
    exact = SPREAD * (x / jnp.sqrt((signal[-1] * SPREAD) ** 2 + noise[-1] ** 2))
    return float(jnp.abs(solver(predict, chain, x) / exact - 1)[0, 0, 0, 0])


FIRST = lambda predict, chain, x: few_steps.multistep(predict, chain, x, order=1)


@pytest.mark.parametrize("exploding", [False, True])
@pytest.mark.parametrize(("solver", "order"), [(FIRST, 1), (few_steps.multistep, 2), (few_steps.heun, 2)])
def test_an_error_falls_as_the_solvers_order_says(solver, order, exploding):
    coarse, fine = (missed(solver, count, exploding) for count in (16, 32))
    assert 0.75 * 2**order < coarse / fine < 1.5 * 2**order
    assert fine < (0.1 if order == 1 else 0.02)


@pytest.mark.parametrize("spacing", list(few_steps.SPACINGS))
def test_levels_ascend_and_are_as_many_as_are_wanted_or_nearly(spacing):
    process = gaussian_of_betas(betas_of("beta_linear"))
    times = few_steps.steps_of(process, 10, 0, spacing)
    assert np.all(np.diff(times) > 0)
    assert len(times) in (9, 10)
    if spacing in ("karras", "log_sigma"):
        assert (times[0], times[-1]) == (0, 999)
    assert few_steps.steps_of(process, 1, 0, spacing).tolist() == [999]
    four = gaussian_of_betas(betas_of("beta_linear", 4, last=0.9))
    assert few_steps.steps_of(four, 0, 20, spacing)[0] == 0


def test_karras_levels_are_those_of_the_paper():
    levels = few_steps.karras(0.002, 80.0, 18)[::-1]
    steps = np.arange(18)
    told = (80 ** (1 / 7) + steps / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    np.testing.assert_allclose(levels, told, rtol=1e-10)
