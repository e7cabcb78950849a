"""Score-based models in continuous time, and what the probability-flow ODE tells of a law that is known."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax import systems, tasks
from dgan_jax.core.parts import Context, Spec
from dgan_jax.process.gaussian import at, expand
from dgan_jax.process.levels import levels_of
from dgan_jax.process.sde import SubVariancePreserving, VarianceExploding, VariancePreserving
from dgan_jax.samplers import probability_flow as ode
from dgan_jax.systems import score, walking
from dgan_jax.systems.diffusion import probability_flow, score_sde_subvp, score_sde_ve, score_sde_vp
from dgan_jax.systems.training_free import annealed_langevin
from dgan_jax.tasks.generate import Generate

SPEC = Spec(height=8, width=8, channels=3)
SMALL = {"features": 4, "multipliers": (1,), "blocks": 1, "attention": (), "warmup": 0}
KINDS = {
    "ve": (score_sde_ve.Config(steps=40), VarianceExploding(0.02, 100.0, 40), 2.0),
    "ve of levels": (
        score_sde_ve.Config(steps=40, continuous=False, embedding="positional"), VarianceExploding(0.02, 100.0, 40), 2.0
    ),
    "vp": (score_sde_vp.Config(steps=40), VariancePreserving(steps=40), 1.0),
    "vp of levels": (score_sde_vp.Config(steps=40, continuous=False), VariancePreserving(steps=40), 1.0),
    "sub-vp": (score_sde_subvp.Config(steps=40), SubVariancePreserving(steps=40), 1.0),
}  # fmt: skip


class Toy(score.Scoring):
    """What is said depends on x and on the label, as a network's does."""

    def run(self, params, x, label, keys=None):
        return 0.3 * jnp.tanh(x) + 0.001 * expand(label, x)


def toy(kind):
    config, sde, unit = KINDS[kind]
    return Toy(config, None, sde, levels_of(sde, continuous=config.continuous, end=config.end), unit)


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_score_the_denoiser_and_what_is_trained_say_the_same(kind):
    scoring = toy(kind)
    process, times = scoring.levels.process, scoring.levels.times
    x = jax.random.normal(jax.random.key(0), (40, 2, 2, 3))
    number = jnp.arange(40)
    x0, _ = scoring.predict({"params": {"denoiser": {}}}, x, number, {}, None)
    signal, noise = at(process.signal, number + 1, x), at(process.noise, number + 1, x)
    said = scoring.noise_said({}, x, jnp.asarray(times, jnp.float32) if scoring.config.continuous else number, None)
    np.testing.assert_allclose(x0, (x - noise * said) / signal, rtol=2e-3, atol=1e-3 * np.abs(x0).max())
    # The discrete score of the reference looks its level up by a product that is cut off: the middle ones may be off.
    if scoring.config.continuous:
        slope = scoring.score({"params": {"denoiser": {}}}, x, jnp.asarray(times, jnp.float32))
        other = (x + noise**2 * slope) / signal
        np.testing.assert_allclose(other, x0, rtol=2e-3, atol=1e-3 * np.abs(x0).max())


def test_a_network_of_fourier_features_is_trained_and_samples():
    config = score_sde_ve.Config(steps=3, **{**SMALL, "multipliers": (1, 1), "attention": (4,)})
    system = systems.build(config, Generate(), SPEC)
    y = {"image": jnp.zeros((2, 8, 8, 3))}
    player, keys = system.players["denoiser"], jax.random.split(jax.random.key(0), 2)
    params = jax.jit(player.module.init)(jax.random.key(0), *player.inputs(y))["params"]
    objective = system.stages[0].objective
    draws = jax.vmap(objective.draw)(keys, y)
    loss = lambda params: objective.phases[0].loss({"denoiser": params}, Context({}, {}, jnp.zeros(())), y, draws)[0]
    value, slope = jax.jit(jax.value_and_grad(loss))(params)
    # Half the sum over an image of a squared standard normal, since a fresh network says nothing.
    assert 0.7 < value / (0.5 * y["image"][0].size) < 1.3
    frozen = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(slope) if "frequencies" in str(path)]
    assert len(frozen) == 1
    assert np.all(frozen[0] == 0)
    assert system.calls == 6
    assert jax.eval_shape(system.restore, {"params": {"denoiser": params}}, y, keys).shape == (2, 8, 8, 3)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: score_sde_vp.Config(importance=True), "turn all three on"),
        (lambda: score_sde_vp.Config(likelihood=True, continuous=False), "turn all three on"),
        (lambda: score_sde_vp.Config(predictor="ancestral", flow=True), "no probability flow"),
        (lambda: score_sde_subvp.Config(continuous=False), "no discrete form"),
        (lambda: score_sde_subvp.Config(predictor="ancestral"), "no ancestral steps"),
        (lambda: score_sde_ve.Config(continuous=False), "takes positional"),
        (lambda: score_sde_ve.Config(predictor="eular"), "did you mean 'euler'"),
        (lambda: probability_flow.Config(rtol=0.0), "between 0 and 1"),
    ],
)
def test_what_does_not_go_together_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


SPREAD = 0.3
"""Deviation of the images of a prior whose answers are known."""


