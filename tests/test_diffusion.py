"""Diffusion models, and restoring with what they or diffusion-GANs have learnt of images alone."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch_writer

from dgan_jax import api, systems, tasks
from dgan_jax.convert import ddpm as names
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.core.parts import Context, Spec
from dgan_jax.process.gaussian import gaussian_of_betas
from dgan_jax.process.predictions import PREDICTIONS, VARIANCES
from dgan_jax.process.schedules import PUBLISHED, SCHEDULES, betas_of
from dgan_jax.samplers.known import Spectral
from dgan_jax.samplers.travel import Jumps, calls, schedule
from dgan_jax.systems.diffusion import ddpm, fastdpm
from dgan_jax.systems.diffusion_gan import ddgan, wavediff
from dgan_jax.tasks.generate import Generate
from dgan_jax.train import runs

SPEC = Spec(height=16, width=16, channels=3)
PRIORS = {
    "ddpm": ddpm.Config(
        steps=24, beta_last=0.4, features=4, multipliers=(1,), blocks=1, attention=(), groups=2, dropout=0.0
    ),
    "ddpm in wavelets": ddpm.Config(
        steps=24, schedule="alpha_bar_cosine", predicts="velocity", variance="learned_range", loss="hybrid", wavelet=1,
        network="adm", head_channels=4, features=4, multipliers=(1,), blocks=1, attention=(), groups=2, dropout=0.0,
    ),
    "ddgan": ddgan.Config(
        features=8, multipliers=(1,), blocks=1, attention=(), latent=4, latent_layers=1, latent_embedding=8,
        critic_features=4, critic_embedding=8,
    ),
    "wavediff": wavediff.Config(
        features=16, multipliers=(1,), blocks=1, attention=(), latent=4, latent_layers=1, latent_embedding=8,
        critic_features=4, critic_embedding=8,
    ),
}  # fmt: skip
STEERING = ("replacement", "repaint", "ddrm", "ddnm")
TASKS = {
    "inpaint": {"hole": "box", "fill": "none"},
    "superres": {"scale": 2},
    "denoise": {"sigma": (25.0, 25.0)},
    "deblur": {"known": True, "kind": "gaussian", "size": 5},
}


@functools.cache
def prior(name):
    """A learner with weights that are nowhere zero, and its variables."""
    config = PRIORS[name]
    system = systems.build(config, Generate(), SPEC)
    y = {"image": jnp.zeros((1, SPEC.height, SPEC.width, 3))}
    player = "denoiser" if name.startswith("ddpm") else "generator"
    module, inputs = system.players[player].module, system.players[player].inputs(y)
    shapes = jax.eval_shape(lambda key: module.init(key, *inputs), jax.random.key(0))["params"]
    leaves, tree = jax.tree.flatten(shapes)
    draw = np.random.default_rng(0)
    values = [draw.normal(0, 0.3 / np.sqrt(max(np.prod(x.shape[:-1]), 1)), x.shape).astype(np.float32) for x in leaves]
    return system, {"params": {player: jax.tree.unflatten(tree, values)}, "model_state": {player: {}}}


def solver_on(learner, solver, task, **options):
    system, variables = prior(learner)
    config = systems.find(solver).Config(**options)
    name = learner.split()[0]
    return systems.solve(config, task, SPEC, learner=name, system=system, learnt=Generate()), variables


@functools.cache
def measured(kind, count=2):
    task = tasks.find(kind)(**TASKS[kind])
    images = jnp.clip(jax.random.normal(jax.random.key(7), (count, 16, 16, 3)) * 0.4, -1, 1)
    y = jax.jit(jax.vmap(task.measure))(jax.random.split(jax.random.key(8), count), {"image": images})
    return task, y


@pytest.mark.parametrize("learner", list(PRIORS))
def test_every_solver_goes_with_every_prior_of_images(learner):
    keys = jax.random.split(jax.random.key(1), 2)
    for i, solver in enumerate(STEERING):
        # Each solver meets each task with one prior, and each prior each task with one solver.
        kind = list(TASKS)[(i + list(PRIORS).index(learner)) % len(TASKS)]
        task, y = measured(kind)
        assert isinstance(task, Spectral)
        system, variables = solver_on(learner, solver, task)
        assert system.draws
        assert jax.eval_shape(system.restore, variables, y, keys).shape == (2, 16, 16, 3)
    y = {"image": jnp.zeros((2, 16, 16, 3))}
    for solver, options in (("ddim", {}), ("fastdpm", {"choose": "step"})):
        system, variables = solver_on(learner, solver, Generate(), **options)
        assert jax.eval_shape(system.restore, variables, y, keys).shape == (2, 16, 16, 3)


@pytest.mark.parametrize("solver", STEERING)
def test_a_solver_keeps_what_is_known_and_each_image_has_its_own_key(solver):
    task, y = measured("inpaint")
    system, variables = solver_on("ddgan", solver, task)
    restore = jax.jit(system.restore)
    keys = jax.random.split(jax.random.key(1), 2)
    image = restore(variables, y, keys)
    assert np.abs(image).max() <= 1
    known = np.broadcast_to(np.asarray(y["hole"]) == 0, image.shape)
    np.testing.assert_array_equal(image[known], y["image"][known])
    assert np.std(image[~known]) > 0.01
    turned = restore(variables, jax.tree.map(lambda x: x[::-1], y), keys[::-1])
    np.testing.assert_allclose(turned[::-1], image, atol=2e-5)
    other = restore(variables, y, jax.random.split(jax.random.key(2), 2))
    assert not np.allclose(other[~known], image[~known], atol=0.01)


def test_an_enlarged_image_reduces_to_the_small_one():
    task, y = measured("superres")
    system, variables = solver_on("wavediff", "ddnm", task)
    image = jax.jit(system.restore)(variables, y, jax.random.split(jax.random.key(1), 2))
    inside = np.abs(image) < 1
    assert inside.mean() > 0.9
    assert np.abs(np.asarray(task.apply(image, y) - y["low"])).mean() < 0.02


GAUSS = 0.3
"""Deviation of the images of a prior whose answers are known."""


def gaussian_prior(wavelet):
    """The best denoiser of white images of deviation GAUSS, as a learner without weights."""
    config = dataclasses.replace(PRIORS["ddpm"], steps=200, beta_last=0.1, wavelet=wavelet)
    system = systems.build(config, Generate(), SPEC)
    process, spread = system.prior.process, GAUSS / (2 if wavelet else 1)
    signal, noise = jnp.asarray(process.signal), jnp.asarray(process.noise)

    def predict(variables, x, t, y, keys):
        s, n = (table[t + 1][:, None, None, None] for table in (signal, noise))
        return s * spread**2 / (s**2 * spread**2 + n**2) * x, None

    return dataclasses.replace(system, prior=dataclasses.replace(system.prior, predict=predict))


def test_bits_per_dimension_of_images_whose_law_is_known():
    learner = gaussian_prior(0)

    class Best(ddpm.Denoising):
        def predict(self, *given):
            return learner.prior.predict(*given, None)

    config = dataclasses.replace(PRIORS["ddpm"], steps=200, beta_last=0.1)
    best = Best(config, None, learner.prior.process)
    images = jnp.round(GAUSS * jax.random.normal(jax.random.key(0), (16, 16, 16, 3)) * 127.5) / 127.5
    told = np.asarray(jax.jit(best.bits)({}, images, {"image": images}, jax.random.split(jax.random.key(1), 16)))
    density = -0.5 * np.square(images / GAUSS) - np.log(GAUSS * np.sqrt(2 * np.pi))
    exact = -np.mean(density + np.log(2 / 255), axis=(1, 2, 3)) / np.log(2)
    # An upper bound, which 200 steps leave a little open; of the later terms some are left out at random.
    assert 0 <= np.mean(told - exact) < 0.12
    assert np.std(told - exact) < 0.2


@pytest.mark.parametrize("wavelet", [0, 1])
@pytest.mark.parametrize("solver", STEERING)
def test_noise_is_taken_for_as_loud_as_it_is(solver, wavelet):
    """Of white Gaussian images behind white noise, posterior mean and deviation are known."""
    task = dataclasses.replace(tasks.find("denoise")(sigma=(25.5, 25.5)), eight_bit=False)
    sigma = 0.2
    images = GAUSS * jax.random.normal(jax.random.key(3), (4, 16, 16, 3))
    y = {"image": images + sigma * jax.random.normal(jax.random.key(4), images.shape), "sigma": jnp.full(4, sigma)}
    config = systems.find(solver).Config(**({"repeats": 1} if solver == "repaint" else {}))
    system = systems.solve(config, task, SPEC, learner="ddpm", system=gaussian_prior(wavelet), learnt=Generate())
    answer = np.asarray(jax.jit(system.restore)({}, y, jax.random.split(jax.random.key(5), 4)))
    share = GAUSS**2 / (GAUSS**2 + sigma**2)
    slope = np.sum(answer * y["image"]) / np.sum(np.square(y["image"]))
    rest = np.std(answer - slope * y["image"])
    # Samples of the posterior: their mean is `share` of what was measured, their deviation what that leaves. DDRM and
    # DDNM+ approximate it and are smoother; none may take the noise for signal (slope 1) or see nothing (0).
    assert (0.6 if solver == "ddrm" else 0.9) * share < slope < 1.1 * share
    assert 0.5 < rest / (GAUSS * np.sqrt(1 - share)) < 1.1


def test_levels_of_a_short_chain_go_forth_and_back_too():
    assert schedule(4, Jumps(1, 2)).tolist() == [3, 2, 3, 2, 1, 2, 1, 0, 1, 0, -1]
    assert calls(schedule(4, Jumps(1, 10))) == 4 + 3 * 9
    assert schedule(3).tolist() == [2, 1, 0, -1]


def test_published_names_of_schedules_are_understood():
    for known in PUBLISHED.values():
        assert set(known.values()) <= set(SCHEDULES)
    with pytest.raises(ValueError, match="did you mean 'beta_linear'"):
        betas_of("betalinear")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"variance": "learned"}, "does not train a variance"),
        ({"variance": "small", "loss": "hybrid"}, "does not train a variance"),
        ({"schedule": "linear"}, "unknown schedule 'linear'"),
        ({"predicts": "eps"}, "unknown prediction"),
    ],
)
def test_a_config_that_cannot_be_trained_is_refused(config, says):
    with pytest.raises(ValueError, match=says):
        ddpm.Config(**config)


def test_variances_between_levels_need_linear_betas():
    process = gaussian_of_betas(betas_of("alpha_bar_cosine", 100))
    with pytest.raises(ValueError, match="choose=step"):
        fastdpm.by_variances(process, 10, "linear")


def test_the_bound_trains_the_variance_alone_in_the_hybrid_loss():
    system, variables = prior("ddpm in wavelets")
    objective = system.stages[0].objective
    images = {"image": jnp.clip(jax.random.normal(jax.random.key(0), (2, 16, 16, 3)), -1, 1)}
    draws = jax.vmap(objective.draw)(jax.random.split(jax.random.key(1), 2), images)
    phase = objective.phases[0]

    def error_and_bound(params):
        _, report = phase.loss(params, Context({}, {}, jnp.zeros((), jnp.int32)), images, draws)
        return jnp.stack([report.metrics["denoiser/error"], report.metrics["denoiser/bound"]])

    slopes = jax.jit(jax.jacrev(error_and_bound))(variables["params"])["denoiser"]["out"]["bias"]
    mean, spread = slopes[:, :12], slopes[:, 12:]
    assert [bool(np.all(part != 0)) for part in (mean[0], spread[1])] == [True, True]
    assert [bool(np.all(part == 0)) for part in (spread[0], mean[1])] == [True, True]


def test_a_dropped_feature_does_not_depend_on_the_batch():
    system = systems.build(dataclasses.replace(PRIORS["ddpm"], dropout=0.5), Generate(), SPEC)
    variables, objective = prior("ddpm")[1], system.stages[0].objective
    images = {"image": jax.random.normal(jax.random.key(0), (2, 16, 16, 3))}
    draws = jax.vmap(objective.draw)(jax.random.split(jax.random.key(1), 2), images)
    context = Context({}, {}, jnp.zeros((), jnp.int32))
    value = jax.jit(lambda *given: objective.phases[0].loss(variables["params"], context, *given)[0])
    pick = lambda *rows: value(*jax.tree.map(lambda x: x[jnp.asarray(rows)], (images, draws)))
    assert np.isclose(pick(0, 1), (pick(0, 0) + pick(1, 1)) / 2, rtol=1e-6)
    # It is turned on: another key drops others.
    other = {**draws, "update": draws["update"].replace(key=draws["update"].key[::-1])}
    assert value(images, other) != value(images, draws)


def test_everything_that_can_be_predicted_and_learned_has_a_config():
    for predicts in PREDICTIONS:
        ddpm.Config(predicts=predicts)
    for variance in VARIANCES:
        ddpm.Config(variance=variance, loss="bound")


def test_a_published_file_becomes_a_run_and_its_average_is_taken(tmp_path):
    """As DDIM saves it: network, optimizer, epoch, step, average."""
    experiment = Experiment(
        system=PRIORS["ddpm"], task=Generate(), data=Data(name="bundled", size=16, batch=2), train=Train(steps=2)
    )
    module, (_, variables) = runs.built(experiment).players["denoiser"].module, prior("ddpm")
    state = names.unet_state(module, variables["params"]["denoiser"])
    assert "down.0.block.0.norm1.weight" in state
    others = {f"module.{name}": np.zeros_like(value) for name, value in state.items()}
    averages = {f"module.{name}": value for name, value in state.items()}
    torch_writer.save([others, {"state": {}}, 7, 1000, averages], tmp_path / "ckpt.pth")
    api.convert(tmp_path / "ckpt.pth", experiment, tmp_path / "run")
    _, _, loaded = runs.load(tmp_path / "run")
    jax.tree.map(np.testing.assert_array_equal, loaded["params"]["denoiser"], variables["params"]["denoiser"])
