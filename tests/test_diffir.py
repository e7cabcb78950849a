"""DiffIR: stated sizes, both lowerings of its depthwise convolution, and every task's shapes by tracing alone."""

import dataclasses
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax import systems
from dgan_jax.convert import diffir as names
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.core.parts import Context, Spec
from dgan_jax.nets.unet_critic import UNetCritic
from dgan_jax.ops import depthwise as ops
from dgan_jax.systems.diffusion_gan import diffir
from dgan_jax.tasks.deblur import Deblur
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.tasks.superres import SuperResolution
from dgan_jax.train import configs, loop, runs
from dgan_jax.train.state import initialise

SMALL = diffir.Config(dim=4, blocks=(1, 0, 0, 1), heads=(1, 1, 2, 2), encoder_features=4, encoder_blocks=1, steps=2)
TASKS = {
    "inpaint": Inpaint(hole="box", fill="pull_push"),
    "superres x4": SuperResolution(scale=4),
    "superres x2": SuperResolution(scale=2),
    "deblur": Deblur(),
}
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))


def test_both_lowerings_of_the_depthwise_convolution_agree():
    keys = jax.random.split(jax.random.key(0), 3)
    x, probe = (jax.random.normal(key, (2, 5, 7, 6)) for key in keys[:2])
    kernel = jax.random.normal(keys[2], (3, 3, 1, 6))

    @jax.jit
    def run(x, kernel):
        slopes = lambda f: jax.value_and_grad(lambda *both: jnp.sum(f(*both) * probe), (0, 1))(x, kernel)
        return [(f(x, kernel), slopes(f)) for f in (ops.shifted, ops.grouped, ops.depthwise)]

    shifted, grouped, chosen = run(x, kernel)
    for ours in (shifted, chosen):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), ours, grouped)


@pytest.mark.parametrize(("platform", "convolves"), [("cpu", False), ("cuda", True), ("tpu", True)])
def test_the_depthwise_convolution_is_lowered_by_platform(platform, convolves):
    x, kernel = jax.ShapeDtypeStruct((1, 8, 8, 4), jnp.float32), jax.ShapeDtypeStruct((3, 3, 1, 4), jnp.float32)
    lowered = jax.jit(ops.depthwise).trace(x, kernel).lower(lowering_platforms=(platform,))
    assert ("stablehlo.convolution" in lowered.as_text()) == convolves


@pytest.mark.parametrize(
    ("name", "changes", "first", "second"),
    [
        ("diffir_inpaint_celebahq", {}, 26_232_746, 26_402_474),
        ("diffir_inpaint_places2", {"blocks": (1, 1, 1, 20), "encoder_blocks": 8}, 49_313_194, 49_482_922),
        ("diffir_superres_x4", {}, 24_801_478, 24_971_206),
        ("diffir_superres_x2", {}, 24_811_846, 24_981_574),
        ("diffir_deblur_gopro", {}, 26_742_206, 26_911_934),
    ],
)
def test_the_published_networks_have_the_published_sizes(name, changes, first, second):
    experiment = configs.load(name)
    experiment = dataclasses.replace(experiment, system=dataclasses.replace(experiment.system, **changes))
    system = systems.build(experiment.system, experiment.task, runs.spec_of(experiment))
    params = runs.state_like(experiment, system, 0).params
    count = lambda player: sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params[player]))
    assert (count("first"), count("second")) == (first, second)


def traced(task, config, side=64):
    """A system of a task, the measurement of two images, and its state, all as shapes."""
    system = systems.build(config, task, Spec(height=side, width=side, channels=3, steps=8, batch=2))
    batch = {"image": jnp.zeros((2, side, side, 3))}
    keys = jax.random.split(jax.random.key(0), 2)
    measure = lambda: jax.vmap(task.measure)(keys, batch)
    state = jax.eval_shape(lambda: initialise(keys[0], system, measure()))
    return system, batch, keys, jax.eval_shape(measure), state