def gaussian_prior(continuous):
    """The best denoiser of white images, as a learner without weights."""
    system = systems.build(score_sde_vp.Config(steps=400, **SMALL), Generate(), SPEC)
    prior = system.prior
    sde = prior.continuous.sde

    def slope(variables, x, t):
        signal, noise = (expand(value, x) for value in sde.marginal(t))
        return -x / (signal**2 * SPREAD**2 + noise**2)

    def predict(variables, x, t, y, keys):
        signal, noise = at(prior.process.signal, t + 1, x), at(prior.process.noise, t + 1, x)
        return signal * SPREAD**2 / (signal**2 * SPREAD**2 + noise**2) * x, None

    lent = prior.continuous._replace(score=slope) if continuous else None
    return dataclasses.replace(system, prior=dataclasses.replace(prior, predict=predict, continuous=lent))


@pytest.mark.parametrize("continuous", [True, False])
def test_bits_per_dimension_of_images_whose_law_is_known(continuous):
    learner = gaussian_prior(continuous)
    system = systems.solve(
        probability_flow.Config(), Generate(), SPEC, learner="score_sde_vp", system=learner, learnt=Generate()
    )
    images = SPREAD * jax.random.normal(jax.random.key(0), (4, 8, 8, 3))
    y, keys = {"image": images}, jax.random.split(jax.random.key(1), 4)
    told = jax.jit(system.figures["bits_per_dimension"].function)({}, images, y, keys)
    levels = np.round((np.asarray(images) + 1) * 127.5) + 0.5
    density = -0.5 * np.square((levels / 128 - 1) / SPREAD) - np.log(SPREAD * np.sqrt(2 * np.pi))
    exact = -np.mean(density, axis=(1, 2, 3)) / np.log(2) + 7
    # The noise of a bin is in what was told; a white Gaussian's trace is the same for every probe.
    np.testing.assert_allclose(told, exact, atol=0.01)


def test_an_image_is_its_noise_and_the_other_way_round():
    learner, config = gaussian_prior(True), probability_flow.Config()
    a, b = (SPREAD * jax.random.normal(jax.random.key(i), (2, 8, 8, 3)) for i in range(2))
    y, keys = {"image": a}, jax.random.split(jax.random.key(2), 2)
    walk = walking.walk(learner.prior, {}, y, keys)

    @jax.jit
    def run(a, b):
        z = probability_flow.encoded(config, walk, a)
        ends = [probability_flow.interpolated(config, walk, a, b, share) for share in (0.0, 0.5, 1.0)]
        return z, probability_flow.decoded(config, walk, z), ends

    z, again, (first, middle, last) = run(a, b)
    clipped = lambda x: np.clip(x, -1, 1)
    # The flow of a Gaussian is a factor.
    np.testing.assert_allclose(z, a / SPREAD, rtol=2e-3, atol=2e-3)
    for ours, theirs in ((again, a), (first, a), (last, b)):
        np.testing.assert_allclose(ours, clipped(theirs), atol=1e-3)
    assert 0.9 < np.std(middle) / SPREAD < 1.1


def test_a_short_chain_has_no_probability_flow():
    learner = dataclasses.replace(gaussian_prior(False))
    short = systems.build(score_sde_vp.Config(steps=8, **SMALL), Generate(), SPEC).prior.process
    system = dataclasses.replace(learner, prior=dataclasses.replace(learner.prior, process=short))
    with pytest.raises(ValueError, match=r"no probability flow.*try dpm_solver or heun"):
        systems.solve(probability_flow.Config(), Generate(), SPEC, learner="x", system=system, learnt=Generate())


def test_each_image_has_steps_of_its_own():
    velocity = lambda x, t: -x * expand(1 + 50 * (x[:, 0, 0, 0] > 1), x)
    flow = ode.Flow(velocity, 0.0, 1.0, 1.0)
    x = jnp.asarray([0.5, 2.0])[:, None, None, None] * jnp.ones((2, 1, 1, 1))
    both, calls = ode.carried(flow, x, to_noise=True)
    alone, few = ode.carried(flow, x[:1], to_noise=True)
    np.testing.assert_allclose(both[0], alone[0], rtol=1e-6)
    assert calls[0] == few[0] < calls[1]
    np.testing.assert_allclose(alone[0], 0.5 * np.exp(-1), rtol=1e-4)


def test_annealed_langevin_fills_holes_with_the_priors_law():
    task = tasks.find("inpaint")(hole="box", fill="none")
    images = SPREAD * jax.random.normal(jax.random.key(3), (8, 8, 8, 3))
    y = jax.vmap(task.measure)(jax.random.split(jax.random.key(4), 8), {"image": images})
    config = annealed_langevin.Config(levels=10, each=30)
    system = systems.solve(config, task, SPEC, learner="score_sde_vp", system=gaussian_prior(True), learnt=Generate())
    assert system.calls == 300
    image = np.asarray(jax.jit(system.restore)({}, y, jax.random.split(jax.random.key(5), 8)))
    hole = np.broadcast_to(np.asarray(y["hole"]) > 0, image.shape)
    np.testing.assert_array_equal(image[~hole], np.clip(y["image"], -1, 1)[~hole])
    # Ten levels, and steps of a fifth of the variance, leave some noise of the levels before: 17 percent.
    assert 0.9 < np.std(image[hole]) / SPREAD < 1.25
