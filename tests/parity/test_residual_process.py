"""Residual shift (ResShift) and the image-to-image bridge (I2SB) against the reference, and as chains of a GAN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc

from dgan_jax.process import bridge, gaussian, residual


def shift_of(args: dict) -> tuple[np.ndarray, residual.ResidualShift]:
    roots = residual.shift_roots(
        args["steps"], kappa=args["kappa"], least=args["min_noise_level"], last=args["etas_end"], power=args["power"]
    )
    return roots, residual.residual_shift(roots, kappa=args["kappa"])


@pytest.mark.parametrize("path", fixtures("resshift_diffusion"))
def test_residual_shift_is_the_published_one(path):
    data, args = np.load(path), args_of(path)
    roots, process = shift_of(args)
    assert error(roots, data["out.sqrt_etas"]) < 1e-6
    assert error(process.log_variance, data["out.posterior_log_variance_clipped"]) < 1e-5
    variance = np.exp(process.log_variance) * (np.arange(process.steps) > 0)
    assert error(variance, data["out.posterior_variance"]) < 1e-5
    assert error(process.mean_x, data["out.coef_x_t"]) < 1e-6
    assert error(process.mean_x0, data["out.coef_x0"]) < 1e-6
    x0, y0, noise, noise2 = (jnp.asarray(nhwc(data[f"in.{name}"])) for name in ("x0", "y", "noise", "noise2"))
    t = jnp.asarray(data["in.t"])
    x_next = residual.diffuse(process, x0, t + 1, noise, y0)  # the published x_t
    assert error(x_next, nhwc(data["out.x_t"])) < 1e-6
    mean = residual.posterior_sample(process, x0, x_next, t, jnp.zeros_like(x0))
    assert error(mean, nhwc(data["out.post_mean"])) < 1e-6
    scaled = residual.scaled(process, x_next, t + 1, latent=args["latent_flag"]) if args["normalize_input"] else x_next
    assert error(scaled, nhwc(data["out.scaled"])) < 1e-6
    assert error(residual.begin(process, noise2, y0), nhwc(data["out.prior"])) < 1e-6


@pytest.mark.parametrize("path", fixtures("i2sb_diffusion"))
def test_the_bridge_is_the_published_one(path):
    data, args = np.load(path), args_of(path)
    betas = bridge.bridge_betas(args["interval"], beta_max=args["beta_max"])
    options = {"clean": False, "noisy": not args["ot_ode"]}
    whole = bridge.bridge(betas, np.arange(len(betas)), **options)
    assert error(betas, data["out.betas"]) < 1e-6
    assert error(np.sqrt(np.cumsum(betas[::-1])[::-1]), data["out.std_bwd"]) < 1e-6
    for ours, theirs in ((whole.from_clean, "std_fwd"), (whole.signal, "mu_x0"), (whole.shift, "mu_x1")):
        assert error(ours, data[f"out.{theirs}"]) < 1e-5, theirs
    if not args["ot_ode"]:
        assert error(whole.noise, data["out.std_sb"]) < 1e-5
    read = lambda name: jnp.asarray(nhwc(data[name]))
    state = jnp.asarray(data["in.step"])
    x_t = bridge.diffuse(whole, read("in.x0"), state, read("in.noise"), read("in.x1"))
    assert error(x_t, read("out.x_t")) < 1e-6
    label = bridge.direction(whole, x_t, read("in.x0"), state)
    assert error(label, read("out.label")) < 1e-5
    assert error(bridge.clean_image(whole, x_t, label, state), read("in.x0")) < 1e-5
    states = bridge.evenly(args["interval"], args["nfe"])
    np.testing.assert_array_equal(states, data["out.steps"])
    short = bridge.bridge(betas, states, **options)
    t = jnp.ones(len(x_t), jnp.int32)
    x_prev = bridge.posterior_sample(short, read("in.pred_x0"), x_t, t, read("in.noise_post"))
    assert error(x_prev, read("out.x_prev")) < 1e-6


BOTH = [
    pytest.param(residual, residual.residual_shift(residual.shift_roots(4)), id="residual"),
    pytest.param(bridge, bridge.bridge(bridge.bridge_betas(1000), bridge.evenly(1000, 4)), id="bridge"),
]
both = pytest.mark.parametrize(("module", "process"), BOTH)


def moments(x0, others):
    """Weight of x0 and deviation of the rest, over many draws."""
    weight = np.cov(x0, others)[0, 1] / np.var(x0)
    return weight, np.std(others - weight * x0)


@both
def test_a_step_forward_and_a_step_back_draw_the_same_pair(module, process):
    """The law of (x_t, x_{t+1}) is one, however it is drawn: what a critic judges."""
    count = 40_000
    x0, *noises = np.random.default_rng(0).standard_normal((4, count, 1, 1, 1)).astype(np.float32)
    y0 = 2.0
    for step in range(process.steps):
        t = jnp.full(count, step)
        forward = module.diffuse_pair(process, x0, t, noises[0], noises[1], y0)
        x_next = module.diffuse(process, x0, t + 1, noises[0], y0)
        back = (module.posterior_sample(process, x0, x_next, t, noises[2]), x_next)
        for ours, theirs in zip(forward, back, strict=True):
            assert abs(np.mean(ours) - np.mean(theirs)) < 0.05
            np.testing.assert_allclose(
                moments(x0.ravel(), np.ravel(ours)), moments(x0.ravel(), np.ravel(theirs)), rtol=0.05, atol=0.01
            )
        products = [np.mean(np.ravel(a - a.mean()) * np.ravel(b - b.mean())) for a, b in (forward, back)]
        np.testing.assert_allclose(*products, rtol=0.05, atol=0.01)
        if not step:
            np.testing.assert_array_equal(back[0], x0)
            np.testing.assert_array_equal(forward[0], x0)


@both
def test_residuals_follow_a_gaussian_chain(module, process):
    """x - y0 has the same marginals in the tables of Gaussian diffusion, and there the pairs are consistent."""
    plain = gaussian.gaussian_of(process.signal, process.noise)
    x0, y0, noise = (jax.random.normal(jax.random.key(i), (process.steps + 1, 2, 2, 1)) for i in range(3))
    t = jnp.arange(process.steps + 1)
    x_t = module.diffuse(process, x0, t, noise, y0)
    np.testing.assert_allclose(gaussian.diffuse(plain, x0 - y0, t, noise), x_t - y0, atol=1e-5)
    if module is bridge:  # a Markov chain: the posterior is the same, up to how the published tables are cut
        np.testing.assert_allclose(plain.mean_x, process.mean_x, atol=2e-3)
        np.testing.assert_allclose(np.exp(0.5 * plain.log_variance)[1:], process.deviation[1:], atol=2e-3)
    few, _ = gaussian.thinned(plain, 2)
    np.testing.assert_allclose(few.signal, process.signal[::2], rtol=1e-6)


def test_a_chain_ends_near_the_damaged_image():
    process = residual.residual_shift(residual.shift_roots(4))
    x0, y0, noise = (jax.random.normal(jax.random.key(i), (3, 2, 2, 1)) for i in range(3))
    last = residual.diffuse(process, x0, jnp.full(3, process.steps), noise, y0)
    assert error(residual.begin(process, noise, y0), last) < 0.03
    process = bridge.bridge(bridge.bridge_betas(1000), bridge.evenly(1000, 4))
    last = bridge.diffuse(process, x0, jnp.full(3, process.steps), noise, y0)
    assert error(bridge.begin(process, noise, y0), last) < 0.03


def test_impossible_chains_say_why():
    with pytest.raises(ValueError, match="at least 1 step"):
        residual.shift_roots(0)
    with pytest.raises(ValueError, match="go up"):
        residual.shift_roots(4, last=1.5)
    with pytest.raises(ValueError, match="clean data"):
        gaussian.gaussian_of(np.asarray([1.0, 0.5]), np.asarray([0.1, 0.5]))
    with pytest.raises(ValueError, match="even number"):
        bridge.bridge_betas(7)
    with pytest.raises(ValueError, match="1 to 9 steps"):
        bridge.evenly(10, 10)