@every_task
def test_every_stage_of_every_task_has_finite_shapes_and_its_own_players(task):
    enlarging = isinstance(task, SuperResolution)
    config = dataclasses.replace(SMALL, prior_share=0.5, vgg=0.0, third_share=0.25 if enlarging else 0.0)
    system, batch, keys, _, state = traced(task, config)
    assert [stage.name for stage in system.stages] == ["first", "prior", "second", "third"][: 3 + enlarging]
    assert sum(stage.steps for stage in system.stages) == 8
    for stage in system.stages:
        players = [player for phase in stage.objective.phases for player in phase.players]
        assert set(players) == set(stage.optimizers)
        judged = stage.name == "third" or (isinstance(task, Inpaint) and stage.name != "prior")
        assert ("critic" in players) == judged
        for phase in stage.objective.phases:

            def run(state, phase=phase, stage=stage):
                draws = jax.vmap(stage.objective.draw)(keys, batch)
                context = Context(state.model_state, {}, state.step)
                return jax.grad(lambda params: phase.loss(params, context, batch, draws)[0])(state.params)

            slopes = jax.eval_shape(run, state)
            assert jax.tree.map(jnp.shape, slopes) == jax.tree.map(jnp.shape, state.params)


@every_task
def test_every_task_is_restored_from_its_measurement_alone(task):
    system, _, keys, y, state = traced(task, SMALL)
    image = jax.eval_shape(system.restore, state.variables(), y, keys)
    assert (image.shape, image.dtype) == (y["image"].shape, jnp.float32)


def test_the_second_stage_starts_from_the_first_ones_restorer():
    system, *_ = traced(TASKS["inpaint"], SMALL, side=16)
    params = {"first": {"encoder": 1, "restorer": 2}, "second": {"condition": 3, "denoiser": 4, "restorer": 5}}
    begun = system.stages[1].begin({"params": params, "model_state": {}, "memory": {}})
    second = {"condition": 3, "denoiser": 4, "restorer": 2}
    assert begun == {"params": {**params, "second": second}, "model_state": {}, "memory": {}}


def test_the_third_stage_alone_goes_on_from_the_second():
    config = dataclasses.replace(SMALL, first_share=0.0, third_share=1.0, vgg=0.0)
    system, *_ = traced(TASKS["superres x4"], config)
    assert [(stage.name, stage.steps) for stage in system.stages] == [("third", 8)]
    variables = {"params": {"first": {"restorer": 2}, "second": {"restorer": 5}}}
    assert system.stages[0].begin(variables) == variables


def test_the_third_stage_trains_is_stopped_and_goes_on(tmp_path):
    system = dataclasses.replace(SMALL, first_share=0.0, third_share=1.0, vgg=0.0, adversarial=1.0, critic_features=4)
    data, options = Data(name="bundled", size=32, batch=2), Train(steps=3, checkpoint_every=1, sample_every=0)
    experiment = Experiment(system=system, task=TASKS["superres x4"], data=data, train=options)
    whole = loop.train(experiment, tmp_path / "whole")
    loop.train(experiment, tmp_path / "parts")
    for step in (2, 3):
        shutil.rmtree(tmp_path / "parts" / "checkpoints" / str(step))
    again = loop.train(experiment, tmp_path / "parts")
    jax.tree.map(np.testing.assert_array_equal, again, whole)
    vectors = jax.tree.leaves(whole.model_state["critic"]["batch_stats"])
    assert len(vectors) == 16
    begun = jax.tree.leaves(runs.fresh_state(experiment, runs.built(experiment)).model_state["critic"]["batch_stats"])
    assert all(np.any(ours != fresh) for ours, fresh in zip(vectors, begun, strict=True))


