"""The verbs of the command line as Python functions: `from dgan_jax import api`."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax import convert as converters
from dgan_jax import systems as registry
from dgan_jax import tasks
from dgan_jax.compare.chosen import entrants_for, trial_for
from dgan_jax.compare.entrants import classical, measured, players_read, training_of
from dgan_jax.compare.reported import reported
from dgan_jax.compare.trial import Trial, check_metrics
from dgan_jax.convert.recognition import recognise
from dgan_jax.convert.torch_file import read_torch, state_dict
from dgan_jax.core.experiment import Data, Experiment
from dgan_jax.core.keys import indexed_keys
from dgan_jax.core.names import narrowed
from dgan_jax.core.parts import System, Task
from dgan_jax.core.targets import target
from dgan_jax.data.pipeline import to_bytes
from dgan_jax.evaluate import Inputs
from dgan_jax.evaluate import evaluate as measure
from dgan_jax.evaluate.inputs import seen
from dgan_jax.report import Report
from dgan_jax.restore import Photograph, Runner, photograph, restorer
from dgan_jax.tasks.inpaint import FILLS, Inpaint
from dgan_jax.tasks.mixture import Mixture
from dgan_jax.tasks.superres import SCALES, SuperResolution
from dgan_jax.train import configs, weights
from dgan_jax.train.runs import (
    Learnt,
    built,
    claim,
    experiment_of,
    fresh_state,
    in_words,
    learnt_at,
    load,
    solving,
    state_like,
    unasked,
    write_state,
)
from dgan_jax.train.runs import restoring as restoring_of
from dgan_jax.train.state import TrainState

if TYPE_CHECKING:
    from dgan_jax.train.loop import Observe

load_config = configs.load


class Row(NamedTuple):
    name: str
    family: str
    tasks: tuple[str, ...]
    what: str
    paper: str


def systems(task: str | None = None, *, words: Sequence[str] = ()) -> list[Row]:
    """Every system, or those that do a task and that all words fit; a ValueError if there is none."""
    if task is not None:
        tasks.find(task)
    rows = []
    for name, path in registry.files().items():
        module = registry.find(name)
        what = (module.__doc__ or "").strip().splitlines()[0].rstrip(".")
        rows.append(Row(name, path.split(".")[-2], module.TASKS, what, module.PAPER))
    rows = [row for row in sorted(rows, key=lambda row: (row.family, row.name)) if task is None or task in row.tasks]
    text = lambda row: " ".join((row.name, row.family, *row.tasks, row.what, row.paper))
    names = {*registry.files(), *tasks.classes(), *(row.family for row in rows)}
    return narrowed(rows, words, text, "word or system", names)


def train(experiment: Experiment | str, out: str | Path, *, observe: "Observe" = lambda progress: None) -> TrainState:
    """Train in the folder `out`, resuming what is there. `experiment`: an Experiment, or a config's name or path."""
    from dgan_jax.train.loop import train as run_training

    return run_training(load_config(experiment) if isinstance(experiment, str) else experiment, out, observe=observe)


def check_task(name: str) -> None:
    """A ValueError unless the task exists and is about photographs."""
    tasks.find(name)
    if name == "generate":
        known = ", ".join(sorted(set(tasks.classes()) - {name}))
        raise ValueError(f"task {name!r} does not restore photographs; choose from: {known}")


DEFAULT = "dgan_photos"
"""What restores where nothing else is named."""


@dataclasses.dataclass(frozen=True)
class Restorer:
    """Restores photographs by a run or by a classical system.

    Called with uint8 or uint16 [H, W, C] and what is known of its damage: `hole` [H, W, 1], `kernel` [k, k], levels by
    their names in `task.ranges`.
    """

    name: str
    runner: Runner
    channels: int
    choosable: tuple[str, ...] = ()
    """What its system leaves to choose when restoring."""
    unsaid: str = ""
    """What was chosen of it though nobody asked: "realism 0"."""

    @property
    def task(self) -> Task:
        return self.runner.task

    @property
    def system(self) -> System:
        return self.runner.system

    def __call__(
        self, image: np.ndarray, *, hole: np.ndarray | None = None, kernel: np.ndarray | None = None, seed: int = 0,
        **levels: float,
    ) -> Photograph:  # fmt: skip
        if image.shape[-1] != self.channels:
            raise ValueError(f"the image has {image.shape[-1]} channels, {self.name} works on {self.channels}")
        return photograph(self.runner, image, hole=hole, kernel=kernel, levels=levels, seed=seed)


