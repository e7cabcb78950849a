"""The verbs of the command line as Python functions: `from dgan_jax import api`."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax import systems as registry
from dgan_jax import tasks
from dgan_jax.convert.torch_file import read_torch, state_dict
from dgan_jax.core.experiment import Data, Experiment
from dgan_jax.core.keys import indexed_keys
from dgan_jax.core.names import unknown
from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.data.options import open_data
from dgan_jax.data.pictures import damaged
from dgan_jax.data.pipeline import evaluation, to_bytes
from dgan_jax.data.tiles import tiles
from dgan_jax.evaluate import Result, damage, metrics_for
from dgan_jax.evaluate import evaluate as measure
from dgan_jax.metrics.table import named
from dgan_jax.report import Report
from dgan_jax.restore import Photograph, photograph, restorer
from dgan_jax.train import configs
from dgan_jax.train.checkpoint import versions
from dgan_jax.train.loop import claim, fresh_state, load, spec_of, write_state
from dgan_jax.train.loop import train as run_training
from dgan_jax.train.runner import Observe
from dgan_jax.train.state import TrainState

load_config = configs.load


class Row(NamedTuple):
    name: str
    family: str
    tasks: tuple[str, ...]
    what: str
    paper: str


def systems(task: str | None = None) -> list[Row]:
    """Every system, or those that do a task."""
    if task is not None:
        tasks.find(task)
    rows = []
    for name, path in registry.files().items():
        module = registry.find(name)
        what = (module.__doc__ or "").strip().splitlines()[0].rstrip(".")
        rows.append(Row(name, path.split(".")[-2], module.TASKS, what, module.PAPER))
    return [row for row in sorted(rows, key=lambda row: (row.family, row.name)) if task is None or task in row.tasks]


def train(experiment: Experiment | str, out: str | Path, *, observe: Observe = lambda progress: None) -> TrainState:
    """Train in the folder `out`, resuming what is there. `experiment`: an Experiment, or a config's name or path."""
    return run_training(load_config(experiment) if isinstance(experiment, str) else experiment, out, observe=observe)


def check_task(name: str) -> None:
    """A ValueError unless the task exists and is about photographs."""
    tasks.find(name)
    if name == "generate":
        known = ", ".join(sorted(set(tasks.classes()) - {name}))
        raise ValueError(f"task {name!r} does not restore photographs; choose from: {known}")


def classical(name: str, task: Task, data: Data) -> System:
    """A system without networks, by name."""
    module = registry.find(name)
    spec = Spec(height=data.size, width=data.size, channels=data.channels)
    system = registry.build(module.Config(), task, spec)
    if system.players:
        raise ValueError(f"system {name!r} has to be trained; give the folder of its run (dgan train ...)")
    return system


@dataclasses.dataclass(frozen=True)
class Restorer:
    """Restores photographs by a run or by a classical system.

    Called with uint8 [H, W, C] and what is known of its damage: `hole` [H, W, 1], `kernel` [k, k], levels by their
    names in `task.ranges`.
    """

    name: str
    task: Task
    system: System
    variables: dict[str, Any]
    channels: int
    tile: int

    def __call__(
        self, image: np.ndarray, *, hole: np.ndarray | None = None, kernel: np.ndarray | None = None, seed: int = 0,
        **levels: float,
    ) -> Photograph:  # fmt: skip
        if image.shape[-1] != self.channels:
            raise ValueError(f"the image has {image.shape[-1]} channels, {self.name} works on {self.channels}")
        return photograph(
            self.system,
            self.task,
            self.variables,
            image,
            hole=hole,
            kernel=kernel,
            levels=levels,
            seed=seed,
            tile=self.tile,
        )


