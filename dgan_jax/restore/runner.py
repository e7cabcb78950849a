"""The one way in which a system meets pictures: of any size, one or many, for users and for figures alike.

    damaged picture -> padded to one of few sizes -> measured -> restored -> cut -> what is known put back -> 8 bits

What is larger than `tile` goes this way window by window, and no more than a band of windows is held: windows are
measured each by itself, with a margin; what they must know of the whole (`Task.survey`) is looked up once; where they
overlap they draw the same noise and are blended. Where only holes are to be filled, only what lies around them is
worked on.
"""

import functools
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

import jax
import numpy as np

from dgan_jax.core import shelf
from dgan_jax.core.machine import memory
from dgan_jax.core.parts import Measurement, System, Task
from dgan_jax.core.programs import Programs, make_room
from dgan_jax.data.colour import eight_bits
from dgan_jax.ops import progress
from dgan_jax.restore.windows import Blend, Window, cut, padded, padded_side, plan, rounded
from dgan_jax.tasks.generate import Generate

TILES = (512, 256, 128)
"""Sides of windows, the first of which is taken unless memory is short."""
BYTES = 6000
"""Bytes of memory that a pixel of a window takes, about, in the networks that come with the package."""
MEASURING = Programs()
"""Compiled `Task.observe`: many systems meet one task."""
PICTURES = ("image", "hole")
"""What is given of the size of the picture."""
OVERLAP, MARGIN, ALIGNED = 64, 32, 32
"""Pixels that windows share; that are measured around a window; and at multiples of which windows begin."""

Given = dict[str, Any]
"""Damaged pictures and what is told of them, arrays of the host with a batch axis."""
Observe = Callable[[int, int], None]
"""(parts done, parts in all), for progress within one picture."""


def unseen(done: int, of: int) -> None:
    """Nobody looks."""


class Program(NamedTuple):
    call: Any
    flops: float
    peak_bytes: float


def planned(compiled: Any) -> tuple[float, float]:
    """FLOPs and peak bytes of a compiled function, as far as XLA tells."""
    analysis = compiled.cost_analysis() or {}
    analysis = analysis[0] if isinstance(analysis, list) else analysis
    memory = compiled.memory_analysis()
    if memory is None:
        return float(analysis.get("flops", np.nan)), np.nan
    held = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return float(analysis.get("flops", np.nan)), float(memory.temp_size_in_bytes + held)


def unit(image: np.ndarray) -> np.ndarray:
    """uint8 or uint16 -> float32 in [-1, 1]; other arrays as they are."""
    # XLA makes of a division by a constant a product with its inverse: the same bits as `data.pipeline.to_unit`.
    if image.dtype == np.uint16:
        return image.astype(np.float32) * np.float32(1 / 32767.5) - 1
    return image.astype(np.float32) * np.float32(1 / 127.5) - 1 if image.dtype == np.uint8 else image


def eight_bit(image: np.ndarray) -> np.ndarray:
    """[-1, 1] -> uint8, as `data.pipeline.to_bytes`."""
    return np.clip(np.rint((image + np.float32(1)) * np.float32(127.5)), 0, 255).astype(np.uint8)