def who_else(task: str) -> str:
    """What to do about a task that the weights `DEFAULT` do not do; "" for one that they do."""
    learnt = experiment_of(DEFAULT).task
    does = (*learnt.singles, "mixture") if isinstance(learnt, Mixture) else (tasks.name_of(learnt),)
    if task in does:
        return ""
    others = [name for name in weights.known() if name != DEFAULT and tasks.name_of(experiment_of(name).task) == task]
    able = [
        name for name, path in registry.files().items() if ".classical." in path and task in registry.find(name).TASKS
    ]
    ways = [f"dgan restore {task} PHOTO --run {name}" for name in others]
    ways += [f"dgan restore {task} PHOTO --system {able[0]}"] if able else []
    more = f" (classical systems for it: {', '.join(able)})" if able else ""
    own = f"dgan restore {task} PHOTO --run FOLDER with a run of your own (dgan systems {task} lists what can learn it)"
    return (
        f"the weights {DEFAULT}, which are taken where none are named, do {', '.join(does)} and no {task}; "
        f"try {', or '.join([*ways, own])}{more}"
    )


def restoring(
    task: str,
    *,
    run: str | Path | None = None,
    system: str | None = None,
    tile: int | None = None,
    choices: Mapping[str, Any] | None = None,
    scale: float | None = None,
    samples: int = 1,
) -> Restorer:
    """restoring("inpaint", system="telea")(image, hole=hole)(n) is the n-th restored version, uint8 or uint16 as image.

    system: a classical system, or with a run a solver, which restores with what the run has learnt.

    run: a folder, weights by file or name, or a published file (.pth) whose network is told by its tensors; where
    neither it nor a system is given, the weights of `DEFAULT`, which come with the package. choices: what the run's
    system lets one choose when restoring (`systems.chosen`), for example {"realism": 0.0}; of a classical system any of
    its options. What is not chosen of a run is what `evaluate` measures (`train.runs.unasked`). scale: of a classical
    system that enlarges; the nearest of what there is. samples: how many different versions are wanted of each
    photograph.
    """
    check_task(task)
    if run is not None and system is not None:
        if not registry.is_solver(registry.find(system)):
            raise ValueError(
                f"{system!r} restores without a run; give either --run FOLDER or --system NAME, or both where the "
                "system is a solver"
            )
        choices, system = {"system": system, **(choices or {})}, None
    if tile is not None and tile < 32:
        raise ValueError(f"--tile must be at least 32 pixels, got {tile}")
    if system is None:
        place = DEFAULT if run is None else run
        try:
            where, own = target(str(place))
            asked = {**own, **(choices or {})}
            found = where if is_published(where) else learnt_at(where)
            unsaid = unasked(found, asked, samples=samples) if isinstance(found, Learnt) else {}
            experiment, made, variables = opened(found, task, {**unsaid, **asked})
        except ValueError as error:
            if run is not None:
                raise
            raise ValueError(
                who_else(task) or f"{error}; without --run or --system the weights {DEFAULT} are taken"
            ) from error
        # What a solver restores with is more than its experiment says.
        kept = None if experiment.solver is not None else repr(configs.to_dict(experiment))
        runner = Runner(made, experiment.task, variables, tile=tile, kept=kept)
        config = experiment.system if experiment.solver is None else experiment.solver
        free = registry.choosable(registry.module_of(config))
        return Restorer(str(place), runner, experiment.data.channels, free, in_words(unsaid))
    degradation = tasks.find(task)()
    if scale is not None and isinstance(degradation, SuperResolution):
        degradation = SuperResolution(scale=min(SCALES, key=lambda known: (abs(known - scale), -known)))
    made = classical(str(system), degradation, Data(), choices)
    if isinstance(degradation, Inpaint):
        # Functions of libraries see no fill of ours; and what windows must know of the whole is filled as they are.
        fill = "none" if made.host else str(system) if str(system) in FILLS else degradation.fill
        degradation = dataclasses.replace(degradation, fill=fill)
    kept = f"{system} {degradation}" + (f" {sorted(choices.items())}" if choices else "")
    return Restorer(str(system), Runner(made, degradation, {}, tile=tile, kept=kept), 3)


