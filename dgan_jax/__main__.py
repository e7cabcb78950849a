"""`python -m dgan_jax` is `dgan`."""

import sys

from dgan_jax.cli.main import main

sys.exit(main(sys.argv[1:]))
