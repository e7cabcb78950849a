"""Our two-stage restorer: what may be chosen when restoring, and one network for every kind of damage."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from dgan_jax import systems, tasks
from dgan_jax.core.parts import Spec
from dgan_jax.objectives import texture
from dgan_jax.process.gaussian import gaussian, thinned, vp_betas
from dgan_jax.samplers.denoising_gan import sample_from_keys
from dgan_jax.systems.diffusion_gan import dgan
from dgan_jax.tasks import levels
from dgan_jax.tasks.mixture import Mixture
from dgan_jax.train import runs
from dgan_jax.train.beginning import beginning_with
from dgan_jax.train.loop import train
from dgan_jax.train.runs import fresh_state, load
from dgan_jax.train.state import enter_stage, initialise

SIDE = 32
MIXTURE = Mixture(
    kinds=("low", "noise", "jpeg", "hole"), low=4, noise=(20, 20), jpeg=(20, 20), hole="box", fill="harmonic"
)
CONFIG = dgan.Config(
    steps=4, estimator_features=(8, 12), estimator_blocks=(1, 1), features=(8, 12), blocks=(1, 1),
    refiner_features=(8,), refiner_blocks=(1,), latent=4, critic_features=(4,), critic_blocks=(1,), estimate_share=0.25,
    refine_share=0.25,
)  # fmt: skip
SINGLE = {"inpaint": "hole", "superres": "low", "denoise": "noise", "jpeg": "jpeg"}


@pytest.fixture(scope="module")
def images():
    """[2, SIDE, SIDE, 3] in [-1, 1]."""
    photograph = data.astronaut()
    crops = np.stack([photograph[top : top + SIDE, left : left + SIDE] for top, left in [(20, 180), (300, 100)]])
    return jnp.asarray(crops / 127.5 - 1, jnp.float32)


def built(task=MIXTURE, **changes):
    spec = Spec(height=SIDE, width=SIDE, channels=3, steps=8, batch=4)
    return systems.build(dataclasses.replace(CONFIG, **changes), task, spec)


def measured(task, images):
    return jax.jit(jax.vmap(task.measure))(jax.random.split(jax.random.key(1), len(images)), {"image": images})


@functools.cache
def restorer(task, **changes):
    """Compiled once, whoever asks for these options."""
    return jax.jit(built(task, **changes).restore)


def initial(system, y, seed=0):
    """One program: network by network, layer by layer it would be hundreds."""
    return jax.jit(lambda key, y: initialise(key, system, y), compiler_options=runs.ONCE)(jax.random.key(seed), y)


@functools.cache
def weights(seed=1):
    """Of a network whose last layer is no longer zero."""
    system = built()
    y = measured(MIXTURE, jnp.zeros((1, SIDE, SIDE, 3)))
    state = initial(system, y, seed)
    draw = np.random.default_rng(seed)
    params = jax.tree.map(lambda x: x + 0.05 * draw.normal(size=x.shape).astype(np.float32), state.params)
    return {"params": params, "model_state": state.model_state}


def restored(images, task=MIXTURE, seed=0, **changes):
    y = measured(task, images)
    keys = jax.random.split(jax.random.key(seed), len(images))
    return np.asarray(restorer(task, **changes)(weights(), y, keys))


def test_before_training_every_answer_is_the_first_estimate(images):
    y = measured(MIXTURE, images)
    system = built()
    variables = initial(system, y).variables()
    for realism in (0.0, 1.0):
        image = restorer(MIXTURE, realism=realism)(variables, y, jax.random.split(jax.random.key(0), len(images)))
        np.testing.assert_allclose(image, jnp.clip(MIXTURE.start(y), -1, 1), atol=1e-5)


def test_the_answer_of_least_error_draws_nothing_and_samples_differ(images):
    assert np.array_equal(restored(images, realism=0.0), restored(images, realism=0.0, seed=1))
    assert np.abs(restored(images) - restored(images, seed=1)).max() > 0.01


def test_realism_is_the_line_between_least_error_and_sample(images):
    least, half, sample = (restored(images, realism=value, refine=False) for value in (0.0, 0.5, 1.0))
    inside = (np.abs(least) < 0.99) & (np.abs(sample) < 0.99)
    np.testing.assert_allclose(half[inside], 0.5 * (least + sample)[inside], atol=1e-4)


def test_steps_and_the_second_stage_are_chosen_when_restoring(images):
    answers = [restored(images, restore_steps=steps) for steps in (1, 2, 4)] + [restored(images, refine=False)]
    for i, one in enumerate(answers):
        assert np.all(np.isfinite(one))
        assert all(np.abs(one - other).max() > 1e-3 for other in answers[:i])
    calls = [built(restore_steps=steps, refine=False).calls for steps in (1, 2, 4)]
    assert [*calls, built().calls, built(realism=0.0).calls] == [2, 3, 5, 4, 1]


@pytest.mark.parametrize("name", list(SINGLE))
def test_a_single_kind_is_restored_with_the_weights_of_the_mixture(name, images):
    task = MIXTURE.single(name)
    alone = dataclasses.replace(MIXTURE, kinds=(SINGLE[name],))
    y, mixed = measured(task, images), measured(alone, images)
    batch = len(images)
    ours, theirs = levels.vector(task.strengths(y), batch), levels.vector(alone.strengths(mixed), batch)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    if name == "superres":
        # The enlarged image was cut off and rounded to 8 bits.
        assert np.abs(task.start(y) - alone.start(mixed)).mean() < 0.01
        first = jnp.square(task.start(y) - images).mean()
        assert jnp.square(alone.start(mixed) - images).mean() < 1.1 * first
    assert restored(images, task=task).shape == images.shape


def test_a_kind_that_was_not_learnt_is_refused():
    with pytest.raises(ValueError, match=r"taught no task 'dehaze'; choose from: mixture, inpaint, superres"):
        MIXTURE.single("dehaze")


def test_known_pixels_come_back_bit_for_bit_from_a_jolted_network(images):
    task = MIXTURE.single("inpaint")
    y = measured(task, images)
    known = np.broadcast_to(np.asarray(y["hole"] == 0), images.shape)
    assert np.array_equal(restored(images, task=task)[known], np.asarray(images)[known])


def test_every_space_chain_and_pair_trains_one_finite_step(images):
    for changes in ({"space": "pixel", "pair": "renoised"}, {"wavelet_levels": 1, "process": "residual_shift"}):
        system = built(**changes)
        y = measured(MIXTURE, images)
        state = initial(system, y)
        objective = system.stages[1].objective
        context = dataclasses.make_dataclass("Context", ["step"])(jnp.zeros((), jnp.int32))

        @jax.jit
        def losses(params, objective=objective):
            draws = jax.vmap(objective.draw)(jax.random.split(jax.random.key(0), 2), {"image": images})
            return [phase.loss(params, context, {"image": images}, draws)[0] for phase in objective.phases]

        assert np.all(np.isfinite(losses(state.params)))


def test_without_a_say_there_is_no_critic():
    system = built(adversarial=0.0)
    assert list(system.players) == ["estimator", "generator", "refiner"]
    for stage in system.stages:
        assert [player for phase in stage.objective.phases for player in phase.players] == list(stage.optimizers)


def test_textures_are_compared_by_how_rough_they_are_not_by_where():
    slices = jax.vmap(lambda key: texture.draw_slices(key, 3))(jax.random.split(jax.random.key(0), 2))
    np.testing.assert_allclose(jnp.linalg.norm(slices.directions, axis=2), 1, rtol=1e-5)
    noise = 0.1 * jax.random.normal(jax.random.key(1), (2, 128, 64, 3))
    rough, other = noise[:, :64], noise[:, 64:]
    apart = lambda image: np.asarray(texture.apart(image, other, slices))
    assert np.array_equal(apart(other), [0, 0])
    same, none = apart(rough), apart(0 * rough)
    assert np.all(same < 0.5 * none), "the same roughness, elsewhere"
    half = jnp.arange(64)[:, None, None] < 32
    wrong = texture.apart(half * rough, (1 - half) * rough, slices)
    assert np.all(wrong > 2 * same), "roughness at the wrong place"
    blocks = jnp.repeat(jnp.repeat(rough[:, ::4, ::4], 4, axis=1), 4, axis=2)
    assert np.all(apart(blocks) > 1.5 * same), "blocks of equal spread"


def test_textures_along_a_direction_are_those_of_one_place_at_a_time(images):
    slices = jax.vmap(lambda key: texture.draw_slices(key, 3))(jax.random.split(jax.random.key(0), 2))
    padded = np.pad(images, ((0, 0), (2, 3), (2, 3), (0, 0)))
    shift = np.asarray(slices.shift)
    found = texture.along(images, slices.directions[:, 0], shift)
    assert found.shape == (2, 4, 8 * 8, texture.COUNT), "16 pixels are a window"
    for n, image in enumerate(padded):
        for window, (top, left) in enumerate((i, j) for i in (0, 8) for j in (0, 8)):
            wrapped = lambda start, by: [2 * ((start + k - by) % 16) for k in range(8)]
            places = [(i, j) for i in wrapped(top, shift[n, 0]) for j in wrapped(left, shift[n, 1])]
            around = np.stack([image[i : i + 7, j : j + 7].transpose(2, 0, 1).ravel() for i, j in places])
            seen = np.sort(around @ np.asarray(slices.directions[n, 0]), axis=0)
            np.testing.assert_allclose(found[n, window], seen, atol=1e-5)


def test_a_thinned_chain_keeps_its_marginals():
    whole = gaussian(vp_betas(4))
    same, names = thinned(whole, 4)
    assert names.tolist() == [0, 1, 2, 3]
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(same), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=1.1e-4)
    for count in (1, 2):
        short, names = thinned(whole, count)
        assert names[-1] == 3
        np.testing.assert_allclose(short.signal[1:], whole.signal[names + 1])
        # A step back from x_{t+1} of known x0, averaged over x_{t+1}, is the marginal of x_t.
        mean = short.mean_x0 + short.mean_x * short.signal[1:]
        variance = (short.mean_x * short.noise[1:]) ** 2 + np.exp(short.log_variance)
        np.testing.assert_allclose(mean, short.signal[:-1], rtol=1e-5)
        np.testing.assert_allclose(variance[1:], short.noise[1:-1] ** 2, rtol=1e-5)
    with pytest.raises(ValueError, match="divisor"):
        thinned(whole, 3)


@pytest.mark.parametrize("name", list(dgan.CHAINS))
def test_with_a_network_that_knows_the_truth_every_chain_ends_at_it(name):
    truth = jnp.linspace(-1, 1, 48).reshape(1, 4, 4, 3)
    for count in (1, 2, 4):
        chain = dgan.CHAINS[name](4, count)
        assert chain.names.tolist() == list(range(4))[4 // count - 1 :: 4 // count]
        keys = jax.random.split(jax.random.key(0), 1)
        end = sample_from_keys(lambda x, t, z: truth, chain.tables, keys, (4, 4, 3), 2, spread=chain.spread)
        np.testing.assert_allclose(end, truth, atol=1e-6)
        noise = jnp.asarray(chain.tables.noise)
        np.testing.assert_allclose(noise[-1], chain.spread, rtol=1e-4)


def test_a_player_is_frozen_at_its_average(images):
    system = built()
    state = initial(system, measured(MIXTURE, images))
    averaged = jax.tree.map(lambda x: x + 1, state.ema)
    state = dataclasses.replace(state, ema=averaged)
    same = lambda one, other: jax.tree.all(jax.tree.map(np.array_equal, one, other))
    for stage, frozen in ((1, ["estimator"]), (2, ["estimator", "generator"])):
        params = enter_stage(state, system.stages[stage]).params
        for player in ("estimator", "generator"):
            assert same(params[player], (averaged if player in frozen else state.params)[player])


def test_a_run_on_a_mixture_restores_single_kinds_with_choices(tmp_path):
    from dgan_jax.core.experiment import Data, Experiment, Train

    task = dataclasses.replace(MIXTURE, kinds=("noise", "hole"))
    experiment = Experiment(
        system=dataclasses.replace(CONFIG, estimate_share=1.0, refine_share=0.0), task=task,
        data=Data(size=SIDE, batch=4), train=Train(steps=1, sample_every=0),
    )  # fmt: skip
    train(experiment, tmp_path)
    chosen, system, _ = load(tmp_path, task="denoise", choices={"realism": 0.0})
    assert tasks.name_of(chosen.task) == "denoise"
    assert system.calls == 1
    with pytest.raises(ValueError, match="no 'realisme' to choose when restoring; it leaves realism, restore_steps"):
        load(tmp_path, choices={"realisme": 0.0})
    with pytest.raises(ValueError, match="taught no task 'superres'"):
        load(tmp_path, task="superres")

    given = beginning_with(str(tmp_path))
    trained = given["params"]
    begun = fresh_state(experiment, system := runs.built(experiment), given)
    assert set(trained) == set(system.players)
    for held in (begun.params, begun.ema):
        assert all(jax.tree.all(jax.tree.map(np.array_equal, held[name], trained[name])) for name in held)
    wider = dataclasses.replace(
        experiment,
        system=dataclasses.replace(experiment.system, estimator_features=(12, 12)),
        train=Train(steps=1, sample_every=0, begin_with=str(tmp_path)),
    )
    with pytest.raises(ValueError, match=f"the estimator of {tmp_path} has other shapes"):
        train(wider, tmp_path / "wider")
    assert not (tmp_path / "wider").exists()
