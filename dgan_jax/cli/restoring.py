"""One photograph after the other: what `dgan restore` does with each, and what it says about it."""

import dataclasses
import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from dgan_jax.api import Restorer
    from dgan_jax.cli.restore import Options
    from dgan_jax.data.ledger import Ledger
    from dgan_jax.data.matching import Masks
    from dgan_jax.data.native import Native
    from dgan_jax.restore.account import Entry, Report

NO_MEMORY = "there is not enough memory for this photograph; give a smaller --tile, or make it smaller"
NO_MEMORY_WHOLE = "there is not enough memory for this photograph, which this system needs as a whole; make it smaller"
GREY = 3
"""How far apart, of 255, the channels of a black-and-white photograph lie that was stored in colour, with losses."""
NOT_IN_RESULT = ("photos", "out", "again", "hole", "kernel", "samples", "megapixels", "overlay", "report")
"""Options that change no pixel of a result, or whose files are looked at instead of their names."""


def hole_kind(hole: str | None) -> str:
    """What --hole names: alpha, box, colour, a file (or a folder of them), or nothing."""
    if hole in (None, "alpha"):
        return hole or ""
    kind, mark, _ = str(hole).partition(":")
    return {"box": "box", "colour": "colour", "color": "colour"}.get(kind, "file") if mark else "file"


def say(text: str, *, error: bool = False) -> None:
    """A line as it stands: names of files may hold rich's markup, or bytes that are no text."""
    from dgan_jax.cli.screen import console

    text = os.fsencode(text).decode(errors="replace")
    if error:
        print(text, file=sys.stderr, flush=True)
    else:
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def tell(entry: "Entry", text: str) -> None:
    """A remark on a photograph, on stderr and in the report."""
    entry.note(text)
    say(text, error=True)


class Unopened(Exception):
    """What should restore cannot be opened: no fault of the photograph whose turn it is."""


@dataclasses.dataclass(frozen=True)
class Work:
    """All photographs of a command, and where their results go."""

    options: "Options"
    results: dict[Path, list[PurePath]]
    """photograph -> places below the output folder."""
    extras: dict[Path, dict[str, PurePath]]
    """photograph -> what is told of it by what it is (mean, invention, contact, hole), with its place."""
    ledger: "Ledger"
    masks: "Masks | None"
    open: Callable[[], "Restorer"]
    report: "Report"

    @functools.cached_property
    def restorer(self) -> "Restorer":
        """Opened for the first photograph that is not done yet."""
        try:
            found = self.open()
        except ValueError as error:
            raise Unopened(str(error)) from error
        if found.unsaid:
            say(f"{found.name}, {found.unsaid}")
        return found

    def mask(self, photo: Path) -> Path | None:
        from dgan_jax.data.matching import mask_of

        hole = self.options.hole
        return mask_of(photo, Path(str(hole)), self.masks) if hole_kind(hole) == "file" else None

    def commands(self, photo: Path) -> dict[PurePath, str]:
        """For each place, a short text for all that what is written there depends on."""
        from dgan_jax.data.ledger import file_digest, fingerprint

        options = self.options
        kernel = None if options.kernel is None else Path(options.kernel)
        files = {"photo": photo, "hole": self.mask(photo), "kernel": kernel}
        given = {name: value for name, value in dataclasses.asdict(options).items() if name not in NOT_IN_RESULT}
        told = {name: file_digest(path) for name, path in files.items() if path is not None and path.is_file()}
        where = options.hole if hole_kind(options.hole) in ("box", "colour") else ""
        own = {**given, **told, "alpha": options.hole == "alpha", "where": where}
        found = dict.fromkeys(self.results[photo], fingerprint(own))
        of_all = fingerprint({**own, "samples": options.samples})
        return found | dict.fromkeys(self.extras[photo].values(), of_all)


def restore_all(work: Work) -> int:
    """Restore what is not done yet; the number of photographs that could not be restored."""
    from dgan_jax.cli.screen import counting
    from dgan_jax.core.failures import sentence

    failed = skipped = 0
    with counting("restoring", len(work.results)) as count:
        for i, file in enumerate(work.results):
            entry = work.report.entry(file)
            try:
                skipped += not restore_one(work, file, count.part, entry)
            except Unopened as error:
                raise ValueError(str(error)) from error
            except (KeyboardInterrupt, BrokenPipeError):
                raise
            except Exception as error:  # one file must not end a folder, whatever is wrong with it
                failed += 1
                if os.environ.get("DGAN_TRACEBACK"):
                    traceback.print_exc()
                short = NO_MEMORY_WHOLE if work.restorer.runner.system.host else NO_MEMORY
                said = sentence(error, memory=short).removeprefix(f"{file}: ")
                entry.about["failed"] = said
                say(f"dgan restore: {said if said.startswith(str(file)) else f'{file}: {said}'}", error=True)
            count(i + 1)
    if skipped:
        say(f"{skipped} of {len(work.results)} done before by the same command; --again restores them anew")
    return failed


