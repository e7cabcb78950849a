"""The process that restores: whoever cancels a job ends it, and what goes wrong in it ends nothing else."""

import dataclasses
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dgan_jax.app.orders import TASKS, Done, Failed, Method, Order, Progress, Result

if TYPE_CHECKING:
    import numpy as np

    from dgan_jax.api import Restorer
    from dgan_jax.data.photo_files import Photo

SYSTEM = "system:"
Tell = Callable[[Progress], None]
NO_MEMORY = "there is not enough memory for this photograph; make it smaller"


def serve(connection: Connection, parent: int, runs: Sequence[str]) -> None:
    """First the methods (or why there are none), then orders, one after the other, until the other end is closed."""
    threading.Thread(target=outlive_nobody, args=(parent,), daemon=True).start()
    from dgan_jax.cli import environment
    from dgan_jax.core.failures import sentence

    environment.prepare()
    try:
        connection.send(list(methods(runs)))
    except Exception as error:
        connection.send(Failed(sentence(error)))
        return
    while True:
        try:
            order = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: Done | Failed = fulfil(order, connection.send)
        except BrokenPipeError:
            return
        except Exception as error:  # one photograph must not end the page, whatever is wrong with it
            answer = Failed(sentence(error, memory=NO_MEMORY).replace(str(order.file), order.name))
        connection.send(answer)


def outlive_nobody(parent: int) -> None:
    """A server that was killed leaves no process behind that goes on restoring for nobody."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def methods(runs: Sequence[str]) -> Iterator[Method]:
    """What can do what: the weights that come with the package, the runs that are named, and classical systems."""
    from dgan_jax import api
    from dgan_jax.train import weights

    places = [*runs, *(name for name in weights.known() if name not in runs)]
    for task, what in TASKS.items():
        for place in places:
            yield from learnt(task, what, place)
        for row in api.systems(task):
            if row.family == "classical":
                draws = api.restoring(task, system=row.name).system.draws
                yield Method(task, what, SYSTEM + row.name, f"{row.name}: {row.what}", None, draws)


def learnt(task: str, what: str, place: str) -> Iterator[Method]:
    """A run or weights, if they can do the task."""
    from dgan_jax import systems, tasks
    from dgan_jax.core.targets import target
    from dgan_jax.train import runs

    where, choices = target(place)
    found = runs.learnt_at(where)
    try:
        able = runs.restoring(found.experiment, task=task, choices=choices, place=where)
    except ValueError:
        return
    if tasks.name_of(able.task) == task:
        config = able.system if able.solver is None else able.solver
        free = "realism" in systems.choosable(systems.module_of(config))
        usual = {"realism": config.realism, **runs.unasked(found, choices)} if free else {"realism": None}
        yield Method(task, what, place, f"{place}: trained weights", usual["realism"], True)


@functools.lru_cache(maxsize=4)
def opened(task: str, method: str, realism: float | None) -> "Restorer":
    """What restores; the last few stay open, with what was compiled for them."""
    from dgan_jax import api

    if method.startswith(SYSTEM):
        return api.restoring(task, system=method.removeprefix(SYSTEM))
    choices = {} if realism is None else {"realism": realism}
    return api.restoring(task, run=method, choices=choices)


def fulfil(order: Order, tell: Tell) -> Done:
    """Restore a photograph and write the results where the order says; ValueErrors are for the user."""
    from dgan_jax.cli.restoring import fitted
    from dgan_jax.data.images import count_frames
    from dgan_jax.data.photo_files import read_photo

    begun = time.perf_counter()
    tell(Progress("Opening what restores …", 0.0))
    restorer = opened(order.task, order.method, order.realism)
    photo = read_photo(order.file, megapixels=order.megapixels)
    image, finish = fitted(photo.native.straight(), restorer.channels)
    notes = []
    if (frames := count_frames(order.file, megapixels=order.megapixels)) > 1:
        notes.append(f"the file holds {frames} frames or pages; the first is restored, the others are left out")
    known = known_of(order, restorer, notes)
    photograph = restorer(image, **known, seed=order.seed)
    if "sigma" in photograph.y and "sigma" not in known:
        notes.append(f"noise of {127.5 * float(photograph.y['sigma'][0]):.1f} grey levels, estimated")
    samples = order.samples if restorer.system.draws else 1
    if samples < order.samples:
        notes.append("this way of restoring knows one answer only: one sample was made")
    made, invention = drawn(order, photo, known.get("hole"), samples, finish, photograph, tell, notes)
    return Done(made, invention, tuple(notes), time.perf_counter() - begun)


def known_of(order: Order, restorer: "Restorer", notes: list[str]) -> dict[str, Any]:
    """What is known of the damage."""
    from dgan_jax.cli.restoring import quality_in
    from dgan_jax.data.masks import read_mask

    known: dict[str, Any] = dict(order.levels)
    if order.hole is not None:
        known["hole"] = read_mask(order.hole, "white-hole", megapixels=order.megapixels)
    if "quality" in restorer.task.ranges and "quality" not in known:
        found = quality_in(order.file, restorer.task.ranges["quality"], megapixels=order.megapixels)
        if found is None:
            raise ValueError("the quality of the compression is not known: the photograph is no JPEG file; give it")
        read, known["quality"] = found
        limits = "" if known["quality"] == read else f"; {known['quality']:g} is the nearest that this can undo"
        notes.append(f"quality {read:g}, read from the file{limits}")
    return known


def drawn(
    order: Order, photo: "Photo", hole: "np.ndarray | None", samples: int, finish: Callable, photograph: Callable,
    tell: Tell, notes: list[str],
) -> tuple[tuple[Result, ...], Path | None]:  # fmt: skip
    """The samples as files, and the map of where they differ if there are several."""
    from dgan_jax.app.pictures import write_png
    from dgan_jax.data.photo_files import encode, ending_of, merged
    from dgan_jax.restore.several import Spread, laid_over

    name = Path(order.name)
    photo = dataclasses.replace(photo, name=order.name)
    ending = ending_of(name)
    results, spread = [], Spread()
    for n in range(samples):
        doing = "Restoring …" if samples == 1 else f"Restoring: sample {n + 1} of {samples} …"
        tell(Progress(doing, n / samples))

        def windows(done: int, of: int, doing: str = doing, n: int = n) -> None:
            tell(Progress(doing, (n + done / of) / samples))

        restored = finish(photograph(n, windows))
        whole = merged(photo, restored, hole)
        written = encode(photo, whole, ending, same_quality=order.task == "inpaint")
        notes += written.notes if n == 0 else []
        called = f"{name.stem}_restored{f'_{n + 1}' if samples > 1 else ''}{ending}"
        result = Result(called, order.out / f"{n}{ending.lower()}", order.out / f"{n}_shown.png")
        result.file.write_bytes(written.data)
        seen = whole.eight()
        write_png(result.picture, seen)
        results.append(result)
        if samples > 1:
            spread.add(seen)
    if samples == 1:
        return tuple(results), None
    place = order.out / "invention.png"
    write_png(place, laid_over(spread.deviation()))
    return tuple(results), place
