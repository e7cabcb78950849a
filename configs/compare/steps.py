"""Quality against network calls: is a diffusion-GAN in four calls as good as others in hundreds?

    dgan compare steps --train-data TRAIN.npz --data "generate=TEST.npz" --data "thick holes=TEST.npz" -o out/

Without files it trains and measures on tfds:cifar10, if that is prepared (see dgan data prepare). Every network is
small, of much the same width, and has the same seconds; what restores with another number of calls, or with a solver,
shares one training. The plots `...-calls.png` show each system's figures over its calls. In the folder of
review_generation it finds what is trained already. Not yet measured.
"""

from typing import Any

from dgan_jax.compare.config import Compare, Entry
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Data
from dgan_jax.tasks.generate import Generate
from dgan_jax.tasks.inpaint import Inpaint

SECONDS = 150.0
HOLES = Inpaint(hole="thick", fill="coherent")
DATA = Data(name="tfds:cifar10", size=32, batch=16, crop="none", validation=0.0)
SMALL: dict[str, Any] = {f"data.{name}": getattr(DATA, name) for name in ("name", "size", "crop")} | {"data.batch": 8}


def trained(name: str, config: str, **more: Any) -> Entry:
    return Entry(name=name, config=config, seconds=SECONDS, **more)


def solved(prior: str, config: str, solver: str, calls: tuple[int, ...]) -> list[Entry]:
    """One training, restored with in several numbers of calls."""
    how = lambda steps: {"system": solver, "steps": steps}
    return [trained(f"{prior}, {solver} {n}", config, folder=prior, choices=how(n)) for n in calls]


def generating() -> list[Entry]:
    return [
        trained("ddgan, 4", "ddgan_cifar10_small", folder="ddgan"),
        *solved("ddgan", "ddgan_cifar10_small", "ddim", (1, 2)),
        trained("wavediff, 4", "wavediff_cifar10_small", folder="wavediff"),
        trained("ddpm, 1000", "ddpm_small", folder="ddpm"),
        *solved("ddpm", "ddpm_small", "ddim", (1, 2, 4, 10, 25, 50, 100)),
        *solved("ddpm", "ddpm_small", "dpm_solver", (2, 4, 10, 25)),
        *solved("score_sde_vp", "score_sde_vp_small", "dpm_solver", (2, 4, 10, 25)),
    ]


def filling() -> list[Entry]:
    own = lambda name, config, **changes: trained(name, config, overrides=SMALL | changes, task=HOLES)
    dgan = lambda answer, realism: trained(
        f"dgan, {answer}", "dgan_cifar10_inpaint", folder="dgan, holes", overrides={"system.estimate_share": 0.8},
        task=HOLES, choices={"realism": realism},
    )  # fmt: skip
    return [
        dgan("least error", 0.0),
        dgan("sample", 1.0),
        trained("ddgan, holes 2", "ddgan_cifar10_inpaint", task=HOLES, overrides={"data.batch": 8}),
        own("resshift, 4", "resshift_photos_x4"),
        own("resshift, 15", "resshift_photos_x4", **{"system.steps": 15}),
        own("irsde, 25", "irsde_photos_x4"),
        own("irsde, 100", "irsde_photos_x4", **{"system.steps": 100}),
        *solved("ddpm", "ddpm_small", "ddrm", (20,)),
        *solved("ddpm", "ddpm_small", "ddnm", (10, 25, 100)),
        trained("ddgan, ddnm 4", "ddgan_cifar10_small", folder="ddgan", choices={"system": "ddnm"}),
        trained("ddgan, repaint 31", "ddgan_cifar10_small", folder="ddgan", choices={"system": "repaint"}),
    ]


def get_compare() -> Compare:
    return Compare(
        title="Quality against network calls, on CIFAR-10 at a small scale",
        entries=(
            *generating(),
            *filling(),
            *(Entry(name=name, system=name) for name in ("coherent", "biharmonic")),
        ),
        trials=(
            Trial(
                name="generate", task=Generate(), data=DATA, limit=512, metrics=("is_cifar", "fid_cifar", "swd_rgb")
            ),
            Trial(
                name="thick holes", task=HOLES, data=DATA, limit=128, metrics=("psnr_hole", "ssim_hole", "swd_rgb")
            ),
        ),
        shown=8,
    )  # fmt: skip