def sample(
    run: str | Path, count: int, *, seed: int = 0, label: int | None = None, batch: int = 16,
    choices: Mapping[str, Any] | None = None,
) -> np.ndarray:  # fmt: skip
    """uint8 [count, H, W, C] from a run whose task is generation. Image i depends on (seed, i) alone.

    choices: what the run leaves to choose, as {"system": "ddim", "steps": 50}; also behind an @ of the run.
    """
    place, own = target(str(run))
    experiment, system, variables = load(place, choices={**own, **(choices or {})})
    if tasks.name_of(experiment.task) != "generate":
        raise ValueError(
            f"{run} was trained for {tasks.name_of(experiment.task)!r}, which starts from pictures: `api.held_out` "
            "restores those that it has not seen"
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


def held_out(
    run: str | Path, count: int, *, seed: int = 0, batch: int = 4, choices: Mapping[str, Any] | None = None
) -> dict[str, list[np.ndarray]]:
    """What a restorer makes of at most `count` images that its training held out: by column ("original", "damaged",
    "first estimate", "restored") one uint8 [H, W, C] an image. Damage and answer of image i depend on (seed, i) alone.

    run, choices: as of `sample`, for a run of any other task than generation.
    """
    place, own = target(str(run))
    experiment, system, variables = load(place, choices={**own, **(choices or {})})
    task, data = experiment.task, experiment.data
    if tasks.name_of(task) == "generate":
        raise ValueError(f"{run} makes images from nothing; api.sample draws them")
    if count < 1:
        raise ValueError(f"--count must be at least 1, got {count}")
    trial = Trial(task=task, data=dataclasses.replace(data, batch=batch), split="validation", limit=count, seed=seed)
    runner, start = Runner(system, task, variables), jax.jit(task.start)
    columns: dict[str, list[np.ndarray]] = {"original": [], "damaged": [], "first estimate": [], "restored": []}
    for part in Inputs(task, trial.batches, seed):
        prepared = runner.prepare(part.given)
        keys = indexed_keys(jax.random.key(seed), jnp.asarray(part.numbers))
        columns["original"] += list(part.image)
        columns["damaged"] += list(seen(part.image, part.given))
        height, width = part.image.shape[1:3]
        columns["first estimate"] += list(np.asarray(to_bytes(start(prepared.y)))[: len(keys), :height, :width])
        columns["restored"] += list(prepared(keys))
    return columns


def evaluate(
    targets: Sequence[str],
    *,
    data: str | None = None,
    split: str | None = None,
    task: str | None = None,
    options: Sequence[str] = (),
    hole: str | None = None,
    size: int | None = None,
    limit: int = 200,
    batch: int = 16,
    metrics: Sequence[str] = (),
    weights: str | Path | None = None,
    seed: int = 0,
    crop: str = "centre",
    samples: int = 1,
    fill: bool = False,
    megapixels: float | None = None,
    damaged: str | None = None,
    keep: int = 8,
    each: Callable[[int], None] = lambda done: None,
) -> Report:
    """Measure runs (folders), weights and classical systems (names) on the same images with the same damage.

    A target may choose: "runs/mine@realism=0.5", "telea@radius=5". options: fields of the task, "scale=4". crop:
    "centre", "tiles" (all pieces of each image) or "none" (whole images). weights: the folder of the networks that some
    metrics look through. samples: restorations by each run, a row each. fill: a row for the cheap first estimate.
    damaged: of pairs, the damaged pictures of `data`.
    """
    if not targets:
        raise ValueError("nothing to evaluate; give the folder of a run or the name of a classical system")
    if samples < 1:
        raise ValueError(f"--samples must be at least 1, got {samples}")
    places = {text: target(text) for text in targets}
    trial = trial_for(
        places, data=data, split=split, task=task, options=options, hole=hole, size=size, limit=limit, batch=batch,
        metrics=metrics, seed=seed, crop=crop, megapixels=megapixels, damaged=damaged,
    )  # fmt: skip
    judged = check_metrics(trial, weights)
    entrants = entrants_for(places, trial, samples=samples, fill=fill)
    inputs = Inputs(trial.task, trial.batches, seed)
    originals: list[Any] = []
    results = {
        entrant.name: measure(
            entrant.system, entrant.variables, inputs, sample=entrant.sample, metrics=judged, keep=keep, contact=True,
            originals=originals, each=each,
        )
        for entrant in entrants
    }  # fmt: skip
    return reported(trial, entrants, results, judged, inputs, keep=keep)


def export(run: str | Path, file: str | Path, *, dtype: str = "float32") -> str:
    """The networks that a run restores with as one file NAME.safetensors, and a NAME.json beside it; the SHA-256.

    run: a folder; what is chosen behind an @, as in "runs/mine@realism=0", becomes what the file restores with unasked.
    dtype: float32, or float16 or bfloat16 for half the size. Whatever takes a run takes such a file.
    """
    place, choices = target(str(run))
    experiment, system, variables = load(place, choices=choices)
    y = measured(experiment.task, experiment.data)
    # What is averaged is restored with, if not by this choice of steps then by another.
    needed = players_read(system, variables, y) | {name for name, player in system.players.items() if player.ema}
    kept = {kind: {name: tree for name, tree in variables[kind].items() if name in needed} for kind in variables}
    return weights.write(file, experiment, kept, training=training_of(place), dtype=dtype, chosen=choices)


def convert(
    file: str | Path, config: Experiment | str | None, out: str | Path, *, task: str | None = None,
    tell: Callable[[str], None] = lambda words: None,
) -> dict[str, int]:  # fmt: skip
    """A published PyTorch checkpoint as a run in the folder `out`; nothing in the file is executed.

    `config` describes the checkpoint's network; with None it is told by the names and shapes of the file's tensors, and
    `tell` gets it in words. task: what it undoes, of a network that leaves the size as it is. Returns the number of
    parameters of each converted player; others start fresh, so the run can be sampled, evaluated and trained further.
    What is not understood, a checkpoint of another network and a folder that holds checkpoints already are a
    ValueError.
    """
    experiment = load_config(config) if isinstance(config, str) else config
    if experiment is not None:
        converters.rules(registry.name_of(experiment.system))
    if any((Path(out) / "checkpoints").glob("*")):
        raise ValueError(f"{out} holds a run with checkpoints; give another --out")
    held = published(file, experiment, task)
    tell(held.words)
    state = jax.device_get(fresh_state(held.experiment, held.system, held.variables))
    claim(Path(out), held.experiment)
    write_state(Path(out), held.experiment, state)
    counted = held.variables["params"]
    return {player: sum(leaf.size for leaf in jax.tree.leaves(params)) for player, params in counted.items()}


class Published(NamedTuple):
    """Of a published file: the experiment and system that it is of, variables of the players in it, and it in words."""

    experiment: Experiment
    system: System
    variables: dict[str, Any]
    words: str


FILES = (".pth", ".pt", ".ckpt", ".pkl", ".tar")
"""Ends of the names of PyTorch's files."""


def is_published(place: str | Path) -> bool:
    """Whether a place is a published file, and no run."""
    return Path(place).suffix in FILES and Path(place).is_file()


def published(file: str | Path, experiment: Experiment | None, task: str | None = None) -> Published:
    """A published file for a config's experiment, or for one that is told by its tensors."""
    state = state_dict(read_torch(Path(file)))

    def attempt(experiment: Experiment, state: Mapping[str, np.ndarray]) -> tuple[System, dict[str, Any]]:
        system = built(experiment)
        modules = {player: own.module for player, own in system.players.items()}
        converted = converters.players(registry.name_of(experiment.system), modules, state)
        converters.check(converted, state_like(experiment, system, 0).params)
        return system, converted

    if experiment is not None:
        (system, converted), words = attempt(experiment, state), ""
    else:
        known = {name: load_config(name) for name in configs.known()}
        try:
            experiment, (system, converted), words = recognise(state, task, known, attempt)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error
    params = {player: held["params"] for player, held in converted.items()}
    rest = lambda held: {kind: tree for kind, tree in held.items() if kind != "params"}
    given = {"params": params, "model_state": {player: rest(held) for player, held in converted.items()}}
    return Published(experiment, system, given, words)


def opened(
    place: str | Path | Learnt, task: str, choices: Mapping[str, Any]
) -> tuple[Experiment, System, dict[str, Any]]:
    """What restores: a run or weights (`train.runs.load`), or at once what a published file holds."""
    if isinstance(place, Learnt) or not is_published(place):
        return load(place, task=task, choices=choices)
    held = published(place, None, task)
    experiment = restoring_of(held.experiment, task=task, choices=choices, place=place)
    learner = built(held.experiment if experiment.solver else experiment)
    system = solving(experiment, held.experiment, learner) if experiment.solver else learner
    if set(held.system.players) <= set(held.variables["params"]):
        return experiment, system, held.variables
    return experiment, system, fresh_state(held.experiment, held.system, held.variables).variables(learner.remembered)
