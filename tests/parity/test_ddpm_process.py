"""Schedules, process, losses and samplers of diffusion models in many steps, against the references."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import error, fixtures, meta_of, nhwc

from dgan_jax.objectives import diffusion
from dgan_jax.process import schedules
from dgan_jax.process.gaussian import (
    Chain,
    diffuse,
    gaussian_of,
    gaussian_of_betas,
    posterior_sample,
    step_log_variance,
    through,
)
from dgan_jax.process.predictions import PREDICTIONS, previous, x0_of_noise
from dgan_jax.samplers import ancestral, ddim

NAMES = schedules.PUBLISHED["ddpm"]
MEANS = {"eps": "noise", "xstart": "x0", "xprev": "previous"}


def array(data, name):
    return jnp.asarray(nhwc(data[name]))


def arguments(path, *names, **defaults):
    """A fixture's arguments in this order; one that the test does not know of fails."""
    given = {**defaults, **meta_of(path)["arguments"]}
    assert given.keys() == {*names}, "the fixture restates an argument that this test does not take"
    return [given[name] for name in names]


@pytest.mark.parametrize("path", fixtures("ddpm_schedules*"))
def test_schedules_and_tables_are_the_published_ones(path):
    data = np.load(path)
    first, last, steps = arguments(path, "beta_start", "beta_end", "T")
    betas = lambda name: schedules.betas_of(NAMES[name], steps, first=first, last=last)
    names = [key.removeprefix("out.f64.beta.") for key in data.files if key.startswith("out.f64.beta.")]
    for name in names:
        assert error(betas(name), data[f"out.f64.beta.{name}"]) < 1e-12, name
    tabled = {key.split(".")[2] for key in data.files if key.startswith("out.f64.")} & set(names)
    for name in tabled:
        process, out = gaussian_of_betas(betas(name)), lambda what, name=name: data[f"out.f64.{name}.{what}"]
        assert error(process.signal[1:].astype(np.float64) ** 2, out("alphas_cumprod")) < 1e-6
        assert error(process.mean_x0, out("posterior_mean_coef1")) < 1e-6
        assert error(process.mean_x, out("posterior_mean_coef2")) < 1e-6
        assert error(process.log_variance, out("posterior_log_variance_clipped")) < 1e-6
        # From tables in float32, as every process has them.
        variance = np.exp(step_log_variance(process, "small"))
        assert error(variance[1:], out("posterior_variance")[1:]) < 1e-5