def rounded_to(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """[-1, 1] -> uint16, or uint8."""
    if dtype != np.uint16:
        return eight_bit(image)
    return np.clip(np.rint((image + np.float32(1)) * np.float32(32767.5)), 0, 65535).astype(np.uint16)


def shapes_of(tree: Any) -> Any:
    return jax.tree.map(lambda x: (tuple(x.shape), np.dtype(x.dtype).name), tree)


class OnDemand(dict[str, Any]):
    """A measurement whose parts are computed when they are asked for: a library's function needs no network's fill."""

    def __init__(self, names: Iterable[str], compute: Callable[[str], np.ndarray]) -> None:
        super().__init__(dict.fromkeys(names))
        self.compute, self.known = compute, set[str]()

    def __getitem__(self, name: str) -> Any:
        if name in self and name not in self.known:
            self[name] = self.compute(name)
            self.known.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default


class Runner:
    """A system with its variables and its task: called with damaged pictures, it restores them.

    `tile`: the side of windows, None to choose it by the memory at hand. What is compiled is kept by shapes; a batch
    that is shorter than the first is filled up, so that it needs no program of its own. Keeps account of restoring:
    seconds, and what XLA plans. `kept`: all options that system and task are made of, as text; programs are then kept
    on the disk too (`core.shelf`).
    """

    def __init__(
        self, system: System, task: Task, variables: dict[str, Any], *, tile: int | None = None,
        overlap: int = OVERLAP, kept: str | None = None,
    ) -> None:  # fmt: skip
        self.system, self.task, self.variables = system, task, jax.device_put(variables)
        self.tile, self.overlap, self.kept = tile, overlap, kept
        self.programs = Programs()
        self.full = self.rows = 0
        self.asked: set[str] = set()
        """What a function on the host has asked for of its measurements."""
        self.flops = self.compile_seconds = self.peak_bytes = 0.0
        self.seconds: list[tuple[float, int]] = []

    @functools.cached_property
    def scale(self) -> int:
        """How many times larger results are than what is damaged."""
        return int(getattr(self.task, "scale", 1))

    @property
    def fixed(self) -> bool:
        """Whether sizes are not ours to choose: pictures from nothing, and functions that compile nothing."""
        return self.system.host or isinstance(self.task, Generate)

    def __call__(self, given: Given, keys: jax.Array, observe: Observe = unseen) -> np.ndarray:
        """See `Prepared`."""
        return self.prepare(given)(keys, observe)

    def prepare(self, given: Given) -> "Prepared":
        """Damaged pictures made ready, to be restored with any keys.

        given, all with a batch axis: `image` uint8, uint16 or float32 in [-1, 1], and what is told of the damage.
        """
        make_room()
        given = {name: np.asarray(value) for name, value in given.items()}
        longest = self.scale * self.padded(max(given["image"].shape[1:3]))
        return Whole(self, given) if self.fixed or longest <= self.chosen_tile() else InWindows(self, given)

    @property
    def side(self) -> int | None:
        """The only height and width that the system works at, if there is but one."""
        return self.system.side

    def chosen_tile(self) -> int:
        """The side of windows."""
        if self.side or self.tile:
            return int(self.side or self.tile or 0)
        return next((tile for tile in TILES if BYTES * (tile + 2 * MARGIN) ** 2 <= memory() / 2), TILES[-1])

    def padded(self, side: int) -> int:
        """What a side of a damaged picture is padded to."""
        if self.fixed:
            multiple = 1 if self.system.host else self.system.multiple
            return rounded(side, multiple // int(np.gcd(multiple, self.scale)))
        if self.side is not None and self.scale * side <= self.side:
            return self.side // self.scale
        return padded_side(side, self.system.multiple, self.scale)

    # Compiled functions. All take and return pictures with a batch axis.

    def observed(self, example: Given) -> Measurement:
        """Of float pictures whose sizes are final."""

        def measure(example: Given) -> Measurement:
            if len(example["image"]) == 1:
                one = self.task.observe(jax.tree.map(lambda x: x[0], example))
                return jax.tree.map(lambda x: x[None], one)
            return jax.vmap(self.task.observe)(example)

        compiled = lambda: self.program("observe", measure, example)[0]
        return MEASURING.get(cast(Any, self.task), shapes_of(example), compiled)(example)

    def program(self, what: str, function: Callable[..., Any], *args: Any) -> tuple[Any, bool]:
        """Compiled, and whether that was done now."""
        name = (
            None
            if self.kept is None
            else shelf.named(what, self.kept, jax.tree.map(lambda x: (x.shape, str(x.dtype)), args))
        )
        return shelf.program(name, function, *args)

    def on_demand(self, example: Given) -> Measurement:
        """For functions on the host: what they do not ask for is not computed."""

        every = jax.vmap(self.task.observe)

        def part(name: str) -> np.ndarray:
            compiled = lambda: jax.jit(lambda example: every(example)[name]).lower(example).compile()
            self.asked.add(name)
            return np.asarray(self.programs.get(name, shapes_of(example), compiled)(example))

        small = {name: value[:1, :32, :32] if name in PICTURES else value[:1] for name, value in example.items()}
        names = self.programs.get("names", shapes_of(small), lambda: list(jax.eval_shape(every, small)))
        return OnDemand(names, part)

    def restored(self, y: Measurement, keys: jax.Array, spent: list[float], observe: Observe = unseen) -> np.ndarray:
        """[B, H, W, C] in [-1, 1], by `System.restore`, on the host. The seconds that it took, but for compilation, are
        added to `spent`. `observe` hears how far functions on the host are."""

        def compiled() -> Program:
            clock = time.perf_counter()
            made, _ = self.program("restore", self.system.restore, self.variables, y, keys)
            self.compile_seconds += time.perf_counter() - clock
            return Program(made, *planned(made))

        if self.system.host:
            call = self.system.restore
        else:
            program = self.programs.get("restore", shapes_of(y), compiled)
            self.flops += program.flops
            self.peak_bytes = max(self.peak_bytes, program.peak_bytes)
            call = program.call
            jax.block_until_ready(y)
        clock = time.perf_counter()
        with progress.heard(observe):
            found = np.asarray(call(self.variables, y, keys))
        spent.append(time.perf_counter() - clock)
        return found

    def account(self, seconds: float, rows: int) -> None:
        """So many pictures took so long."""
        self.seconds.append((seconds, rows))
        self.rows += rows

    def sound(self, given: Given) -> np.ndarray:
        """[B] of bool: of which pictures the pixels outside of holes are known exactly."""
        told = getattr(self.task, "sound", None)
        return np.zeros(len(given["image"]), bool) if told is None else np.asarray(told(given), bool)


class Prepared:
    """Damaged pictures made ready: called with keys [B], it returns [B, H, W, C], known pixels bit for bit.

    Of 16 bits where the pictures are (nothing is rounded to 8 bits on the way), else uint8.
    """

    def __init__(self, runner: Runner, given: Given) -> None:
        self.runner, self.given, self.sound = runner, given, runner.sound(given)
        self.dtype = np.dtype(np.uint16 if given["image"].dtype == np.uint16 else np.uint8)
        self.count, height, width = given["image"].shape[:3]
        self.height, self.width = runner.scale * height, runner.scale * width

    @property
    def y(self) -> Measurement:
        """The measurement, or that of a window."""
        raise NotImplementedError

    def __call__(self, keys: jax.Array, observe: Observe = unseen) -> np.ndarray:
        raise NotImplementedError

    def missing(self, i: int) -> np.ndarray | None:
        """[H, W, 1] of bool: of picture i, where all but its hole is known; None where it is not."""
        if not self.sound[i]:
            return None
        return self.given["hole"][i] > 0 if "hole" in self.given else np.zeros((self.height, self.width, 1), bool)

    def original(self, i: int) -> np.ndarray:
        """[H, W, C] as a file holds it."""
        image = self.given["image"][i]
        return image if image.dtype == self.dtype else eight_bit(image)


class Whole(Prepared):
    """Pictures that are restored in one piece."""

    @functools.cached_property
    def y(self) -> Measurement:
        runner = self.runner
        height, width = (runner.padded(side) for side in self.given["image"].shape[1:3])
        grow = lambda x: np.stack([padded(one, height, width) for one in x])
        example = {
            name: unit(grow(value)).astype(np.float32) if name in PICTURES else value
            for name, value in self.given.items()
        }
        if runner.system.host:
            return runner.on_demand(example)
        runner.full = max(runner.full, self.count)
        return runner.observed({name: self.filled(value) for name, value in example.items()})

    def filled(self, rows: Any) -> Any:
        """As many rows as the largest batch has had, the last one repeated."""
        return rows if self.runner.full == self.count else rows[np.minimum(np.arange(self.runner.full), self.count - 1)]

    def __call__(self, keys: jax.Array, observe: Observe = unseen) -> np.ndarray:
        runner, y = self.runner, self.y
        keys = keys if runner.system.host else self.filled(keys)
        spent: list[float] = []
        restored = runner.restored(y, keys, spent, observe)
        runner.account(sum(spent), len(keys))
        result = rounded_to(restored[: self.count, : self.height, : self.width], self.dtype)
        for i in range(self.count):
            missing = self.missing(i)
            if missing is not None:
                result[i] = np.where(missing, result[i], self.original(i))
        observe(1, 1)
        return result


class InWindows(Prepared):
    """Pictures that are restored window by window, one after the other."""

    def __init__(self, runner: Runner, given: Given) -> None:
        super().__init__(runner, given)
        scale, system, small = runner.scale, runner.system, given["image"].shape[1:3]
        side, self.step = runner.chosen_tile(), int(np.lcm(system.multiple, scale))
        if runner.side is None:
            self.step = int(np.lcm(self.step, ALIGNED))
            side = max(self.step, side // self.step * self.step)
        self.overlap, self.margin = min(runner.overlap, side // 2), rounded(MARGIN, self.step)
        high, wide = (min(side, scale * runner.padded(length)) for length in small)
        self.tile = high, wide
        # Room for whole windows at places that are multiples of the step.
        self.room = max(high, rounded(self.height, self.step)), max(wide, rounded(self.width, self.step))
        self.surveyed: dict[int, Given] = {}

    def told(self, i: int) -> Given:
        """Of picture i: what is given, and what windows must know of the whole."""
        if i not in self.surveyed:
            given = {name: value[i] for name, value in self.given.items()}
            survey = getattr(self.runner.task, "survey", None)
            self.surveyed = {i: given | ({} if survey is None else survey(eight_bits(given["image"]), given))}
        return self.surveyed[i]

    def windows(self, i: int) -> list[Window]:
        """Of picture i, from top to bottom: all, or those that its hole needs."""
        missing = self.missing(i)
        if missing is not None:
            spare = [(0, room - side) for room, side in zip(self.room, missing.shape, strict=False)]
            missing = np.pad(missing[..., 0], spare)
        return plan(*self.room, self.tile, self.overlap, self.step, missing)

    def measured(self, i: int, window: Window) -> Measurement:
        """Of a window, with a batch axis of one. More is looked at than it shows: of one size, wherever it lies."""
        scale, told = self.runner.scale, self.told(i)
        high, wide = (min(tile + 2 * self.margin, room) for tile, room in zip(self.tile, self.room, strict=True))
        top, left = (
            min(max(0, start - self.margin), room - length)
            for start, room, length in zip(window[:2], self.room, (high, wide), strict=True)
        )
        example: Given = {}
        for name, value in told.items():
            array = np.asarray(value)
            if array.ndim == 3:
                # A survey's pictures are reduced by a power of two.
                apart = scale if name in PICTURES else scale << round(np.log2(self.height / scale / array.shape[0]))
                array = unit(cut(array, Window(*(side // apart for side in (top, left, high, wide)))))
                array = array.astype(np.float32)
            example[name] = array[None]
        y: dict[str, Any] = dict(self.runner.observed(example))
        for name, value in y.items():
            if value.ndim == 4:
                ratio = high // value.shape[1]
                shown = [slice((a - b) // ratio, (a - b + n) // ratio) for a, b, n in
                         zip(window[:2], (top, left), self.tile, strict=True)]  # fmt: skip
                y[name] = np.asarray(value)[:, shown[0], shown[1]]
        return {**y, "place": np.asarray([window[:2]], np.int32)}

    @functools.cached_property
    def y(self) -> Measurement:
        return self.measured(0, self.windows(0)[0])

    def __call__(self, keys: jax.Array, observe: Observe = unseen) -> np.ndarray:
        plans = [self.windows(i) for i in range(self.count)]
        done, of = 0, sum(map(len, plans))
        results = []
        for i, windows in enumerate(plans):
            result, blend = self.canvas(i)
            spent: list[float] = []
            for window in windows:
                image = self.runner.restored(self.measured(i, window), keys[i : i + 1], spent)
                blend.add(window, image[0], self.overlap)
                done += 1
                observe(done, of)
            blend.finish()
            self.runner.account(sum(spent), 1)
            results.append(result)
        return np.stack(results)

    def canvas(self, i: int) -> tuple[np.ndarray, Blend]:
        """[H, W, C] with what is known, and what windows are to be added to."""
        missing, channels = self.missing(i), self.given["image"].shape[-1]
        empty = lambda: np.zeros((self.height, self.width, channels), self.dtype)
        result = empty() if missing is None else self.original(i).copy()

        def write(top: int, mean: np.ndarray) -> None:
            rows = slice(top, min(top + len(mean), self.height))
            found = rounded_to(mean[: rows.stop - top, : self.width], self.dtype)
            result[rows] = found if missing is None else np.where(missing[rows], found, result[rows])

        return result, Blend(*self.room, channels, self.tile[0], write)
