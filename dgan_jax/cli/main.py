"""The command `dgan`: one file a verb, found by file name; each has `main(arguments) -> exit code`."""

import importlib
import os
import pkgutil
import sys
import warnings
from collections.abc import Sequence

from dgan_jax.cli import environment
from dgan_jax.core.failures import NO_MEMORY, out_of_memory
from dgan_jax.core.names import unknown

NOT_VERBS = ("main", "environment", "screen", "restoring", "written")
BAD_INPUT, DIVERGED, STOPPED, INTERRUPTED = 2, 70, 75, 130


def verbs() -> list[str]:
    package = importlib.import_module("dgan_jax.cli")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.name not in NOT_VERBS)


FIRST = """usage: dgan VERB ...

Image restoration with diffusion-GANs in JAX. What people do first:

  restore a photograph      dgan restore inpaint photo.jpg --hole mask.png   (or superres, denoise: dgan restore --help)
  the same on a page,       dgan app   (a page on this machine alone; needs pip install 'dgan_jax[app]')
    with a brush
  train on a folder         dgan train dgan_photos --train.begin_with dgan_photos --data.name FOLDER --out runs/mine
  measure and compare       dgan evaluate runs/mine dgan_photos telea --task inpaint --data OTHERS

dgan --help lists all verbs. To see the whole of it in five minutes: dgan quickstart"""


def usage() -> str:
    lines = ["usage: dgan VERB ...", "", "Image restoration with diffusion-GANs in JAX.", "", "verbs:"]
    for name in verbs():
        text = importlib.import_module(f"dgan_jax.cli.{name}").__doc__ or ""
        lines.append(f"  {name:<11} {text.strip().splitlines()[0]}")
    return "\n".join([*lines, "", "dgan VERB --help tells more. Start with: dgan quickstart"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb.

    Exit codes: 0 done, 2 bad input (one sentence on stderr), 70 diverged, 75 stopped by a signal and resumable.
    """
    environment.prepare()
    warnings.formatwarning = lambda message, category, *_, **__: f"dgan: warning: {message}\n"
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments:
        print(FIRST)
        return 0
    if arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if arguments[0] == "--version":
        from dgan_jax import __version__

        print(__version__)
        return 0
    verb, rest = arguments[0], arguments[1:]
    try:
        if verb not in verbs():
            raise unknown("verb", verb, verbs())
        from dgan_jax.train.ending import Diverged, Stopped

        try:
            return importlib.import_module(f"dgan_jax.cli.{verb}").main(rest)
        except Stopped as stopped:
            print(f"dgan {verb}: {stopped}; run the same command again to go on", file=sys.stderr)
            return STOPPED
        except Diverged as diverged:
            print(f"dgan {verb}: {diverged}", file=sys.stderr)
            return DIVERGED
    except ValueError as error:
        return refuse(verb, str(error))
    except BrokenPipeError:
        # Whoever was reading has gone, as in `dgan systems | head`; what is still to be flushed goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return refuse(verb, f"{place}{error.strerror or error}; make room, check permissions, or name another place")
    except OverflowError as error:
        return refuse(verb, f"a number is too large for this ({error}); give a smaller one")
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if not out_of_memory(error):
            raise
        return refuse(verb, NO_MEMORY)


def refuse(verb: str, sentence: str) -> int:
    print(f"dgan {verb}: {sentence}", file=sys.stderr)
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