def restore_one(work: Work, file: Path, observe: Callable[[int, int], None], entry: "Entry") -> bool:
    """Restore one photograph; False if it was done before. Raises if that cannot be, or would replace something.

    observe: is told how many windows of all versions are done, and of how many. entry: of the report.
    """
    from dgan_jax.data.opening import open_file

    open_file(file).close()
    commands = work.commands(file)
    todo = {place for place, command in commands.items() if is_to_do(work, place, command)}
    entry.about["results"] = [str(work.ledger.folder / place) for place in commands]
    if not todo:
        entry.about["skipped"] = "done before by the same command"
        return False
    from dgan_jax.data.images import count_frames
    from dgan_jax.data.photo_files import read_photo

    megapixels = work.options.megapixels
    with entry.timed("read"):
        photo = read_photo(file, megapixels=megapixels)
    frames = count_frames(file, megapixels=megapixels)
    if frames > 1:
        tell(entry, f"{file}: holds {frames} frames or pages; the first is restored, the others are left out")
    with entry.timed("open"):
        restorer = work.restorer
    if restorer.unsaid:
        entry.about["unasked"] = restorer.unsaid
    if work.options.samples > 1 and not restorer.system.draws:
        other = "; --realism 1 draws" if "realism" in restorer.choosable else ""
        tell(entry, f"{file}: this way of restoring knows one answer only: all versions are the same{other}")
    picture = photo.native
    straight = picture.straight()
    image, finish = fitted(straight, restorer.channels)
    with entry.timed("prepare"):
        known = known_of(work, file, picture, entry)
        photograph = restorer(image, **known, seed=work.options.seed)
    if "sigma" in photograph.y and "sigma" not in known:
        sigma = 127.5 * float(photograph.y["sigma"][0])
        limits = "" if work.options.system else " within what the network has learnt"
        say(f"{file}: noise of {sigma:.1f} grey levels, estimated{limits}")
        entry.about["estimated"] = {"sigma": round(sigma, 2)}
    from dgan_jax.cli.written import Restoration

    Restoration(work, file, commands, todo, entry, photo, straight, finish, known.get("hole")).write(
        photograph, observe
    )
    return True


def fitted(image: "np.ndarray", channels: int) -> tuple["np.ndarray", Callable[["np.ndarray"], "np.ndarray"]]:
    """A picture with as many channels as the network has, and what gives its result those of the picture again.

    Of a grey picture the mean of what the network gives is taken, so that none of its colours are left.
    """
    import numpy as np

    from dgan_jax.data.images import to_channels

    fit, own = to_channels(image, channels), image.shape[2]
    grey = own == 1 or bool((image.max(-1) - image.min(-1) <= GREY * (np.iinfo(image.dtype).max // 255)).all())
    if not grey or channels == 1:
        return fit, lambda result: to_channels(result, 3) if own == 3 else result
    mean = lambda result: np.round(result.mean(-1, keepdims=True)).astype(result.dtype)
    return fit, lambda result: np.repeat(mean(result), own, axis=-1)


def is_to_do(work: Work, place: PurePath, command: str) -> bool:
    """Whether a result has to be made; a ValueError where it would replace what it may not."""
    from dgan_jax.data.ledger import State

    state, path = work.ledger.state(place, command), work.ledger.folder / place
    if state is State.FOREIGN:
        raise ValueError(
            f"{path} is there already, not as dgan restore wrote it, and is not replaced; "
            "give another folder with --out"
        )
    if state is State.OTHER and not work.options.again:
        raise ValueError(
            f"{path} is {state.value}; give another folder with --out, or --again to replace it by this one"
        )
    return state is not State.DONE or work.options.again


def known_of(work: Work, file: Path, picture: "Native", entry: "Entry") -> dict[str, Any]:
    """What is known of the damage of one photograph."""
    from dgan_jax.data.images import read_image

    options = work.options
    known: dict[str, Any] = dict(options.levels())
    hole = hole_for(work, file, picture)
    if hole is not None:
        from dgan_jax.restore.account import coverage

        known["hole"] = hole
        entry.about["hole"] = coverage(hole)
        warn_of_much(file, hole)
    if options.kernel is not None:
        light = read_image(options.kernel, channels=1, megapixels=options.megapixels)[..., 0].astype("float32")
        if not light.any():
            raise ValueError(f"{options.kernel} is black all over; a kernel is bright where light went")
        known["kernel"] = light / light.sum()
    if "quality" in work.restorer.task.ranges and "quality" not in known:
        found = quality_in(file, work.restorer.task.ranges["quality"], megapixels=options.megapixels)
        if found is not None:
            read, known["quality"] = found
            limits = "" if known["quality"] == read else f"; {known['quality']:g} is the nearest that was learnt"
            say(f"{file}: quality {read:g}, read from the file{limits}")
            entry.about["estimated"] = {"quality": read}
    return known


def quality_in(file: Path, learnt: tuple[float, float], *, megapixels: float) -> tuple[float, float] | None:
    """The quality of a file's compression, and the nearest that was learnt; None if the file is no JPEG."""
    from dgan_jax.data.images import jpeg_table
    from dgan_jax.ops.jpeg import quality_of

    table = jpeg_table(file, megapixels=megapixels)
    if table is None:
        return None
    read = quality_of(table)
    return read, min(max(read, learnt[0]), learnt[1])


def hole_for(work: Work, file: Path, picture: "Native") -> "np.ndarray | None":
    """The hole of a photograph [H, W, 1], widened, or None where none is given."""
    from dgan_jax.data import masks

    options = work.options
    kind, grow = hole_kind(options.hole), options.grow + options.feather
    what = str(options.hole).partition(":")[2]
    if kind == "alpha":
        return masks.hole_of(picture, str(file), grow=grow)
    if kind == "box":
        return masks.grown(masks.box_hole(what, *picture.pixels.shape[:2]), grow)[..., None]
    if kind == "colour":
        return masks.grown(masks.colour_hole(what, picture, str(file)), grow)[..., None]
    mask = work.mask(file)
    if mask is None:
        return None
    return masks.read_mask(mask, options.polarity, grow=grow, megapixels=options.megapixels)


def warn_of_much(file: Path, hole: "np.ndarray") -> None:
    share = float(hole.mean())
    if 0.5 < share < 1:
        say(
            f"dgan restore: {file}: warning: the hole is {100 * share:.0f} % of the picture; if white means what is "
            "known, give --polarity white-keep (white-hole is the default)",
            error=True,
        )
