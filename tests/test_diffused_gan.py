"""Diffusion-GAN where no published array is needed: the pace of the chain, times, and what the losses see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax.core.parts import Context
from dgan_jax.objectives import diffused_gan as objective
from dgan_jax.process.instance_noise import LEVELS, instance_noise, length
from dgan_jax.systems.diffusion_gan import diffusion_gan_noise

PACE = objective.Pace(target=0.6, batches=2, images=80)


def after(signs, memory=None):
    """The memory once critics with these mean signs have taken their steps of 8 images, and the next one begins."""
    memory = objective.memory() if memory is None else memory
    for sign in signs:
        memory = objective.paced(PACE, memory, 8)
        memory = {**memory, "signs": memory["signs"] + sign, "batches": memory["batches"] + 1}
    return objective.paced(PACE, memory, 8)


def test_the_chain_grows_while_the_critic_is_too_sure_and_shrinks_when_it_is_not():
    sure = after([1.0, 0.5])  # on average above the target
    np.testing.assert_allclose(sure["intensity"], 2 * 8 / 80, rtol=1e-6)
    np.testing.assert_allclose(after([1.0] * 6)["intensity"], 3 * 2 * 8 / 80, rtol=1e-6)
    assert float(after([1.0, 0.1], sure)["intensity"]) == 0.0, "it is not negative"
    assert float(after([1.0] * 40)["intensity"]) == 1.0, "it is at most 1"
    assert float(after([1.0])["intensity"]) == 0.0, "one step of two is not enough"
    assert [int(length(p)) for p in (0.0, 0.5, 1.0)] == [10, 505, 1000]


def test_signs_count_once():
    memory = after([1.0, 1.0])
    assert float(memory["signs"]) == 0
    assert int(memory["batches"]) == 0


@pytest.mark.parametrize("name", LEVELS)
def test_times_stay_in_the_chain_and_half_of_the_images_stay_clean(name):
    count, steps = 4000, 37
    draws = jax.vmap(lambda key: objective.draw_diffusing(key, (1, 1, 1)))(jax.random.split(jax.random.key(0), count))
    x = jnp.ones((count, 1, 1, 1))
    x_t, t = objective.diffused(instance_noise(jnp.asarray(steps), longest=50), LEVELS[name], x, draws)
    clean = np.asarray(t) == 0
    assert 0.47 < clean.mean() < 0.53
    np.testing.assert_array_equal(x_t[clean], 1)
    noisy = np.asarray(t)[~clean]
    assert (noisy.min(), noisy.max()) == (2 if name == "priority" else 1, steps)
    # The mean of t is 2 (T + 1) / 3 if P(t) is proportional to t - 1, and (T + 1) / 2 if it is constant.
    expected = (steps + 1) * (2 / 3 if name == "priority" else 1 / 2)
    assert abs(noisy.mean() - expected) < 0.6
    assert bool(jnp.all(LEVELS[name](jnp.asarray([0.0, 1 - 2**-24]), jnp.asarray(1000)) <= 1000))


def linear_gan(**changes):
    """A generator that adds one number to its noise and a critic that sums what it sees."""
    options = {
        "generate": lambda params, noise, z, y: noise + params,
        "judge": lambda params, x_t, t, y: params * x_t.sum((1, 2, 3)),
        "chain": lambda intensity: instance_noise(length(intensity), deviation=0.5),
        "level": LEVELS["priority"], "pace": PACE, "batch": 8, "measure": lambda key, example: {}, "latent": 3,
        "r1_gamma": 2.0, "r1_every": 4,
    }  # fmt: skip
    return objective.diffused_gan(**{**options, **changes})


def test_gradients_reach_the_generator_through_the_diffusion():
    gan = linear_gan()
    batch = {"image": jax.random.normal(jax.random.key(0), (8, 4, 4, 1))}
    draws = jax.vmap(gan.draw)(jax.random.split(jax.random.key(1), 8), batch)
    params = {"generator": jnp.asarray(0.1), "critic": jnp.asarray(0.2)}
    context = Context({}, {**objective.memory(), "intensity": jnp.asarray(1.0)}, jnp.asarray(1))

    def slope(player):
        index = [phase.players for phase in gan.phases].index((player,))
        loss = lambda own: gan.phases[index].loss({**params, player: own}, context, batch, draws)[0]
        return float(jax.grad(loss)(params[player]))

    fake = jax.grad(lambda own: gan.phases[0].loss({**params, "generator": own}, context, batch, draws)[0])
    assert slope("generator") < 0, "more is what this critic wants"
    assert float(fake(params["generator"])) == 0, "the critic's loss does not train the generator"
    # By hand: d softplus(-l) / d g = -sigmoid(-l) critic sum(signal_t), with the same times.
    own = draws["generator"]
    process = instance_noise(jnp.asarray(1000), deviation=0.5)
    x_t, t = objective.diffused(process, LEVELS["priority"], own.noise + 0.1, own.fake)
    logits = 0.2 * x_t.sum((1, 2, 3))
    by_hand = -jnp.mean(jax.nn.sigmoid(-logits) * 0.2 * 16 * process.signal[t])
    np.testing.assert_allclose(slope("generator"), by_hand, rtol=1e-4)


def test_r1_is_the_slope_before_the_diffusion_and_makes_up_for_being_lazy():
    gan = linear_gan()
    batch = {"image": jnp.ones((8, 4, 4, 1))}
    draws = jax.vmap(gan.draw)(jax.random.split(jax.random.key(1), 8), batch)
    params = {"generator": jnp.asarray(0.1), "critic": jnp.asarray(0.2)}
    report = lambda step: gan.phases[0].loss(
        params, Context({}, {**objective.memory(), "intensity": jnp.asarray(1.0)}, jnp.asarray(step)), batch, draws
    )[1]
    process = instance_noise(jnp.asarray(1000), deviation=0.5)
    _, t = objective.diffused(process, LEVELS["priority"], batch["image"], draws["critic"].real)
    by_hand = 0.5 * 2.0 * 4 * jnp.mean(16 * jnp.square(0.2 * process.signal[t]))
    np.testing.assert_allclose(report(0).metrics["critic/r1"], by_hand, rtol=1e-4)
    assert float(report(1).metrics["critic/r1"]) == 0
    assert int(report(1).memory["batches"]) == 1


def test_regression_is_the_generator_alone_on_its_error():
    error = lambda image, truth, y: jnp.mean(jnp.abs(image - truth))
    gan = linear_gan(reconstruction=error)
    alone = objective.regression(gan, generate=lambda params, noise, z, y: noise + params, reconstruction=error)
    batch = {"image": jax.random.normal(jax.random.key(0), (8, 4, 4, 1))}
    draws = jax.vmap(alone.draw)(jax.random.split(jax.random.key(1), 8), batch)
    params = {"generator": jnp.asarray(0.1), "critic": jnp.asarray(0.2)}
    by_hand = np.mean(np.abs(draws["generator"].noise + 0.1 - batch["image"]))
    assert [phase.players for phase in alone.phases] == [("generator",)]
    loss, _ = alone.phases[0].loss(params, Context({}, alone.memory(), jnp.asarray(0)), batch, draws)
    np.testing.assert_allclose(loss, by_hand, rtol=1e-5)
    both, report = gan.phases[1].loss(params, Context({}, objective.memory(), jnp.asarray(0)), batch, draws)
    np.testing.assert_allclose(both, report.metrics["generator/adversarial"] + by_hand, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"shortest": 1}, "shortest"),
        ({"longest": 5}, "longest"),
        ({"target": 2.0}, "mean of signs"),
        ({"level": "priorty"}, "did you mean 'priority'"),
        ({"regression_share": 0.5}, "reconstruction weight"),
    ],
)
def test_impossible_options_say_why(changes, says):
    with pytest.raises(ValueError, match=says):
        diffusion_gan_noise.Config(**changes)
