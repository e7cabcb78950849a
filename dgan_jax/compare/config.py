"""What a comparison is made of: a file in configs/compare/ defines get_compare() -> Compare."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dgan_jax import systems as registry
from dgan_jax.compare.entrants import classical, has_networks, shapes
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Experiment, at_least
from dgan_jax.core.names import lookup, unknown
from dgan_jax.core.parts import Task
from dgan_jax.core.targets import target
from dgan_jax.train import configs, weights
from dgan_jax.train.runs import experiment_of, restoring

NAME = re.compile(r"[\w][\w .,+@=-]*")
PARTS = ("system", "task", "data", "train")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One system that takes part: exactly one of `system`, `run` and `config`."""

    name: str
    """What reports call it; the name of its folder if it is trained here."""
    system: str = ""
    """A classical system by name."""
    run: str = ""
    """The folder of a training run, or weights by file or name."""
    config: str = ""
    """A config by name or path: trained here, in the folder of the comparison."""
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Fields of the config: {"train.batch": 8}."""
    task: Task | None = None
    """What it is trained for, instead of the config's task."""
    steps: int = 0
    """Training steps; 0 is the config's."""
    folder: str = ""
    """Of what is trained, in the comparison's runs; default: `name`. Entries of one config and one folder are trained
    once, and may choose differently."""
    after: str = ""
    """The folder of an earlier entry that is trained here: networks begin with what it learnt."""
    seconds: float = 0.0
    """Instead of steps: as many as fit into so many seconds at the pace measured here, compilation apart."""
    choices: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What the system lets one choose when restoring: {"realism": 0.5}."""
    samples: int = 1
    """Restorations, a row each."""

    def __post_init__(self) -> None:
        for name in (self.name, self.trained_as):
            if not NAME.fullmatch(name):
                raise ValueError(f"the name of an entry is made of letters, digits and spaces, got {name!r}")
        given = [kind for kind in ("system", "run", "config") if getattr(self, kind)]
        if len(given) != 1:
            raise ValueError(f"entry {self.name!r} needs one of system, run and config, got {given or 'none'}")
        only = {"overrides", "task", "steps", "seconds", "folder", "after"}
        meant = [field.name for field in dataclasses.fields(self) if field.name in only and getattr(self, field.name)]
        if meant and not self.config:
            raise ValueError(f"entry {self.name!r}: {', '.join(meant)} is for a config that is trained here")
        at_least("steps", self.steps, 0)
        at_least("seconds", self.seconds, 0)
        at_least("samples", self.samples, 1)
        if self.system:
            registry.find(self.system)

    @property
    def trained_as(self) -> str:
        """The name of what is trained, which entries may share."""
        return self.folder or self.name

    def experiment(self) -> Experiment:
        """The config with its overrides, checked."""
        found = configs.load(self.config)
        changes = {**self.overrides, **({"train.steps": self.steps} if self.steps else {})}
        plain = configs.to_dict(dataclasses.replace(found, task=self.task or found.task))
        for name, value in changes.items():
            part, _, field = name.partition(".")
            if part not in PARTS or not field:
                raise unknown("override", name, (f"{part}.{field}" for part in PARTS for field in plain[part]))
            plain[part] = {**plain[part], field: value}
        return configs.from_dict(plain)

    def place(self, out: Path) -> str:
        """Where what is restored with lies."""
        return str(trained_in(out, self.trained_as)) if self.config else self.run or self.system


def trained_in(out: Path, folder: str) -> Path:
    """The run in a comparison's folder that `Entry.trained_as` calls so."""
    return out / "runs" / folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compare:
    """Every entry is measured in every trial whose task it does."""

    entries: tuple[Entry, ...]
    trials: tuple[Trial, ...]
    metrics: tuple[str, ...] = ()
    """Of trials that name none of their own."""
    seed: int = 0
    """Of the damage and of all restoring."""
    title: str = "Comparison"
    shown: int = 6
    """Images side by side in the report."""

    def __post_init__(self) -> None:
        if not self.entries or not self.trials:
            raise ValueError("a comparison needs at least one entry and one trial")
        for kind, names in (
            ("entries", [entry.name for entry in self.entries]),
            ("trials", [trial.title for trial in self.trials]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two {kind} are called {twice[0]!r}; give each a name of its own")
        at_least("seed", self.seed, 0)
        at_least("shown", self.shown, 1)

    def ready(self) -> tuple[Trial, ...]:
        """The trials with the metrics and the seed of all."""
        return tuple(
            dataclasses.replace(trial, seed=self.seed, metrics=trial.metrics or self.metrics) for trial in self.trials
        )


def experiment_in(entry: Entry) -> Experiment:
    """Of an entry with networks."""
    return entry.experiment() if entry.config else experiment_of(entry.run)


def refusal(entry: Entry, trial: Trial) -> str:
    """Why an entry takes no part in a trial, or nothing. Looks at configs alone, not at weights."""
    if entry.system:
        does = registry.find(entry.system).TASKS
        return "" if trial.kind in does else f"it does {', '.join(does)}"
    try:
        task = restoring(experiment_in(entry), task=trial.task, choices=entry.choices, place=entry.name).task
    except ValueError as error:
        return str(error)
    same = shapes(task, trial.data) == shapes(trial.task, trial.data)
    return "" if same else f"it was trained for {task}, which measures something else than {trial.task}"


def check(compare: Compare) -> None:
    """A ValueError for an entry that takes part in no trial, or cannot be built as it stands."""
    for entry in compare.entries:
        reasons = [refusal(entry, trial) for trial in compare.trials]
        if all(reasons):
            raise ValueError(f"entry {entry.name!r} takes part in no trial: {reasons[0]}")
        if entry.system:
            trial = compare.trials[reasons.index("")]
            classical(entry.system, trial.task, trial.data, entry.choices)
        if (
            entry.run
            and not weights.find(entry.run)
            and not any(path.name.isdigit() for path in (Path(entry.run) / "checkpoints").glob("*"))
        ):
            raise ValueError(f"{entry.run} has no checkpoint yet; train it first, or wait for the first one")


def folder() -> Path:
    return configs.folder() / "compare"


def known() -> dict[str, Path]:
    """Name -> file."""
    return {path.stem: path for path in sorted(folder().glob("*.py"))}


def load(name: str) -> Compare:
    """A comparison by the name of its config, or by the path of a Python file."""
    compare = configs.given(name, "comparison", known(), "get_compare", Compare)
    for trial in compare.trials:
        configs.examine(trial.data, f"data of {trial.title}", name)
        configs.examine(trial.task, f"task of {trial.title}", name)
    return compare


def some(compare: Compare, names: tuple[str, ...]) -> Compare:
    """With the entries of these names alone; all where none is named."""
    entries = {entry.name: entry for entry in compare.entries}
    wanted = [lookup("entry", name, entries) for name in names]
    return dataclasses.replace(compare, entries=tuple(wanted)) if wanted else compare


def added(compare: Compare, entries: tuple[str, ...]) -> Compare:
    """With more entries, each NAME=FOLDER of a run or NAME=SYSTEM, and @CHOICE=VALUE as in `core.targets`."""
    more = []
    for text in entries:
        name, equals, rest = text.partition("=")
        if not equals or not rest:
            raise ValueError(f"--add takes NAME=RUN, for example mine=runs/mine, got {text!r}")
        place, choices = target(rest)
        where: dict[str, Any] = {"run": place} if has_networks(place) else {"system": place}
        more.append(Entry(name=name, choices=choices, **where))
    return dataclasses.replace(compare, entries=(*compare.entries, *more))


def changed(
    compare: Compare,
    *,
    data: tuple[str, ...] = (),
    metrics: tuple[str, ...] = (),
    limit: int | None = None,
    train_data: str = "",
    seconds: float = 0.0,
) -> Compare:
    """With other images, each TRIAL=PLACE, other metrics, another number of images; trained on other images, or for
    another budget where there is one."""
    trials = {trial.title: trial for trial in compare.trials}
    for text in data:
        name, equals, place = text.partition("=")
        if not equals or not place:
            raise ValueError(f"--data takes TRIAL=PLACE, for example set5=photos/Set5, got {text!r}")
        trial = lookup("trial", name, trials)
        trials[name] = dataclasses.replace(trial, data=dataclasses.replace(trial.data, name=place))
    more: dict[str, Any] = {**({"metrics": metrics} if metrics else {}), **({} if limit is None else {"limit": limit})}
    kept = {name: dataclasses.replace(trial, name=name, **more) for name, trial in trials.items()}
    entries = tuple(refitted(entry, train_data, seconds) if entry.config else entry for entry in compare.entries)
    return dataclasses.replace(compare, entries=entries, trials=tuple(kept.values()))


def refitted(entry: Entry, train_data: str, seconds: float) -> Entry:
    """An entry that is trained here, on other images or for another budget."""
    if train_data:
        entry = dataclasses.replace(entry, overrides={**entry.overrides, "data.name": train_data})
    return dataclasses.replace(entry, seconds=seconds) if seconds and entry.seconds else entry