def restoring(
    task: str,
    *,
    run: str | Path | None = None,
    system: str | None = None,
    tile: int = 512,
    choices: Mapping[str, Any] | None = None,
) -> Restorer:
    """restoring("inpaint", system="telea")(image, hole=hole)(n) is the n-th restored version, uint8.

    choices: what the run's system lets one choose when restoring (`systems.chosen`), for example {"realism": 0.0}.
    """
    check_task(task)
    if (run is None) == (system is None):
        raise ValueError(
            "give either --run FOLDER (from dgan train or dgan quickstart) or --system NAME (for example biharmonic)"
        )
    if tile < 32:
        raise ValueError(f"--tile must be at least 32 pixels, got {tile}")
    if run is not None:
        experiment, built, variables = load(run, task=task, choices=choices)
        return Restorer(str(run), experiment.task, built, variables, experiment.data.channels, tile)
    if choices:
        raise ValueError(f"a classical system leaves nothing to choose when restoring; leave out {', '.join(choices)}")
    degradation = tasks.find(task)()
    return Restorer(str(system), degradation, classical(str(system), degradation, Data()), {}, 3, tile)


def sample(run: str | Path, count: int, *, seed: int = 0, label: int | None = None, batch: int = 16) -> np.ndarray:
    """uint8 [count, H, W, C] from a run whose task is generation. Image i depends on (seed, i) alone."""
    experiment, system, variables = load(run)
    if tasks.name_of(experiment.task) != "generate":
        raise ValueError(
            f"{run} was trained for {tasks.name_of(experiment.task)!r}; dgan sample needs a run of the task 'generate'"
        )
    if count < 1:
        raise ValueError(f"--count must be at least 1, got {count}")
    classes, data = experiment.task.classes, experiment.data
    if label is not None and not 0 <= label < classes:
        raise ValueError(f"--label {label} is not a class of this run; it has {classes or 'none'}")
    generate = restorer(system, variables)
    images = []
    for first in range(0, count, batch):
        index = jnp.arange(first, first + batch)  # the last batch is cut afterwards: one compilation
        y: dict[str, Any] = {"image": jnp.zeros((batch, data.size, data.size, data.channels))}
        if classes:
            y["label"] = index % classes if label is None else jnp.full(batch, label)
        images.append(np.asarray(to_bytes(generate(y, indexed_keys(jax.random.key(seed), index)))))
    return np.concatenate(images)[:count]


def evaluate(
    targets: Sequence[str],
    *,
    data: str | None = None,
    split: str | None = None,
    task: str | None = None,
    hole: str | None = None,
    size: int | None = None,
    limit: int = 200,
    batch: int = 16,
    metrics: Sequence[str] = (),
    seed: int = 0,
    crop: str = "centre",
    samples: int = 1,
    fill: bool = False,
    keep: int = 8,
    each: Callable[[int], None] = lambda done: None,
) -> Report:
    """Measure runs (folders) and classical systems (names) on the same images with the same damage.

    crop: "centre" or "tiles" (all pieces of each image). samples: restorations by each run, a row each. fill: a row for
    the task's cheap first estimate.
    """
    if not targets:
        raise ValueError("nothing to evaluate; give the folder of a run or the name of a classical system")
    named(metrics)
    loaded = {target: load(target) for target in targets if Path(target).is_dir()}
    first = next(iter(loaded.values()))[0] if loaded else None
    degradation = (
        first.task
        if first is not None and task in (None, tasks.name_of(first.task))
        else tasks.find(task or "inpaint")()
    )
    if tasks.name_of(degradation) == "generate":
        raise ValueError("generation has no original to compare with; look at dgan sample, or evaluate a restoring run")
    metrics = tuple(metrics) or metrics_for(degradation)
    if hole is not None:
        if "hole" not in degradation.accepts:
            raise ValueError(f"the task {tasks.name_of(degradation)!r} has no holes; leave --hole out")
        degradation = dataclasses.replace(degradation, hole=hole)
    options = first.data if first is not None else Data()
    options = dataclasses.replace(options, name=data or options.name, size=size or options.size)
    built: dict[str, tuple[System, dict]] = {}
    for target in targets:
        if target in loaded:
            experiment, system, variables = loaded[target]
            if tasks.name_of(experiment.task) != tasks.name_of(degradation):
                raise ValueError(
                    f"{target} was trained for {tasks.name_of(experiment.task)!r}, not {tasks.name_of(degradation)!r}"
                )
            if shapes(experiment.task, options) != shapes(degradation, options):
                raise ValueError(
                    f"{target} was trained for {experiment.task}, which measures something else than {degradation}; "
                    "evaluate them one by one"
                )
            built[Path(target).name if Path(target).name not in built else target] = system, variables
        else:
            built[target] = classical(target, degradation, options), {}
    for name, (system, _) in built.items():
        if options.size % system.multiple:
            raise ValueError(f"{name} needs sizes that are multiples of {system.multiple}, got --size {options.size}")
    split = split or ("validation" if data is None else "test")
    source = open_data(options, split)
    if crop not in ("centre", "tiles"):
        raise unknown("crop", crop, ("centre", "tiles"))
    some = limit or None
    batches = lambda: (
        tiles(source, options.size, batch=batch, limit=some)
        if crop == "tiles"
        else evaluation(source, options.size, batch=batch, limit=some)
    )
    if fill:
        built["cheap fill"] = System(lambda variables, y, keys: degradation.start(y)), {}
    results: dict[str, Result] = {}
    for name, (system, variables) in built.items():
        for n in range(samples if system.players else 1):
            results[name if n == 0 else f"{name}, seed {n + 1}"] = measure(
                system, variables, degradation, batches(), seed=seed, sample=n, metrics=metrics, keep=keep, each=each
            )
    protocol = {
        "data": options.name, "split": split, "size": options.size, "crop": crop, "seed": seed, "versions": versions(),
        "task": {"name": tasks.name_of(degradation), **dataclasses.asdict(degradation)},
        "device": jax.devices()[0].device_kind,
    }  # fmt: skip
    count = len(next(iter(results.values())).index)
    title = f"{tasks.name_of(degradation)}, {count} images of {options.name} ({split}), {options.size}x{options.size}"
    coverage = next(iter(results.values())).coverage
    if "hole" in degradation.accepts and coverage is not None:
        title += f", hole {degradation.hole}, mean coverage {coverage.mean():.2f}"
    return Report(title, results, metrics, protocol, given(degradation, batches(), seed, keep))


