"""One input: run it as the command line does, and say what came of it."""

import contextlib
import dataclasses
import gc
import hashlib
import io
import json
import os
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from dgan_jax.cli.main import main
from dgan_jax.data import ledger

SECONDS = 60
"""An input that takes longer hangs."""
BYTES = 2**30
"""Memory that one input may take on top of what the process holds."""


class Hang(BaseException):
    """Raised by the alarm; nothing catches it by accident."""


@dataclasses.dataclass(frozen=True)
class Case:
    """Files in an otherwise empty folder, and what is called there.

    `base` is copied first, then `files` are written and `special` ones made: a symbolic link to a text, or by the
    functions "pipe", "folder", "locked". `never`: to accept this input is a fault. `loads`: a refusal that says so
    means that the input was good, and something else was refused, so that nothing had to be computed. `several`: of
    several files some may be refused and the others done, with exit code 2.
    """

    command: tuple[str, ...]
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    special: dict[str, str] = dataclasses.field(default_factory=dict)
    base: Path | None = None
    never: bool = False
    loads: str = ""
    several: bool = False
    call: Callable[[list[str]], int] = main

    def __str__(self) -> str:
        """What was called, and the files by length."""
        files = ", ".join(f"{name} ({len(data)} bytes)" for name, data in self.files.items())
        short = {name: data for name, data in self.files.items() if len(data) < 80}
        return f"{self.command} with {files} {self.special or ''} {short or ''}"


@dataclasses.dataclass(frozen=True)
class Verdict:
    accepted: bool
    seconds: float
    bytes: int
    fault: str = ""


def lay_out(case: Case, folder: Path) -> None:
    if case.base is not None:
        shutil.copytree(case.base, folder, dirs_exist_ok=True)
    for name, data in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for name, kind in case.special.items():
        path = folder / name
        path.unlink(missing_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "locked":
            path.write_bytes(b"secret")
            path.chmod(0)
        else:
            path.symlink_to(kind)


def contents(folder: Path) -> dict[str, str]:
    """What lies in a folder: a digest of each regular file, and the kind of everything else."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {os.readlink(path)}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if os.access(path, os.R_OK) else "locked"
        else:
            found[name] = "other"
    return found


def partial(folder: Path, name: str) -> str:
    """What is unfinished about a file that was written, or nothing."""
    path = folder / name
    if path.name == ledger.NAME:  # kept on purpose
        return ""
    if any(part.startswith(".") or part.endswith((".tmp", ".part")) for part in Path(name).parts):
        return f"{name} was left behind"
    try:
        if path.suffix == ".png":
            Image.open(path).load()
        elif path.suffix == ".json":
            json.loads(path.read_text())
    except (OSError, ValueError) as error:
        return f"{name} is not whole: {error}"
    return ""


@contextlib.contextmanager
def alarm(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def resident(field: str = "VmRSS") -> int:
    """Bytes of this process, now (VmRSS) or at most since `forget_peak` (VmHWM); 0 where the system does not tell."""
    with contextlib.suppress(OSError), open("/proc/self/status") as status:
        return next((1024 * int(line.split()[1]) for line in status if line.startswith(field)), 0)
    return 0


def forget_peak() -> None:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def called(case: Case) -> tuple[int | None, str, str]:
    """(exit code, or None if there was none; what was said; the fault, if there was one)."""
    # As strict about text as a terminal.
    shown, said = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(shown), contextlib.redirect_stderr(said),
            warnings.catch_warnings(), alarm(SECONDS),
        ):  # fmt: skip
            warnings.simplefilter("ignore")
            try:
                code = case.call(list(case.command))
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except Hang:
        return None, said.getvalue(), f"took longer than {SECONDS} s"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if "dgan_jax" in f.filename and "/tests/" not in f.filename] or frames
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        return None, said.getvalue(), f"traceback at {place}: {type(error).__name__}: {error!s:.300}"
    shown.flush()
    return code, said.getvalue() or shown.buffer.getvalue().decode(), ""  # type: ignore[attr-defined]


def judge(case: Case) -> Verdict:
    """Run one case in a folder of its own."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="fuzz") as place:
        folder = Path(place)
        lay_out(case, folder)
        before = contents(folder)
        gc.collect(0)
        forget_peak()
        held, clock = resident(), time.perf_counter()
        os.chdir(folder)
        try:
            code, said, fault = called(case)
        finally:
            os.chdir(here)
        seconds, grown = time.perf_counter() - clock, max(0, resident("VmHWM") - held)
        after = contents(folder)
        written = [name for name in after if name not in before]
        fault = fault or found_fault(case, code, said, folder, written)
        changed = [name for name in before if after.get(name) != before[name] and Path(name).name != ledger.NAME]
        if not fault and changed:
            fault = f"changed {changed[0]}"
        if not fault and grown > BYTES:
            fault = f"took {grown >> 20} MiB"
        loaded = code == 0 or bool(case.loads and case.loads in " ".join(said.split()))
    return Verdict(loaded, seconds, grown, fault)


def found_fault(case: Case, code: int | None, said: str, folder: Path, written: list[str]) -> str:
    """What is wrong with the way in which a call ended, or nothing."""
    if "Traceback (most recent call last)" in said:
        return "a traceback was printed"
    if "failed unexpectedly" in said:  # one file's failure, caught so that it does not end a folder
        return f"failed unexpectedly: {said[-300:]}"
    if code == 0:
        if case.never:
            return "was accepted"
        return next(filter(None, (partial(folder, name) for name in written if (folder / name).is_file())), "")
    if code != 2:
        return f"ended with exit code {code}: {said[-300:]}"
    if not said.strip():
        return "was refused without a word"
    if case.never and case.loads and case.loads in " ".join(said.split()):
        return "was accepted"
    # An output folder may have been made before its first file.
    files = [name for name in written if not (folder / name).is_dir()]
    if case.several:
        return next(filter(None, (partial(folder, name) for name in files)), "")
    return f"was refused, but {files[0]} was written" if files else ""