@pytest.mark.parametrize("path", fixtures("ddpm_process*"))
def test_steps_back_and_the_bound_are_the_published_ones(path):
    data = np.load(path)
    first, last, steps, name = arguments(path, "beta_start", "beta_end", "T", "beta_schedule")
    betas = schedules.betas_of(NAMES[name], steps, first=first, last=last)
    tables = {kind: gaussian_of_betas(betas, variance=kind) for kind in ("small", "large")}
    process, t = tables["small"], jnp.asarray(data["in.t"])
    x0, noise, fresh = array(data, "in.x0"), array(data, "in.noise"), array(data, "in.noise2")
    x = diffuse(process, x0, t + 1, noise)
    assert error(x, array(data, "out.x_t")) < 1e-5
    assert error(previous(process, x0, x, t), array(data, "out.q_posterior_mean")) < 1e-5
    assert error(diffusion.prior_bound(process, x0), data["out.prior_bpd"]) < 1e-4

    @jax.jit
    def judged(said, spread, mean_type, clipped):
        prediction = PREDICTIONS[mean_type]
        x0_hat = prediction.x0(process, said, x, t)
        limited = jnp.clip(x0_hat, -1, 1)
        # The published mean of "xprev" is what the network says, clipped or not.
        mean = said if mean_type == "previous" else previous(process, limited, x, t)
        sample = mean + jnp.where((t == 0)[:, None, None, None], 0.0, jnp.exp(0.5 * spread)) * fresh
        free = said if mean_type == "previous" else previous(process, x0_hat, x, t)
        miss = diffusion.reduced(jnp.square(prediction.target(process, x0, x, noise, t) - said), "mean")
        return limited, mean, sample, diffusion.bound(process, x0, x, t, free, spread), miss

    judged = jax.jit(judged.__wrapped__, static_argnums=(2, 3))
    for key in sorted({tuple(name.split(".")[1:3]) for name in data.files if name.endswith(".pred_xstart")}):
        mean_type, var_type = key
        said = array(data, "in.model_out_learned" if var_type == "learned" else "in.model_out")
        said, rest = said[..., :3], said[..., 3:]
        if mean_type == "xprev":
            said = 0.3 * said + 0.9 * x
        spread = rest
        if var_type != "learned":
            kind = tables[var_type.removeprefix("fixed")]
            spread = jnp.broadcast_to(jnp.asarray(kind.log_variance)[t][:, None, None, None], x.shape)
        found = judged(said, spread, MEANS[mean_type], True)
        out = lambda what, key=key: data[".".join(("out", *key, what))]
        assert error(spread, nhwc(out("log_variance"))) < 1e-5, key
        for ours, what in zip(found[:3], ("pred_xstart", "mean", "sample"), strict=True):
            assert error(ours, nhwc(out(what))) < 1e-4, (key, what)
        assert error(found[3], out("vb_bpd")) < 1e-4, key
        if f"out.{mean_type}.{var_type}.mse" in data:
            assert error(found[4], out("mse")) < 1e-4, key


def toy(x, t):
    """The network of the fixtures of samplers, by its noise."""
    t = jnp.asarray(t, x.dtype)[:, None, None, None]
    return 0.4 * jnp.tanh(x) + 0.3 * jnp.sin(t / 50) + 0.2 * x


def predicting(process):
    return lambda x, t, i: (x0_of_noise(process, toy(x, t), x, t), None)


def noises(data):
    count = sum(name.startswith("in.noise") for name in data.files)
    drawn = jnp.stack([array(data, f"in.noise{i}") for i in range(count)])
    return lambda i: drawn[i]


@pytest.mark.parametrize("path", fixtures("ddim_steps*"))
def test_sampling_through_some_steps_repeats_the_published_chains(path):
    data = np.load(path)
    first, last, steps, count = arguments(path, "beta_start", "beta_end", "T", "S")
    process = gaussian_of_betas(schedules.betas_of("beta_linear", steps, first=first, last=last))
    spacings = {"uniform": schedules.uniform_steps, "quad": schedules.quadratic_steps}
    x, clip = array(data, "in.x_T"), lambda x0: jnp.clip(x0, -1, 1)
    predict, noise = predicting(process), noises(data)
    for name in [key.removeprefix("out.seq.") for key in data.files if key.startswith("out.seq.")]:
        times = spacings[name](steps, count)
        assert np.array_equal(times, data[f"out.seq.{name}"])
        chain = through(process, times)
        whole = [key for key in data.files if key.startswith(f"out.ddim.{name}.eta") and not key.endswith("step")]
        for key in whole:
            eta = float(key.rpartition("eta")[2])
            got = jax.jit(lambda x, eta=eta: ddim.sample(predict, process, chain, x, noise, eta=eta))(x)
            assert error(got, array(data, key)) < 1e-4, key
        noisy = through(process, times, variance="forward")
        got = jax.jit(lambda x: ancestral.sample(predict, process, noisy, x, noise, limit=clip))(x)
        assert error(got, array(data, f"out.ddpm.{name}")) < 1e-4
    t = jnp.asarray(data["in.loss_t"])
    drawn = noise(0)
    miss = diffusion.reduced(jnp.square(drawn - toy(diffuse(process, x, t + 1, drawn), t)), "sum")
    assert error(miss, data["out.loss"]) < 1e-4