def shapes(task: Task, options: Data) -> tuple:
    """What a system is built for: the shapes of everything in a measurement, and of the condition."""
    example = {"image": jax.ShapeDtypeStruct((1, options.size, options.size, options.channels), jnp.float32)}
    y = jax.eval_shape(jax.vmap(task.measure), jax.random.split(jax.random.key(0), 1), example)
    return {name: value.shape for name, value in y.items()}, jax.eval_shape(task.condition, y).shape


def given(task: Task, batches: Any, seed: int, keep: int) -> dict[str, np.ndarray]:
    """The first images, and as they were measured."""
    original, seen = [], []
    for index, batch in batches:
        y = damage(task, index, batch, seed)
        original.append(batch["image"])
        seen.append(damaged(y))
        if sum(map(len, original)) >= keep:
            break
    return {"original": np.concatenate(original)[:keep], "damaged": np.concatenate(seen)[:keep]}


def convert(file: str | Path, config: Experiment | str, out: str | Path) -> dict[str, int]:
    """A published PyTorch checkpoint as a run in the folder `out`; nothing in the file is executed.

    `config` describes the checkpoint's network. Returns the number of parameters of each converted player; others start
    fresh, so the run can be sampled, evaluated and trained further.
    """
    experiment = load_config(config) if isinstance(config, str) else config
    system = registry.build(experiment.system, experiment.task, spec_of(experiment))
    rules = importlib.import_module(f"dgan_jax.convert.{registry.name_of(experiment.system)}")
    state = state_dict(read_torch(Path(file)))
    modules = {name: player.module for name, player in system.players.items()}
    converted = rules.players(modules, state)
    fresh = jax.device_get(fresh_state(experiment, system))
    claim(Path(out), experiment)
    keep = {name: params for name, params in converted.items() if name in fresh.ema}
    write_state(Path(out), experiment, fresh.replace(params={**fresh.params, **converted}, ema={**fresh.ema, **keep}))
    return {name: sum(leaf.size for leaf in jax.tree.leaves(params)) for name, params in converted.items()}
