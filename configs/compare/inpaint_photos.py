"""Classical inpainting of the bundled photographs: dgan compare inpaint_photos -o out/

Needs no download and no training. Add runs of your own on the command line, as many as you like:
    dgan compare inpaint_photos --add mine=runs/mine --add "two seeds=quickstart/run" -o out/
or in a copy of this file, as Entry(name="mine", run="runs/mine"), or to be trained within the comparison, as
    Entry(name="ddgan", config="ddgan_photos_inpaint", seconds=600)
Measured here, two CPU cores, a minute: psnr_hole in brush holes from 24.51 (nearest) to 26.33 (harmonic), in boxes from
20.81 (nearest) to 23.26 (harmonic), each ± 4 dB; 24 pieces.
"""

from dgan_jax.compare.config import Compare, Entry
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Data
from dgan_jax.tasks.inpaint import Inpaint

SYSTEMS = ("nearest", "bilinear", "harmonic", "biharmonic", "telea", "navier_stokes")


def get_compare() -> Compare:
    data = Data(name="bundled", size=128, batch=8)
    return Compare(
        title="Inpainting of photographs: classical methods",
        entries=tuple(Entry(name=name, system=name) for name in SYSTEMS),
        trials=tuple(
            Trial(name=f"{hole} holes", task=Inpaint(hole=hole), data=data, split="validation", crop="tiles", limit=24)
            for hole in ("brush", "box")
        ),
    )
