"""One folder, one training: a lock that a killed process does not leave behind, on network drives too.

Two things hold it. The kernel's lock on the file (flock) goes with its process, however that ends, and NFS passes it on
to other hosts. Not every network drive does, so the file also says who holds it, and is written anew every few seconds.
On the holder's own machine its process is looked up; from another one, whose clock may be wrong, its beat is watched.
"""

import contextlib
import dataclasses
import errno
import json
import os
import secrets
import socket
import threading
import time
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

NAME = ".lock"
BEAT, SILENT = 15.0, 60.0
"""Seconds between two signs of life, and after how many without one a holder elsewhere counts as dead."""
OLD = 3600.0
"""Of files older than this many seconds by the drive's own clock nobody waits for a sign."""
SETTLE = 1.0
"""Seconds after which two that came at once, where the kernel has no lock, know who was last."""


@dataclasses.dataclass(frozen=True)
class Holder:
    """Who holds a lock. `machine` tells apart what has process numbers of its own: hosts, boots, containers."""

    host: str
    machine: str
    process: int
    started: str | None  # of the process, by its kernel; None where that is not told
    since: str
    folder: str  # on its machine: a copy of a run is not held
    token: str  # of this one lock
    beat: int = 0


def machine() -> str:
    """This host, since it was switched on, as far as its processes see one another."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with contextlib.suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def started(process: int) -> str | None:
    """When a process of this machine began, in its kernel's ticks; numbers of processes are given again."""
    try:
        # The name, in brackets, may hold anything; the start is the 20th word behind it.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def alive(process: int) -> bool:
    """Whether this machine has a process of that number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def here(folder: Path) -> Holder:
    """This process as a holder."""
    process = os.getpid()
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    place = os.path.realpath(folder)
    return Holder(socket.gethostname(), machine(), process, started(process), now, place, secrets.token_hex(8))


class Lock:
    """The lock of a run's folder, which is made where it is missing: `with Lock(folder) as lock`.

    Entering raises ValueError if another training holds it. A holder on another machine that is silent is waited for,
    `SILENT` seconds at most. `check` tells when another one has taken over, as after this machine has slept.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder, self.path = Path(folder), Path(folder) / NAME
        self.holder = here(self.folder)
        self.lost = False
        self.handle = -1
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.keep_alive, name="lock", daemon=True)

    def __enter__(self) -> "Lock":
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ValueError(f"cannot write to {self.folder}: {error.strerror}; give another --out") from error
        try:
            kernel = self.take()
            self.refuse_if_held(kernel)
            self.write()
            if not kernel:
                time.sleep(SETTLE)
                self.refuse_if(self.taken_by())
        except BaseException:
            os.close(self.handle)
            raise
        self.thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.end.set()
        self.thread.join()
        if not self.lost:
            with contextlib.suppress(OSError):
                os.truncate(self.handle, 0)
        os.close(self.handle)

    def take(self) -> bool:
        """The kernel's lock; False where the drive has none."""
        if fcntl is None:
            return False
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            self.refuse_if(self.read() or "another process")
        return True

    def refuse_if_held(self, kernel: bool) -> None:
        """A ValueError if the one that the file names is alive."""
        held = self.read()
        if held is None:
            return
        if held.machine == self.holder.machine:
            same = started(held.process) == held.started and held.folder == self.holder.folder
            # Without a start the number alone says little, and the kernel has let us in.
            known = held.started is not None or not kernel
            self.refuse_if(held if alive(held.process) and same and known else None)
        elif self.age() < OLD:
            self.refuse_if(self.sign_of(held))

    def sign_of(self, held: Holder) -> Holder | None:
        """Who gives a sign of life while one waits; None if nobody does, or the lock is given back."""
        end = time.monotonic() + SILENT
        while time.monotonic() < end:
            time.sleep(min(1.0, SILENT / 10))
            now = self.read()
            if now is None or now != held:
                return now
        return None

    def refuse_if(self, held: Holder | str | None) -> None:
        if held is None:
            return
        who = held
        if isinstance(held, Holder):
            mine = held.machine == self.holder.machine and held.process == self.holder.process
            who = "this process" if mine else f"process {held.process} on {held.host}"
            who += f" since {held.since}"
        raise ValueError(f"{self.folder} is being trained by {who}; wait for it, stop it, or give another --out")

    def read(self) -> Holder | None:
        """Who holds the lock by the file, None if nobody."""
        for _ in range(3):
            try:
                # Opened anew: NFS then asks the server.
                data = self.path.read_bytes()
                return Holder(**json.loads(data)) if data.strip() else None
            except (OSError, ValueError, TypeError):
                time.sleep(0.05)  # it may be being written
        return None

    def write(self) -> None:
        """In place: another file under this name would be another lock."""
        data = json.dumps(dataclasses.asdict(self.holder)).encode()
        os.pwrite(self.handle, data, 0)
        os.truncate(self.handle, len(data))
        with contextlib.suppress(OSError):
            os.fsync(self.handle)

    def age(self) -> float:
        """Seconds since the last sign of life, by the clock of whoever keeps the drive."""
        probe = self.path.with_name(f"{NAME}.{self.holder.token}")
        try:
            probe.write_bytes(b"now")
            return probe.stat().st_mtime - self.path.stat().st_mtime
        except OSError:
            return 0.0
        finally:
            probe.unlink(missing_ok=True)

    def taken_by(self) -> Holder | None:
        """Another one that has written itself into the file since."""
        held = self.read()
        return None if held is None or held.token == self.holder.token else held

    def check(self) -> None:
        """A ValueError if another training has taken over since."""
        if self.lost:
            self.refuse_if(self.read() or "another process")

    def keep_alive(self) -> None:
        while not self.end.wait(BEAT):
            if self.taken_by() is not None:
                self.lost = True
                return
            self.holder = dataclasses.replace(self.holder, beat=self.holder.beat + 1)
            with contextlib.suppress(OSError):  # a full disk does not end a training
                self.write()
