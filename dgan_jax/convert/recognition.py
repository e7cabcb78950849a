"""What a published file holds, told by the names and shapes of its tensors alone.

Each converter says what it knows (none of it has to be there):

    SIGNS                       patterns of the names in its files: the share that fits says how near a file is to it
    described(shapes, task)     -> (experiment, words), where the shapes tell all options of the network
    adapted(experiment, shapes) -> a config of its system with the sizes that the shapes tell

What has no `described` is held against every config of its system. Whatever is found has been converted, tensor by
tensor: a tensor too few, too many or of another shape is not found.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple, cast

from dgan_jax import convert, systems, tasks
from dgan_jax.convert.trees import State
from dgan_jax.core.experiment import Data, Experiment
from dgan_jax.core.parts import Task
from dgan_jax.tasks.superres import SuperResolution

Shapes = Mapping[str, tuple[int, ...]]
Attempt = Callable[[Experiment, State], Any]
"""Converts tensors for an experiment's system; a ValueError where they are of another network."""
WRAPPERS = ("module.", "_orig_mod.", "netG.", "net_g.", "generator.", "G.", "model.", "net.", "network.", "params_ema.")
"""What may stand in front of names: of one network among several, or of all there are."""
LEAST = 0.5
"""Share of the names that must fit a converter's for its error to be worth telling."""


UNFORESEEN = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError)
"""What rules raise at shapes that they did not foresee."""


class Found(NamedTuple):
    """An experiment that a file's network is of, what `Attempt` made of its tensors, and it in words."""

    experiment: Experiment
    made: Any
    words: str


class Miss(NamedTuple):
    """A converter that a file is not of: the share of names that fit, and what did not."""

    share: float
    system: str
    reason: str


def unwrapped(state: State) -> Iterator[dict[str, Any]]:
    """The tensors as they are named, then without each wrapper that there is, if need be without several."""
    yield dict(state)
    for wrapper in WRAPPERS:
        inner = {name.removeprefix(wrapper): value for name, value in state.items() if name.startswith(wrapper)}
        if inner:
            yield from unwrapped(inner)


def share(module: ModuleType, names: Any) -> float:
    """How many of the names the converter knows, from 0 to 1."""
    signs = re.compile("|".join(f"(?:{sign})" for sign in getattr(module, "SIGNS", ())) or r"(?!)")
    return sum(bool(signs.fullmatch(name)) for name in names) / max(1, len(names))


def data_for(channels: int) -> Data:
    """Data for a network of so many channels, with crops that every factor of enlarging divides."""
    if channels not in (1, 3):
        raise ValueError(f"it makes images of {channels} channels, wanted 3 (colour) or 1 (grey)")
    return Data(size=96, channels=channels)


UNDONE = ("jpeg", "denoise", "deblur")
"""What a network may undo that leaves the size as it is; the first where nothing is asked for."""


def task_for(scale: int, task: str | None) -> Task:
    """The task of a network that enlarges by a factor; of one that does not, what is asked for: no file tells it."""
    if scale != 1:
        if task not in (None, "superres"):
            raise ValueError(f"it enlarges {scale} times, which is the task 'superres' and not {task!r}")
        return SuperResolution(scale=scale)
    task = task or UNDONE[0]
    if task not in UNDONE:
        raise ValueError(f"it leaves the size as it is, so its task is one of {', '.join(UNDONE)}, not {task!r}")
    # Nothing but the picture is shown to these networks.
    return tasks.find(task)(**({} if task == "deblur" else {"blind": True}))


def words_for(scale: int, task: Task) -> str:
    """How a network changes the size, in words."""
    if scale != 1:
        return f"enlarges {scale} times"
    return f"leaves the size as it is (taken for the task {tasks.name_of(task)!r}: what it undoes, no file tells)"


def candidates(
    name: str, module: ModuleType, shapes: Shapes, task: str | None, known: Mapping[str, Experiment]
) -> Iterator[Callable[[], tuple[Experiment, str]]]:
    """What a file could be of, by one converter: functions that give (experiment, words) or raise a ValueError."""
    if hasattr(module, "described"):
        yield functools.partial(module.described, shapes, task)
        return

    configs = [
        (config, held) for config, held in known.items() if systems.name_of(held.system) == name and held.solver is None
    ]
    exact: list[tuple[Experiment, str]] = []
    like: list[tuple[Experiment, str]] = []
    rest: list[tuple[Experiment, str]] = []
    for config, experiment in configs:
        resized = fitted(module, experiment, shapes)
        own = (experiment, f"the network of config {config}")
        if resized is None or resized == experiment:
            (exact if resized else rest).append(own)
        else:
            like.append((resized, f"a network like that of config {config}, of other sizes"))
            rest.append(own)
    # First what the sizes speak for: each attempt traces a network.
    for candidate in (*exact, *like, *rest):
        yield functools.partial(lambda held: held, candidate)


def fitted(module: ModuleType, experiment: Experiment, shapes: Shapes) -> Experiment | None:
    """The experiment with the sizes that the shapes tell; None where a converter cannot tell them."""
    if not hasattr(module, "adapted"):
        return None
    try:
        return cast(Experiment, module.adapted(experiment, shapes))
    except UNFORESEEN:
        return None


def search(
    state: State, task: str | None, known: Mapping[str, Experiment], attempt: Attempt
) -> tuple[Found | None, list[Miss]]:
    """What tensors, named in one way, are of, by the converters in the order of how many names fit."""
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    near = sorted((-share(convert.module_of(name), shapes), name) for name in convert.known())
    misses: list[Miss] = []
    for minus, name in near:
        module = convert.module_of(name)
        if not minus and hasattr(module, "SIGNS"):
            continue
        for candidate in candidates(name, module, shapes, task, known):
            try:
                experiment, words = candidate()
                return Found(experiment, attempt(experiment, state), words), misses
            except ValueError as error:
                misses.append(Miss(-minus, name, str(error)))
            except UNFORESEEN as error:
                misses.append(Miss(-minus, name, f"{type(error).__name__}: {error}"))
    return None, misses


def recognise(state: State, task: str | None, known: Mapping[str, Experiment], attempt: Attempt) -> Found:
    """The system and config that tensors are of. task: what is to be done with it, where that is known.

    known: configs by name. A ValueError says what came nearest.
    """
    misses: list[Miss] = []
    for tensors in unwrapped(state):
        found, missed = search(tensors, task, known, attempt)
        if found is not None:
            return found
        misses += missed
    listed = f"{len(state)} tensors ({', '.join(list(state)[:3])}, ...)"
    nearest = max(misses, key=lambda miss: miss.share, default=None)
    hint = "give --config, the name of a config that describes its network"
    if nearest is None or nearest.share < LEAST:
        raise ValueError(
            f"what it holds, {listed}, is of no network that is known here ({', '.join(convert.known())}); {hint}"
        )
    raise ValueError(
        f"what it holds, {listed}, comes nearest to {nearest.system} ({100 * nearest.share:.0f} % of the names), "
        f"but {nearest.reason}; {hint}"
    )
