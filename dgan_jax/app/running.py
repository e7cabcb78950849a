"""Opening the page on this machine: a socket of 127.0.0.1 alone, and uvicorn on it."""

import errno
import socket
import threading
import webbrowser
from collections.abc import Callable, Sequence

from dgan_jax.app.store import Limits

LOCAL = "127.0.0.1"


def bound(port: int) -> socket.socket:
    """A socket of this machine alone; port 0 takes any that is free."""
    if not 0 <= port <= 65535:
        raise ValueError(f"--port must be 0 to 65535, got {port}")
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((LOCAL, port))
        found.listen(64)
    except OSError as error:
        found.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise ValueError(
                f"port {port} is taken, perhaps by another dgan app, or not allowed; give another --port, 0 for any"
            ) from error
        raise
    return found


def run(port: int, *, runs: Sequence[str], limits: Limits, browser: bool, say: Callable[[str], None]) -> None:
    """Until it is interrupted."""
    try:
        import uvicorn

        from dgan_jax.app.server import create
    except ImportError as error:
        raise ValueError(f"dgan app needs {error.name}; try pip install 'dgan_jax[app]'") from error
    with bound(port) as own:
        port = own.getsockname()[1]
        address = f"http://{LOCAL}:{port}/"
        app = create([f"{LOCAL}:{port}", f"localhost:{port}"], runs=runs, limits=limits)
        # Forwarded addresses are nobody's here, and web sockets are not spoken.
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, proxy_headers=False, ws="none",
            limit_concurrency=64, timeout_graceful_shutdown=2,
        )  # fmt: skip
        say(f"{address} is the page, for this machine alone; Ctrl-C ends it")
        if browser:
            threading.Timer(0.5, webbrowser.open, (address,)).start()
        uvicorn.Server(config).run(sockets=[own])
