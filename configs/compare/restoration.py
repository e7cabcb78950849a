"""Holes, enlarging and noise: every system of the package, each with the same seconds of training.

    dgan compare restoration --train-data FOLDER --data "bsd100 thin=IMAGES" ... -o out/

Without folders it trains on the photographs that come with scikit-image and measures on those held out. Add runs that
were trained for longer with --add NAME=RUN. Measured: docs/results/
"""

from dgan_jax.compare.config import Compare, Entry
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Data
from dgan_jax.core.parts import Task
from dgan_jax.tasks.denoise import Denoise
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.tasks.superres import SuperResolution

SECONDS = 300.0

CLASSICAL = (
    "nearest", "bilinear", "harmonic", "biharmonic", "spline", "telea", "navier_stokes", "exemplar", "coherent",
    "upscale_nearest", "upscale_bilinear", "upscale_bicubic", "upscale_lanczos",
    "median", "bilateral", "wiener", "total_variation", "nonlocal_means", "bm3d",
)  # fmt: skip
ANY = ("ddgan", "wavediff", "lddgan", "diffusion_gan_noise")
SETS = ("bsd100", "urban100", "mcmaster")


def entries() -> list[Entry]:
    """Classical ones, those that learn one task at a time, and ours, which learns all three at once: two rows."""

    def learned(system: str, task: Task, what: str = "") -> Entry:
        return Entry(name=f"{system}{what}", config=f"{system}_photos_inpaint", task=task, seconds=SECONDS)

    # One kind of hole and one first estimate for all: what differs is the system.
    holes = Inpaint(hole="crops", fill="coherent")
    return [
        *(Entry(name=name, system=name) for name in CLASSICAL),
        *(learned(system, holes) for system in (*ANY, "diffir")),
        Entry(name="srddgan", config="srddgan_photos_x4", seconds=SECONDS),
        Entry(name="diffir, x4", config="diffir_photos_x4", seconds=SECONDS),
        *(learned(system, SuperResolution(scale=4), ", x4") for system in ANY),
        *(learned(system, Denoise(sigma=(5.0, 50.0)), ", noise") for system in ANY),
        *(
            Entry(name=f"dgan, {answer}", folder="dgan", config="dgan_photos", seconds=SECONDS, choices=choices)
            for answer, choices in (("least error", {"realism": 0.0}), ("sample", {"realism": 1.0}))
        ),
    ]


def get_compare() -> Compare:
    data = Data(name="bundled", size=256, batch=2, validation=0.0)
    trial = lambda name, task, metrics, **more: Trial(
        name=name, task=task, data=data, split="test", limit=20, metrics=metrics, **more
    )
    holes: dict[str, Task] = {hole: Inpaint(hole=hole, fill="coherent") for hole in ("thin", "thick", "centre")}
    inside = ("psnr_hole", "ssim_hole", "seam", "swd_rgb")
    whole = ("psnr_rgb", "ssim_rgb_gauss", "swd_rgb")
    enlarged = lambda name, **more: trial(
        f"{name} x4", SuperResolution(scale=4), ("psnr_y_crop4", "ssim_y_crop4", "swd_rgb"), **more
    )
    return Compare(
        title="Holes, enlarging and noise",
        entries=tuple(entries()),
        trials=(
            *(trial(f"{name} {hole}", task, inside) for name in SETS for hole, task in holes.items()),
            *(enlarged(name, crop="none", published=(name, "x4, bicubic")) for name in ("set5", "set14")),
            enlarged("bsd100"),
            *(trial(f"bsd100 noise {s}", Denoise(sigma=(float(s), float(s))), whole) for s in (15, 25, 50)),
        ),
    )  # fmt: skip
