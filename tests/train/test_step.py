"""The train step on made-up objectives: joint and lazy phases, updates on parts of a batch, memory, averages."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dgan_jax.core.parts import Objective, Phase, Report, Stage, System, repeated
from dgan_jax.train.stages import stage_at
from dgan_jax.train.state import TrainState, enter_stages
from dgan_jax.train.step import NONE, train_step

RATE = 0.1
IMAGES = np.linspace(-1, 1, 8 * 4, dtype=np.float32).reshape(8, 2, 2, 1)


def state_of(optimizers, params, memory=None, ema=()):
    opt_state = {name: optimizer.init(params[name]) for name, optimizer in optimizers.items()}
    averages = {name: params[name] for name in ema}
    return TrainState(
        jnp.zeros((), jnp.int32), params, averages, opt_state, {name: {} for name in params}, memory or {}
    )


def run(objective, optimizers, state, *, steps=1, devices=1, ema=None, frozen=NONE, **options):
    """The state after some steps on the same batch, and the metrics of each."""
    axis = "device" if devices > 1 else None
    step = functools.partial(
        train_step, objective=objective, optimizers=optimizers, ema=ema or {}, axis_name=axis, frozen=frozen, **options
    )
    batch, rows = {"image": jnp.asarray(IMAGES)}, []
    if devices == 1:
        step = jax.jit(step)
    else:
        step = jax.pmap(step, axis_name=axis, in_axes=(0, 0, None), devices=jax.devices()[:devices])
        state = jax.tree.map(lambda x: jnp.stack([x] * devices), state)
        batch = jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:]), batch)
    for _ in range(steps):
        state, metrics = step(state, batch, jax.random.key(0))
        rows.append(jax.tree.map(lambda x: np.asarray(x if devices == 1 else x[0]), metrics))
    return jax.tree.map(lambda x: x if devices == 1 else x[0], state), rows


def draw(key, example):
    return jax.random.normal(key, example["image"].shape)


def product(params, context, batch, draws):
    loss = params["a"]["w"] * params["b"]["w"] * jnp.mean(batch["image"] + draws)
    return loss, Report({"loss": loss})


def params_of(a=2.0, b=3.0):
    return {"a": {"w": jnp.asarray(a)}, "b": {"w": jnp.asarray(b)}}


def test_a_phase_of_two_players_takes_one_joint_gradient():
    optimizers = {"a": optax.sgd(RATE), "b": optax.sgd(RATE)}
    objective = Objective(draw, (Phase(("a", "b"), product),))
    after, (row,) = run(objective, optimizers, state_of(optimizers, params_of()))
    slope = row["loss"] / 6
    np.testing.assert_allclose(after.params["a"]["w"], 2 - RATE * 3 * slope, rtol=1e-5)
    # One after the other b would have seen the new a.
    np.testing.assert_allclose(after.params["b"]["w"], 3 - RATE * 2 * slope, rtol=1e-5)
    assert {"a/gradient", "b/gradient"} <= row.keys()


@pytest.mark.parametrize("devices", [1, 2])
def test_a_lazy_phase_leaves_optimizer_and_parameters_at_rest(devices):
    optimizers = {"a": optax.adam(RATE), "b": optax.adam(RATE)}
    lazy = Phase(("b",), lambda *args: (product(*args)[0], Report({"lazy": jnp.ones(())})), every=3)
    objective = Objective(draw, (Phase(("a",), product), lazy))
    state = state_of(optimizers, params_of())
    moments = []
    for steps in (1, 2, 3, 4):
        after, rows = run(objective, optimizers, state, steps=steps, devices=devices)
        moments.append((int(after.opt_state["b"][0].count), float(after.params["b"]["w"])))
    assert [count for count, _ in moments] == [1, 1, 1, 2]
    assert moments[0] == moments[2], "a resting player does not move"
    assert moments[3][1] != moments[2][1]
    assert int(after.opt_state["a"][0].count) == 4
    assert [np.isnan(row["lazy"]) for row in rows] == [False, True, True, False], "what was not computed has no number"
    assert int(after.guard.skipped) == 0, "a phase that rests is no fault"


def seen(params, context, batch, draws):
    """A loss whose memory notes the sums of the images and draws that it was given."""
    own = jnp.stack([jnp.sum(batch["image"]), jnp.sum(draws)])
    return params["a"]["w"] * jnp.mean(batch["image"]), own


@pytest.mark.parametrize("devices", [1, 2])
def test_repeated_phases_see_images_and_draws_of_their_own(devices):
    def loss(params, context, batch, draws):
        value, own = seen(params, context, batch, draws)
        if devices > 1:
            own = jax.lax.psum(own, "device")
        rows = jnp.roll(context.memory["rows"], -1, 0).at[-1].set(own)
        return value, Report({}, memory={"rows": rows})

    optimizers = {"a": optax.sgd(RATE)}
    objective = Objective(draw, repeated(Phase(("a",), loss), 2), lambda: {"rows": jnp.zeros((2, 2))})
    state = state_of(optimizers, {"a": {"w": jnp.ones(())}}, {"rows": jnp.zeros((2, 2))})
    after, _ = run(objective, optimizers, state, devices=devices)
    np.testing.assert_allclose(after.memory["rows"][:, 0], [IMAGES[0::2].sum(), IMAGES[1::2].sum()], atol=1e-5)
    whole = jax.vmap(draw)(
        jax.vmap(lambda i: jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 0), i))(jnp.arange(8)),
        {"image": jnp.asarray(IMAGES)},
    )
    np.testing.assert_allclose(after.memory["rows"][:, 1], [whole[0::2].sum(), whole[1::2].sum()], rtol=1e-5)


def test_a_batch_that_cannot_be_dealt_is_refused():
    optimizers = {"a": optax.sgd(RATE)}
    objective = Objective(draw, repeated(Phase(("a",), product), 3))
    with pytest.raises(ValueError, match="batch of 8 cannot be dealt to 3 updates of a"):
        run(objective, optimizers, state_of(optimizers, params_of()))


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("devices", [1, 2])
def test_a_replay_buffer_and_a_counter_survive_devices_and_accumulation(devices, accumulate):
    def loss(params, context, batch, draws):
        images = batch["image"] if devices == 1 else jax.lax.all_gather(batch["image"], "device", tiled=True)
        buffer = jnp.concatenate([context.memory["buffer"], images])[-8:]
        count = context.memory["count"] + images.shape[0]
        return params["a"]["w"] * jnp.mean(batch["image"]), Report({}, memory={"buffer": buffer, "count": count})

    memory = {"buffer": jnp.zeros((8, 2, 2, 1)), "count": jnp.zeros((), jnp.int32)}
    optimizers = {"a": optax.sgd(RATE)}
    objective = Objective(draw, (Phase(("a",), loss),))
    state = state_of(optimizers, {"a": {"w": jnp.ones(())}}, memory)
    after, _ = run(objective, optimizers, state, devices=devices, accumulate=accumulate)
    assert int(after.memory["count"]) == 8
    kept = np.sort(np.asarray(after.memory["buffer"]).sum((1, 2, 3)))
    np.testing.assert_allclose(kept, np.sort(IMAGES.sum((1, 2, 3))), rtol=1e-6)


def test_an_average_may_follow_a_schedule():
    optimizers = {"a": optax.sgd(RATE), "b": optax.sgd(RATE)}
    objective = Objective(draw, (Phase(("a",), product),))
    state = state_of(optimizers, params_of(), ema=("a",))
    schedule = lambda step: jnp.where(step < 2, 0.0, 1.0)
    two, _ = run(objective, optimizers, state, steps=2, ema={"a": schedule})
    four, _ = run(objective, optimizers, state, steps=4, ema={"a": schedule})
    np.testing.assert_array_equal(two.ema["a"]["w"], two.params["a"]["w"])
    np.testing.assert_array_equal(four.ema["a"]["w"], two.ema["a"]["w"])
    assert four.params["a"]["w"] != two.params["a"]["w"]


def test_a_loss_reads_frozen_networks():
    loss = lambda params, context, batch, draws: (params["a"]["w"] * context.frozen["vgg"]["w"], Report())
    optimizers = {"a": optax.sgd(RATE)}
    state = state_of(optimizers, {"a": {"w": jnp.ones(())}})
    after, _ = run(Objective(draw, (Phase(("a",), loss),)), optimizers, state, frozen={"vgg": {"w": jnp.asarray(5.0)}})
    np.testing.assert_allclose(after.params["a"]["w"], 1 - RATE * 5)


def test_a_stage_without_steps_hands_its_variables_over():
    doubled = lambda variables: {**variables, "params": jax.tree.map(lambda x: 2 * x, variables["params"])}
    objective = Objective(draw, (Phase(("a",), product),))
    stage = lambda name, steps, **options: Stage(name, steps, objective, {"a": optax.sgd(RATE)}, **options)
    system = System(
        lambda variables, y, keys: y["image"], {}, (stage("one", 2), stage("none", 0, begin=doubled), stage("last", 2))
    )
    state = state_of({"a": optax.sgd(RATE)}, params_of())
    following, first = stage_at(system.stages, 2)
    assert (following, first) == (2, 2)
    entered = enter_stages(state, system, 1, following)
    assert jax.tree.map(float, entered.params) == {"a": {"w": 4.0}, "b": {"w": 6.0}}