def test_a_training_that_lacks_the_weights_of_its_perceptual_term_is_refused_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.delenv("DGAN_WEIGHTS", raising=False)
    experiment = configs.load("diffir_photos_x4")
    experiment = dataclasses.replace(experiment, system=dataclasses.replace(experiment.system, vgg=1.0))
    with pytest.raises(ValueError, match=r"weights of vgg19 are not shipped.*dgan convert"):
        loop.train(experiment, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_critic_of_pixels_has_the_published_size_and_forgets_how_large_its_weights_are():
    critic, x = UNetCritic(), jax.ShapeDtypeStruct((1, 16, 16, 3), jnp.float32)
    sizes = jax.tree.leaves(jax.eval_shape(critic.init, jax.random.key(0), x)["params"])
    assert sum(int(np.prod(leaf.shape)) for leaf in sizes) == 4_376_897

    critic, x = UNetCritic(4), jax.random.normal(jax.random.key(1), (2, 16, 24, 3))
    variables = critic.init(jax.random.key(0), x)
    followed = jax.jit(lambda variables: critic.apply(variables, x, mutable=["batch_stats"]))
    logits, found = followed(variables)
    assert logits.shape == (2, 16, 24, 1)
    for _ in range(200):
        logits, found = followed({"params": variables["params"], **found})
    for name, stats in found["batch_stats"].items():
        kernel = np.asarray(variables["params"][name.removeprefix("norm_")]["kernel"], np.float64)
        largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
        assert next(value for key, value in stats.items() if key.endswith("sigma")) == pytest.approx(largest, rel=1e-4)
    normed = {name.removeprefix("norm_") for name in found["batch_stats"]}
    assert normed == {f"conv{i}" for i in range(1, 9)}
    louder = {
        name: jax.tree.map(lambda w: 7 * w, leaf) if name in normed else leaf
        for name, leaf in variables["params"].items()
    }
    np.testing.assert_allclose(followed({"params": louder, **found})[0], logits, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("prefix", ["", "module.", "generator."])
def test_published_files_of_both_stages_and_of_the_critic_become_players(prefix):
    system, _, _, _, state = traced(TASKS["inpaint"], SMALL, side=16)
    modules = {name: player.module for name, player in system.players.items()}
    draw = np.random.default_rng(0)
    fresh = lambda tree: jax.tree.map(lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), tree)
    for player in ("first", "second"):
        params = fresh(state.params[player])
        published = names.stage_state(modules[player], params)
        # The second stage's file holds its parts twice, and the tables of its chain.
        twice = {f"diffusion.{name}": value for name, value in published.items() if name.startswith("condition.")}
        file = {prefix + name: value for name, value in {**published, **twice, "diffusion.betas": np.ones(4)}.items()}
        critic = {"params": fresh(state.params["critic"]), **fresh(state.model_state["critic"])}
        judged = {
            f"discriminator.{name}": value for name, value in names.critic_state(modules["critic"], critic).items()
        }
        found = names.players(modules, file | (judged if prefix == "generator." else {}))
        assert found.keys() == ({player, "critic"} if prefix == "generator." else {player})
        wanted = {player: {"params": params}, "critic": critic}
        jax.tree.map(np.testing.assert_array_equal, found, {name: wanted[name] for name in found})


def test_a_perceptual_function_adds_its_weighted_value():
    spec = Spec(height=16, width=16, channels=3, steps=8, batch=2)
    config = dataclasses.replace(SMALL, adversarial=0.0, blocks=(0, 0, 0, 0), perceptual=7.0)
    batch, keys = {"image": jnp.zeros((2, 16, 16, 3))}, jax.random.split(jax.random.key(0), 2)
    task, losses = TASKS["inpaint"], []
    for perceptual in (None, lambda image, truth, frozen: jnp.asarray(2.0)):
        system = diffir.build(config, task, spec, perceptual=perceptual)
        objective = system.stages[0].objective

        @jax.jit
        def run(system=system, objective=objective):
            draws = jax.vmap(objective.draw)(keys, batch)
            state = initialise(keys[0], system, draws.y)
            return objective.phases[0].loss(state.params, Context(state.model_state, {}, state.step), batch, draws)[0]

        losses.append(float(run()))
    assert losses[1] - losses[0] == pytest.approx(14.0, abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blocks": (1, 1)}, "a number for each of four levels"),
        ({"heads": (1, 2, 3, 8)}, "must divide"),
        ({"first_share": 1.0}, r"first_share must be in \[0, 1\)"),
        ({"second_halvings": (1.5,)}, "parts of the stage"),
        ({"third_share": 0.6}, "with first_share, at most 1"),
        ({"dtype": "float16"}, "float32 or bfloat16"),
        ({"steps": 0}, "at least 1"),
    ],
)
def test_a_config_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        diffir.Config(**changes)


def test_what_it_does_not_do_is_refused():
    with pytest.raises(ValueError, match="only enlarging has a third stage, not deblur"):
        systems.build(dataclasses.replace(SMALL, third_share=0.1), Deblur(), Spec(height=64, width=64, channels=3))
    with pytest.raises(ValueError, match="enlarges by 2 or 4"):
        systems.build(SMALL, SuperResolution(scale=3), Spec(height=48, width=48, channels=3))
