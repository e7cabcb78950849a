"""Enlarging networks: stated sizes, mixing two networks, what they see through VGG19, and every scale by tracing."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax import pretrained, systems
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.core.parts import Context, Spec
from dgan_jax.nets import srvgg
from dgan_jax.nets.vgg import VGG
from dgan_jax.nets.vgg_critic import VGGCritic
from dgan_jax.systems import enlarging
from dgan_jax.systems.gan import esrgan, ranksrgan, rrdb, srgan, srresnet
from dgan_jax.systems.gan import srvgg as compact
from dgan_jax.tasks.denoise import Denoise
from dgan_jax.tasks.superres import SuperResolution
from dgan_jax.train import configs, loop, runs
from dgan_jax.train.state import initialise

SMALL = dict(features=4, blocks=1, growth=4)


def size(tree):
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    ("name", "changes", "scale", "count"),
    [
        ("rrdb_div2k_x4", {}, 4, 16_697_987),
        ("rrdb_div2k_x4", {}, 2, 16_703_171),
        ("rrdb_div2k_x4", {"blocks": 6}, 4, 4_467_779),
        ("srresnet_div2k_x4", {}, 4, 1_517_571),
        ("srresnet_div2k_x4", {}, 3, 1_554_499),
        ("srresnet_div2k_x2", {}, 2, 1_369_859),
        ("srvgg_x4", {}, 4, 1_213_296),
        ("esrgan_x4", {}, 4, 16_697_987),
    ],
)
def test_the_published_networks_have_the_published_sizes(name, changes, scale, count):
    experiment = configs.load(name)
    config, task = dataclasses.replace(experiment.system, **changes), SuperResolution(scale=scale)
    experiment = dataclasses.replace(experiment, system=config, task=task, data=Data(size=48, batch=1))
    module = systems.build(config, task, runs.spec_of(experiment)).players["generator"].module
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    assert size(shapes["params"]) == count


def test_rrdb_leaves_the_size_as_it_is_where_a_task_does():
    system = systems.build(rrdb.Config(), Denoise(), Spec(height=16, width=16, channels=3))
    module = system.players["generator"].module
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    assert size(shapes["params"]) == 16_723_907
    assert jax.eval_shape(module.apply, shapes, jnp.zeros((1, 8, 12, 3))).shape == (1, 8, 12, 3)
    with pytest.raises(ValueError, match="powers of 2"):
        systems.build(rrdb.Config(), SuperResolution(scale=3), Spec(height=16, width=16, channels=3))


@pytest.mark.parametrize(("side", "stages", "count"), [(128, 5, 14_499_401), (256, 6, 21_055_049)])
def test_the_critic_has_the_published_size(side, stages, count):
    shapes = jax.eval_shape(VGGCritic(stages=stages).init, jax.random.key(0), jnp.zeros((1, side, side, 3)))
    assert size(shapes["params"]) == count


def traced(config, task, side=16):
    """A system, a batch, keys, the measurement and the state, as they are at the begin of its first stage."""
    system = systems.build(config, task, Spec(height=side, width=side, channels=3, steps=8, batch=2))
    batch = {"image": jax.random.uniform(jax.random.key(0), (2, side, side, 3), minval=-1)}
    keys = jax.random.split(jax.random.key(1), 2)
    y = jax.vmap(task.measure)(keys, batch)
    return system, batch, keys, y


@pytest.mark.parametrize(
    ("config", "task"),
    [
        (rrdb.Config(**SMALL), SuperResolution(scale=8)),
        (esrgan.Config(**SMALL, critic_stages=2), SuperResolution(scale=2)),
        (esrgan.Config(**SMALL, critic_stages=2), Denoise()),
        (srgan.Config(features=4, blocks=1, critic_stages=2), SuperResolution(scale=3)),
        (srresnet.Config(network="original", features=4, blocks=1), SuperResolution(scale=2)),
        (srresnet.Config(network="original", features=4, blocks=1, residual=True), SuperResolution(scale=2)),
        (esrgan.Config(**SMALL, critic_stages=2, residual=True), Denoise()),
        (compact.Config(features=4, layers=0), SuperResolution(scale=3)),
        (compact.Config(features=4, layers=1, activation="leakyrelu"), Denoise()),
    ],
    ids=lambda part: getattr(part, "network", type(part).__module__.rpartition(".")[2]),
)
def test_every_scale_is_restored_from_its_measurement_alone(config, task):
    side = 24 if getattr(task, "scale", 1) == 3 else 16

    def run():
        system, _, keys, y = traced(config, task, side)
        return system.restore(initialise(keys[0], system, y).variables(), y, keys)

    image = jax.eval_shape(run)
    assert (image.shape, image.dtype) == ((2, side, side, 3), jnp.float32)


@pytest.mark.parametrize(
    "config",
    [rrdb.Config(**SMALL, residual=True), srresnet.Config(network="original", features=2, blocks=1, residual=True)],
    ids=["rrdb", "original"],
)
def test_a_residual_network_that_says_nothing_leaves_the_enlarged_image_as_it_is(config):
    system, _, keys, y = traced(config, SuperResolution(scale=2))

    @jax.jit
    def run():
        variables = initialise(keys[0], system, y).variables()
        silent = jax.tree.map(jnp.zeros_like, variables["params"])
        return system.restore({**variables, "params": silent}, y, keys)

    np.testing.assert_allclose(run(), y["image"], atol=1e-6)


def test_the_generator_has_a_rate_of_its_own_until_the_critic_comes():
    rates = dict(learning_rate_generator=1e-4, regression_share=0.5, critic_stages=2, vgg=0.0, milestones=(0.9,))

    def moved(**changes):
        """How far the first step of each stage takes a weight: Adam's is as long as the rate."""
        system = traced(esrgan.Config(**SMALL, **rates, **changes), SuperResolution(scale=2))[0]
        adams = [stage.optimizers["generator"] for stage in system.stages]
        given = {"w": jnp.ones(1)}
        return [-float(adam.update(given, adam.init(given))[0]["w"][0]) for adam in adams]

    np.testing.assert_allclose(moved(learning_rate_regression=1e-3), [1e-3, 1e-4], rtol=1e-5)
    np.testing.assert_allclose(moved(), [1e-4, 1e-4], rtol=1e-5)


