"""Open a page on this machine: paint a hole, restore, compare: dgan app"""

import contextlib
import dataclasses

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Open a local page: a photograph is opened or dropped there, a hole painted with a brush, restored, compared and
    downloaded. It listens on 127.0.0.1 only, and no request leaves the machine. Needs pip install 'dgan_jax[app]'."""

    port: int = 8765
    """Port on 127.0.0.1; 0 takes any that is free."""
    browser: bool = True
    """Open the page in the browser."""
    run: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Training runs or weights to offer beside those that come with the package, as often as needed: --run R."""
    megapixels: float = 50.0
    """Photographs of more pixels are refused before they are decoded."""
    megabytes: float = 200.0
    """Files of more bytes are refused."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan app")
    if not (options.megapixels > 0 and options.megabytes > 0):
        raise ValueError(
            f"--megapixels and --megabytes must be more than 0, got {options.megapixels} and {options.megabytes}"
        )
    from dgan_jax.app.running import run
    from dgan_jax.app.store import Limits

    limits = Limits(megabytes=options.megabytes, megapixels=options.megapixels)
    say = lambda text: print(text, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        run(options.port, runs=options.run, limits=limits, browser=options.browser, say=say)
    return 0
