"""What an experiment costs on this machine: compilation, step, restoring, FLOPs, memory."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax import systems
from dgan_jax.core.experiment import Experiment
from dgan_jax.train import parallel
from dgan_jax.train.runs import enter, fresh_state, spec_of
from dgan_jax.train.stages import compile_stage, stage_at


class Cost(NamedTuple):
    """Of one compiled function. FLOPs are XLA's own estimate, nan where it gives none; memory is what XLA plans for."""

    what: str
    images: int
    compile_seconds: float
    seconds: float  # median of the repeats
    spread: float  # their interquartile range
    flops: float
    peak_bytes: float

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds

    @property
    def achieved(self) -> float:
        """FLOP/s."""
        return self.flops / self.seconds


def cost(what: str, images: int, function: Any, arguments: tuple, call: Callable[[Any], Any], repeats: int) -> Cost:
    """Compile, run once, then time `repeats` calls. `call(compiled)` blocks until the result is there."""
    clock = time.perf_counter()
    compiled = function.lower(*arguments).compile()
    compile_seconds = time.perf_counter() - clock
    analysis = compiled.cost_analysis() or {}
    analysis = analysis[0] if isinstance(analysis, list) else analysis
    memory = compiled.memory_analysis()
    peak = np.nan
    if memory is not None:
        peak = (
            memory.temp_size_in_bytes
            + memory.argument_size_in_bytes
            + memory.output_size_in_bytes
            - memory.alias_size_in_bytes
        )
    call(compiled)
    times = []
    for _ in range(repeats):
        clock = time.perf_counter()
        call(compiled)
        times.append(time.perf_counter() - clock)
    low, middle, high = np.percentile(times, (25, 50, 75))
    return Cost(
        what,
        images,
        compile_seconds,
        float(middle),
        float(high - low),
        float(analysis.get("flops", np.nan)),
        float(peak),
    )


def bench(
    experiment: Experiment, *, repeats: int = 5, restoring: int | None = None
) -> tuple[list[Cost], dict[str, int]]:
    """The last stage's training step on one device, one network call of each player, and restoring `restoring` images.

    Returns the costs and the parameters of each player. The images are noise: no arithmetic here depends on what they
    show.
    """
    data = experiment.data
    system = systems.build(experiment.system, experiment.task, spec_of(experiment))
    mapping = parallel.over(1)
    mapping.check(data.batch, experiment.train.accumulate)
    last, first_step = stage_at(system.stages, experiment.train.steps)
    state = enter(fresh_state(experiment, system), system, experiment.train.steps)
    parameters = {name: sum(x.size for x in jax.tree.leaves(p)) for name, p in state.params.items()}
    variables = state.variables()
    key = jax.random.key(0)
    generator = np.random.default_rng(0)
    batch = {"image": generator.integers(0, 256, (data.batch, data.size, data.size, data.channels), dtype=np.uint8)}
    if data.classes:
        batch["label"] = generator.integers(0, data.classes, data.batch, dtype=np.int32)

    costs = []
    count = restoring or data.batch
    example = {k: jnp.asarray(v[:1]).repeat(count, 0) for k, v in batch.items()}
    example["image"] = jax.random.uniform(key, (count, data.size, data.size, data.channels), minval=-1)
    keys = jax.random.split(key, count)
    y = jax.jit(jax.vmap(experiment.task.measure))(keys, example)
    for name, player in system.players.items():
        inputs = player.inputs(y)
        forward = jax.jit(lambda v, inputs, module=player.module: module.apply(v, *inputs))
        own = {"params": variables["params"][name], **variables["model_state"][name]}
        call = lambda run, own=own, inputs=inputs: jax.block_until_ready(run(own, inputs))
        costs.append(cost(f"{name} forward", count, forward, (own, inputs), call, repeats))
    whole = lambda run: jax.block_until_ready(run(variables, y, keys))
    costs.append(
        cost(f"restore ({system.calls} calls)", count, jax.jit(system.restore), (variables, y, keys), whole, repeats)
    )

    advance: Any = compile_stage(experiment, system, mapping, last, first_step)
    stacked = experiment.train.steps_per_call
    if stacked > 1:
        batch = {k: np.stack([v] * stacked) for k, v in batch.items()}
    holder = [jax.tree.map(jnp.copy, state)]
    placed = mapping.put_batch(batch)

    def step(run: Any) -> None:
        holder[0], _ = run(holder[0], placed, key)
        jax.block_until_ready(holder[0])

    costs.append(cost("train step", data.batch * stacked, advance, (holder[0], placed, key), step, repeats))
    return costs, parameters