def test_the_first_weights_around_the_blocks_are_as_large_as_is_asked_for():
    shapes = SuperResolution(scale=2)

    def deviation(name, start):
        system, _, keys, y = traced(srresnet.Config(features=16, blocks=1, start=start), shapes)
        made = jax.jit(lambda: initialise(keys[0], system, y))().params["generator"]
        return float(jnp.std(made[name]["kernel"]))

    assert deviation("fuse", 1.0) == pytest.approx(10 * deviation("fuse", 0.1), rel=1e-5)
    assert deviation("out", 1.0) == pytest.approx(deviation("out", 0.1), rel=1e-5)
    with pytest.raises(ValueError, match="more than 0"):
        srresnet.Config(start=0.0)


def test_realism_mixes_the_weights_of_the_two_networks_and_reads_one_at_its_ends():
    kept = {"params": {"regressor": {"w": 1.0}, "generator": {"w": 3.0}}}
    variables = {**kept, "model_state": {"regressor": {"s": 0.0}, "generator": {"s": 4.0}}}
    assert enlarging.mixed(variables, 0.25) == ({"w": 1.5}, {"s": 1.0})
    alone = {kind: {"generator": tree["generator"]} for kind, tree in variables.items()}
    assert enlarging.mixed(alone, 1.0) == ({"w": 3.0}, {"s": 4.0})
    begun = enlarging.keep_the_first({"params": {"generator": 1, "regressor": 2, "critic": 3},
                                      "model_state": {"generator": 4, "regressor": 5, "critic": 6}})  # fmt: skip
    assert begun == {
        "params": {"generator": 1, "regressor": 1, "critic": 3},
        "model_state": {"generator": 4, "regressor": 4, "critic": 6},
    }


def test_an_adversarial_run_begins_with_one_by_the_error_and_restores_by_it_where_realism_is_0(tmp_path):
    data, train = Data(name="bundled", size=16, batch=2), Train(steps=2, sample_every=0)
    task = SuperResolution(scale=4)
    first = Experiment(system=rrdb.Config(**SMALL), task=task, data=data, train=train)
    loop.train(first, tmp_path / "rrdb")
    config = esrgan.Config(**SMALL, vgg=0.0, critic_features=2, critic_stages=2, critic_hidden=4)
    begun = dataclasses.replace(train, begin_with=str(tmp_path / "rrdb"))
    loop.train(Experiment(system=config, task=task, data=data, train=begun), tmp_path / "esrgan")

    low = {"image": jnp.linspace(-1, 1, 8 * 8 * 3).reshape(8, 8, 3)}
    y = jax.tree.map(lambda x: x[None], task.observe(low))

    def restored(folder, **choices):
        _, system, variables = runs.load(tmp_path / folder, choices=choices)
        return jax.jit(system.restore)(variables, y, jax.random.split(jax.random.key(0), 1))

    least = restored("rrdb")
    np.testing.assert_array_equal(restored("esrgan", realism=0.0), least)
    assert np.any(restored("esrgan") != least)
    assert np.any(restored("esrgan", realism=0.0, back_projection=2) != least)


