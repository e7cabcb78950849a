"""The page's server. It reads no place that a client names: whatever is asked for is looked up by an id."""

import asyncio
import contextlib
import dataclasses
import json
import math
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path, PurePath
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from dgan_jax.app.guard import Guard
from dgan_jax.app.jobs import DONE, Full, Job, Queue
from dgan_jax.app.orders import MOST_SAMPLES, TASKS, Done, Failed, Method, Order, Result
from dgan_jax.app.store import Limits, Store, Upload, plain_name

PAGE = Path(__file__).parent / "page"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
ORDER_BYTES = 65_536
READY = 120.0
"""Seconds for which a question for the methods waits."""


class App:
    """What all requests share."""

    def __init__(self, queue: Queue, store: Store) -> None:
        self.queue, self.store = queue, store
        # One photograph is decoded at a time, so that several together do not take several times the memory.
        self.decoding = asyncio.Semaphore(1)

    # The page itself, read once: a request chooses among these names.

    def static(self, path: Path) -> Route:
        body, kind = path.read_bytes(), KINDS[path.suffix]

        async def answer(request: Request) -> Response:
            return Response(body, media_type=kind)

        return Route("/" if path.name == "index.html" else f"/{path.name}", answer)

    async def methods(self, request: Request) -> Response:
        return JSONResponse({"methods": [dataclasses.asdict(method) for method in await self.able()]})

    async def able(self) -> list[Method]:
        """What can do what; HTTPExceptions where that is not known."""
        found = await run_in_threadpool(self.queue.known_methods, READY)
        if found is None:
            raise HTTPException(503, "what can be restored is not known yet; load the page again")
        if isinstance(found, Failed):
            raise HTTPException(500, found.sentence)
        return found

    # Uploads.

    async def receive(self, request: Request, name: str) -> Path:
        """The body of a request as a file of ours; of the name only the ending is kept, if we know it."""
        from dgan_jax.data.images import EXTENSIONS

        most = self.store.limits.megabytes * 1e6
        too_large = HTTPException(413, f"the file is larger than the limit of {most / 1e6:g} MB")
        told = request.headers.get("content-length", "0")
        if told.isdecimal() and int(told) > most:
            raise too_large
        ending = PurePath(name).suffix.lower()
        file = self.store.place() / f"file{ending if ending in EXTENSIONS else ''}"
        try:
            size = 0
            with file.open("xb") as stream:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > most:
                        raise too_large
                    stream.write(chunk)
        except BaseException:
            shutil.rmtree(file.parent, ignore_errors=True)
            raise
        return file

    async def decoded(self, file: Path, name: str, read: Callable[[], Upload]) -> Response:
        """What was uploaded, if it can be read; else it is forgotten, and the sentence speaks of the user's name."""
        try:
            async with self.decoding:
                upload = await run_in_threadpool(read)
        except BaseException as error:
            shutil.rmtree(file.parent, ignore_errors=True)
            if isinstance(error, ValueError | MemoryError | OSError):
                from dgan_jax.core.failures import sentence

                raise HTTPException(400, sentence(error).replace(str(file), name)) from error
            raise
        return JSONResponse(
            {name: getattr(upload, name) for name in ("id", "name", "width", "height", "about", "transparent")}
        )

    async def photo(self, request: Request) -> Response:
        name = plain_name(request.query_params.get("name", ""))
        file = await self.receive(request, name)
        return await self.decoded(file, name, lambda: self.store.photo(file, name))

    async def photo_picture(self, request: Request) -> Response:
        return FileResponse(self.uploaded(request.path_params["id"]).picture)

    async def photo_hole(self, request: Request) -> Response:
        photo = self.uploaded(request.path_params["id"])
        return await self.decoded(self.store.place() / "none", photo.name, lambda: self.store.transparent(photo))

    async def hole(self, request: Request) -> Response:
        photo = self.uploaded(request.query_params.get("photo", ""))
        polarity = request.query_params.get("polarity", "white-hole")
        file = await self.receive(request, "mask.png")
        return await self.decoded(file, "the mask", lambda: self.store.mask(file, photo, polarity))

    async def hole_picture(self, request: Request) -> Response:
        return FileResponse(self.painted(request.path_params["id"]).picture)

    def uploaded(self, id: Any) -> Upload:
        if not isinstance(id, str) or id not in self.store.photos:
            raise HTTPException(404, "this photograph is not here any more; open it again")
        return self.store.photos[id]

    def painted(self, id: Any) -> Upload:
        if not isinstance(id, str) or id not in self.store.holes:
            raise HTTPException(404, "this hole is not here any more; restore again")
        return self.store.holes[id]

    # Jobs.

    async def order(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > ORDER_BYTES:
                raise HTTPException(413, "an order is not as long as this")
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            raise HTTPException(400, "an order is a JSON object")
        able = {(method.task, method.name) for method in await self.able()}
        try:
            job = self.queue.submit(self.ordered(asked, able))
        except Full:
            raise HTTPException(429, "too many jobs are waiting; try again when some are done") from None
        return JSONResponse({"id": job.id})

    def ordered(self, asked: dict[str, Any], able: set[tuple[str, str]]) -> Order:
        """An order of what a client asks for; HTTPExceptions say what is wrong with it."""
        photo = self.uploaded(asked.get("photo"))
        task, method = asked.get("task"), asked.get("method")
        if not isinstance(task, str) or not isinstance(method, str) or (task, method) not in able:
            raise HTTPException(400, f"{method!s:.60} does not do {task!s:.60}; tasks: {', '.join(TASKS)}")
        hole = self.painted(asked.get("hole")) if task == "inpaint" else None
        levels = asked.get("levels") or {}
        if not isinstance(levels, dict) or len(levels) > 4:
            raise HTTPException(400, "levels are an object of a few numbers")
        realism = asked.get("realism")
        return Order(
            file=photo.file, name=photo.name, task=task, method=method,
            hole=None if hole is None else hole.file, megapixels=self.store.limits.megapixels,
            realism=None if realism is None else number("realism", realism, 0, 1),
            samples=int(number("samples", asked.get("samples", 1), 1, MOST_SAMPLES)),
            seed=int(number("seed", asked.get("seed", 0), 0, 2**31 - 1)),
            levels=tuple((str(name), number(str(name)[:20], value, 0, 255)) for name, value in levels.items()),
            out=self.store.place(),
        )  # fmt: skip

    def known(self, request: Request) -> Job:
        job = self.queue.jobs.get(request.path_params["id"])
        if job is None:
            raise HTTPException(404, "this job is not here any more")
        return job

    async def job(self, request: Request) -> Response:
        job = self.known(request)
        state, answer = job.state, job.answer
        told: dict[str, Any] = {"state": state, "before": self.queue.before(job)}
        told |= {"doing": job.progress.doing, "share": job.progress.share}
        if isinstance(answer, Failed):
            told["error"] = answer.sentence
        if isinstance(answer, Done):
            told |= {
                "results": [{"name": result.name} for result in answer.results], "notes": list(answer.notes),
                "invention": answer.invention is not None, "seconds": answer.seconds,
            }  # fmt: skip
        return JSONResponse(told)

    async def cancel(self, request: Request) -> Response:
        self.queue.cancel(self.known(request))
        return JSONResponse({})

    def answer(self, request: Request) -> Done:
        job = self.known(request)
        if job.state != DONE or not isinstance(job.answer, Done):
            raise HTTPException(404, "this job has no result")
        return job.answer

    def result(self, request: Request) -> Result:
        results, n = self.answer(request).results, request.path_params["n"]
        if n >= len(results):
            raise HTTPException(404, "there is no such sample")
        return results[n]

    async def result_picture(self, request: Request) -> Response:
        return FileResponse(self.result(request).picture)

    async def result_file(self, request: Request) -> Response:
        result = self.result(request)
        return FileResponse(result.file, filename=result.name, media_type="application/octet-stream")

    async def invention(self, request: Request) -> Response:
        place = self.answer(request).invention
        if place is None:
            raise HTTPException(404, "one sample alone shows no invention")
        return FileResponse(place)

    async def go_on(self, request: Request) -> Response:
        result = self.result(request)
        return await self.decoded(self.store.place() / "none", result.name, lambda: self.store.go_on(result))


def number(name: str, value: Any, low: float, high: float) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
    ):
        raise HTTPException(400, f"{name} is a number from {low:g} to {high:g}")
    return float(value)


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


