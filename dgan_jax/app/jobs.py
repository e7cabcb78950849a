"""The queue: one job at a time, in a process of its own, which is ended where a job is cancelled."""

import collections
import dataclasses
import multiprocessing
import os
import secrets
import shutil
import threading
from collections.abc import Sequence
from typing import Any

from dgan_jax.app import worker
from dgan_jax.app.orders import Done, Failed, Method, Order, Progress

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
DIED = "the process that restores has ended unexpectedly, perhaps for want of memory; try a smaller photograph"
LOOK = 0.1
"""Seconds between looks at whether a running job was cancelled."""


class Full(Exception):
    """There are as many jobs waiting as may."""


@dataclasses.dataclass
class Job:
    id: str
    order: Order
    state: str = WAITING
    progress: Progress = dataclasses.field(default_factory=lambda: Progress("", 0.0))
    answer: Done | Failed | None = None
    cancelled: bool = False


class Child:
    """The process that restores, and the end of its pipe that is ours."""

    def __init__(self, runs: Sequence[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=worker.serve, args=(theirs, os.getpid(), tuple(runs)), daemon=True)
        self.process.start()
        theirs.close()

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Queue:
    """Jobs by their ids, which cannot be guessed; those that ended first are forgotten first, with their files."""

    def __init__(self, runs: Sequence[str] = (), *, waiting: int = 16, kept: int = 32) -> None:
        self.runs, self.most, self.kept = runs, waiting, kept
        self.jobs: dict[str, Job] = {}
        self.line: collections.deque[Job] = collections.deque()
        self.running: Job | None = None
        self.changed = threading.Condition()
        self.methods: list[Method] | Failed | None = None
        self.closed = False
        self.thread = threading.Thread(target=self.work, name="queue", daemon=True)
        self.thread.start()

    def submit(self, order: Order) -> Job:
        """`Full` where too many wait."""
        with self.changed:
            if len(self.line) >= self.most:
                raise Full
            job = Job(secrets.token_urlsafe(16), order)
            self.jobs[job.id] = job
            if isinstance(self.methods, Failed):
                job.answer, job.state = self.methods, FAILED
                return job
            self.line.append(job)
            self.changed.notify_all()
            return job

    def cancel(self, job: Job) -> None:
        """A job that waits is never begun, one that runs is ended; of one that has ended nothing changes."""
        with self.changed:
            if job in self.line:
                self.line.remove(job)
                job.state = CANCELLED
            job.cancelled = True

    def before(self, job: Job) -> int:
        """How many jobs come before one that waits."""
        with self.changed:
            return self.line.index(job) + (self.running is not None) if job in self.line else 0

    def known_methods(self, seconds: float) -> list[Method] | Failed | None:
        """What can do what, as soon as it is known; None if it is not known after so long."""
        with self.changed:
            self.changed.wait_for(lambda: self.methods is not None or self.closed, seconds)
            return self.methods

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        self.thread.join()

    # What the thread does.

    def work(self) -> None:
        child: Child | None = None
        while not self.closed:
            child = child or self.begin()
            job = self.next() if child is not None else None
            if job is None or child is None:
                break
            whole = self.follow(job, child)
            with self.changed:
                self.running = None
            self.forget()
            if not whole:
                child.end()
                child = None
        if child is not None:
            child.end()

    def begin(self) -> Child | None:
        """A process that is ready, for which it says what can do what; None where the queue is closed meanwhile."""
        child = Child(self.runs)
        while not child.pipe.poll(LOOK):
            if self.closed:
                child.end()
                return None
        try:
            told: Any = child.pipe.recv()
        except (EOFError, OSError):
            told = Failed(DIED)
        with self.changed:
            self.methods = told
            self.changed.notify_all()
        if isinstance(told, Failed):
            self.give_up(told)
            child.end()
            return None
        return child

    def give_up(self, failed: Failed) -> None:
        """Nothing can be restored: whoever waits is told."""
        with self.changed:
            while self.line:
                job = self.line.popleft()
                job.state, job.answer = FAILED, failed

    def next(self) -> Job | None:
        with self.changed:
            self.changed.wait_for(lambda: self.closed or bool(self.line))
            if self.closed:
                return None
            self.running = job = self.line.popleft()
            job.state = RUNNING
            return job

    def follow(self, job: Job, child: Child) -> bool:
        """To the end of a job; whether the process can be given another."""
        try:
            child.pipe.send(job.order)
            while True:
                if job.cancelled or self.closed:
                    job.state = CANCELLED
                    return False
                if not child.pipe.poll(LOOK):
                    continue
                told = child.pipe.recv()
                if isinstance(told, Progress):
                    job.progress = told
                else:
                    job.answer, job.state = told, DONE if isinstance(told, Done) else FAILED
                    return True
        except (EOFError, OSError):
            job.answer, job.state = Failed(DIED), FAILED
            return False

    def forget(self) -> None:
        with self.changed:
            ended = [job for job in self.jobs.values() if job.state not in (WAITING, RUNNING)]
            for job in ended[: max(0, len(ended) - self.kept)]:
                del self.jobs[job.id]
                shutil.rmtree(job.order.out, ignore_errors=True)