def test_the_generator_pays_for_features_of_vgg19_that_no_program_holds(monkeypatch):
    params = jax.jit(VGG(19, ("conv1_2",)).init)(jax.random.key(3), jnp.zeros((1, 8, 8, 3)))["params"]
    monkeypatch.setattr(pretrained, "read", lambda name, folder: pretrained.Judge(params, name))
    config = esrgan.Config(
        **SMALL, l1=0.0, adversarial=0.0, vgg_layers=("conv1_2",), critic_features=2, critic_stages=2, critic_hidden=4
    )
    system, batch, keys, y = traced(config, SuperResolution(scale=4))
    frozen = {name: read() for name, read in system.frozen.items()}
    assert set(frozen) == {"vgg19"}
    (phase,) = system.stages[0].objective.phases
    draws = jax.vmap(system.stages[0].objective.draw)(keys, batch)

    def run(params):
        context = Context(made.model_state, {}, jnp.zeros((), jnp.int32), frozen)
        return phase.loss(params, context, batch, draws)[1].metrics

    made = jax.jit(lambda: initialise(keys[0], system, y))()
    slope = jax.jit(jax.grad(lambda params: run(params)["generator/vgg"]))(made.params)
    assert np.any(slope["generator"]["out"]["kernel"])
    assert not np.any(slope["critic"]["out"]["kernel"])


def test_a_ranker_learns_from_the_networks_of_three_levels_which_stay_as_they_are():
    config = ranksrgan.Config(
        features=2, blocks=1, ranker_share=1.0, levels="networks", level_blocks=1, level_growth=2, niqe_block=8,
        ranker_features=2, ranker_stages=2, critic_features=2, critic_stages=2, vgg=0.0,
    )  # fmt: skip
    system, batch, keys, y = traced(config, SuperResolution(scale=2))
    assert {"level_esrgan", "level_srgan", "level_srresnet"} < set(system.players)
    (stage,) = system.stages
    assert set(stage.optimizers) == {"ranker"}
    (phase,) = stage.objective.phases

    def run():
        made = initialise(keys[0], system, y)
        draws = jax.vmap(stage.objective.draw)(keys, batch)
        context = Context(made.model_state, {}, jnp.zeros((), jnp.int32))
        return jax.grad(lambda params: phase.loss(params, context, batch, draws)[0])(made.params)

    slopes = jax.jit(run)()
    moved = {player for player, slope in slopes.items() if any(np.any(leaf) for leaf in jax.tree.leaves(slope))}
    assert moved == {"ranker"}


def test_generator_and_critic_each_learn_from_what_the_other_was():
    """The joint step's slopes are those of the generator's loss and of the critic's, each by its own player alone."""
    config = srgan.Config(features=4, blocks=1, l1=0.0, vgg=0.0, adversarial=1.0, critic_features=2, critic_stages=2)
    system, batch, keys, y = traced(config, SuperResolution(scale=2), side=8)
    made = jax.jit(lambda: initialise(keys[0], system, y))()
    (phase,) = system.stages[0].objective.phases
    generator, critic = (system.players[name].module for name in ("generator", "critic"))
    truth = 0.5 * (batch["image"] + 1)
    context = Context(made.model_state, {}, jnp.zeros((), jnp.int32))

    def judged(params, image):
        own = {"params": params, **made.model_state["critic"]}
        return critic.apply(own, image, True, mutable=["batch_stats"])[0]

    enlarged = lambda params: generator.apply({"params": params}, enlarging.seen(y))
    teach = lambda params: jnp.mean(jax.nn.softplus(-judged(made.params["critic"], enlarged(params))))
    learn = lambda params: (
        jnp.mean(jax.nn.softplus(-judged(params, truth)))
        + jnp.mean(jax.nn.softplus(judged(params, enlarged(made.params["generator"]))))
    )

    @jax.jit
    def run(params):
        joint = jax.grad(lambda params: phase.loss(params, context, batch, y)[0])(params)
        return joint, jax.grad(teach)(params["generator"]), jax.grad(learn)(params["critic"])

    joint, taught, learned = run(made.params)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    jax.tree.map(close, joint["generator"], taught)
    jax.tree.map(close, joint["critic"], learned)


def test_the_compact_network_adds_its_shuffled_channels_to_repeated_pixels():
    """Restated by hand: one convolution and one slope, whose channels are colour, row, column of a 2x2 cell."""
    module = srvgg.SRVGGNet(features=2, layers=0, scale=2)
    x = np.asarray(jax.random.uniform(jax.random.key(0), (1, 3, 4, 3)))
    variables = jax.jit(module.init)(jax.random.key(1), x)
    variables = jax.tree.map(lambda leaf: leaf + 0.1, variables)
    layer = variables["params"]

    def conv(h, kernel, bias):
        padded = np.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
        parts = [padded[:, i : i + 3, j : j + 4] @ kernel[i, j] for i in range(3) for j in range(3)]
        return sum(parts) + bias

    first, last = (jax.tree.map(np.asarray, layer[name]) for name in ("conv_0", "out"))
    h = conv(x, first["kernel"], first["bias"])
    h = np.where(h > 0, h, h * np.asarray(layer["slope_0"]["slope"]))
    h = conv(h, last["kernel"], last["bias"])
    wanted = np.zeros((1, 6, 8, 3))
    for colour in range(3):
        for row in range(2):
            for column in range(2):
                wanted[:, row::2, column::2, colour] = h[..., 4 * colour + 2 * row + column] + x[..., colour]
    np.testing.assert_allclose(jax.jit(module.apply)(variables, x), wanted, rtol=1e-5, atol=1e-6)