@pytest.mark.parametrize("path", fixtures("fastdpm*"))
def test_fastdpm_repeats_the_published_chains(path):
    data = np.load(path)
    count, kappa, first, last, steps = arguments(path, "S", "kappa", "beta_0", "beta_T", "T")
    ends = {"first": first, "last": last}
    process = gaussian_of_betas(schedules.betas_of("beta_linear", steps, **ends))
    predict, noise, x = predicting(process), noises(data), array(data, "in.x_T")
    run = lambda chain: jax.jit(lambda x: ddim.sample(predict, process, chain, x, noise, eta=kappa))(x)
    spacings = {"linear": schedules.floored_steps, "quadratic": schedules.quadratic_steps}
    for name in [key.removeprefix("out.step.") for key in data.files if key.startswith("out.step.")]:
        times = spacings[name](steps, count)
        assert np.array_equal(times, data[f"out.step_tau.{name}"])
        assert error(run(through(process, times)), array(data, f"out.step.{name}")) < 1e-4
        betas = schedules.variances(steps, count, spacing=name, **ends)
        # The published bisection stops at 1e-4 of the product.
        assert error(betas, data[f"out.f64.var_beta.{name}"]) < 1e-3
        levels = np.cumprod(1 - betas)
        own, theirs = schedules.times_of_levels(levels, steps, **ends), data[f"out.var_t.{name}"][::-1]
        reached = own < steps - 1
        assert np.allclose(np.exp(schedules.log_level(own[reached], steps, **ends)), levels[reached], rtol=1e-9)
        # The published times come from float32, in which a step of the chain is below the rounding: the same interval.
        assert np.all(np.abs(own - theirs) < 1.05)
        roots = np.sqrt(np.concatenate([[1.0], np.cumprod(1 - data[f"out.f64.var_beta.{name}"])]))
        chain = Chain(gaussian_of(roots, np.sqrt(1 - roots**2)), np.asarray(theirs, np.float32))
        assert error(run(chain), array(data, f"out.var.{name}")) < 1e-4


def test_a_level_between_two_of_the_chain_is_found_again():
    steps, ends = 50, {"first": 1e-3, "last": 0.2}
    whole = np.arange(steps - 1)
    levels = np.cumprod(1 - schedules.betas_of("beta_linear", steps, **ends))
    assert np.allclose(schedules.times_of_levels(levels[:-1], steps, **ends), whole, atol=1e-6)


def test_the_cosine_schedule_falls_as_its_paper_says():
    level = np.cumprod(1 - schedules.betas_of("alpha_bar_cosine", 1000))
    f = lambda t: np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
    assert np.allclose(level[:900], f(np.arange(1, 901) / 1000) / f(0), rtol=1e-9)
    assert schedules.betas_of("alpha_bar_cosine", 1000).max() == 0.999


def test_a_chain_through_all_steps_is_the_process_itself():
    process = gaussian_of_betas(schedules.betas_of("beta_linear", 1000))
    chain = through(process, np.arange(1000))
    x0, x = (jax.random.normal(jax.random.key(i), (4, 2, 2, 3)) for i in range(2))
    t = jnp.array([0, 1, 500, 999])
    ours = posterior_sample(chain.tables, x0, x, t, x0)
    assert error(ours, posterior_sample(process, x0, x, t, x0)) < 1e-5


def test_every_prediction_names_the_same_image():
    process = gaussian_of_betas(schedules.betas_of("alpha_bar_cosine", 100))
    x0, noise = (jax.random.normal(jax.random.key(i), (3, 2, 2, 3)) for i in range(2))
    t = jnp.array([0, 40, 90])
    x = diffuse(process, x0, t + 1, noise)
    for name, prediction in PREDICTIONS.items():
        said = prediction.target(process, x0, x, noise, t)
        assert error(prediction.x0(process, said, x, t), x0) < 1e-4, name