def create(
    hosts: Sequence[str], *, runs: Sequence[str] = (), limits: Limits | None = None, waiting: int = 16
) -> Starlette:
    """The application. hosts: what it is called, HOST:PORT; all else is refused. runs: training runs to restore with,
    beside the weights that come with the package."""
    folder = Path(tempfile.mkdtemp(prefix="dgan-app-"))
    queue = Queue(runs, waiting=waiting)
    app = App(queue, Store(folder, limits or Limits()))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await run_in_threadpool(queue.close)
            shutil.rmtree(folder, ignore_errors=True)

    post, delete, job = ["POST"], ["DELETE"], "/api/jobs/{id}"
    routes = [
        *(app.static(path) for path in sorted(PAGE.iterdir()) if path.suffix in KINDS),
        Route("/api/methods", app.methods),
        Route("/api/photos", app.photo, methods=post),
        Route("/api/photos/{id}/picture", app.photo_picture),
        Route("/api/photos/{id}/hole", app.photo_hole, methods=post),
        Route("/api/holes", app.hole, methods=post),
        Route("/api/holes/{id}/picture", app.hole_picture),
        Route("/api/jobs", app.order, methods=post),
        Route(job, app.job),
        Route(job, app.cancel, methods=delete),
        Route(job + "/invention", app.invention),
        Route(job + "/{n:int}/picture", app.result_picture),
        Route(job + "/{n:int}/file", app.result_file),
        Route(job + "/{n:int}/photo", app.go_on, methods=post),
    ]
    guard = Middleware(Guard, hosts=frozenset(hosts))
    made = Starlette(routes=routes, middleware=[guard], lifespan=lifespan, exception_handlers={HTTPException: refused})
    made.state.folder, made.state.queue = folder, queue
    return made
