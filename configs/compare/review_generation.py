"""The review's first table at a small scale: every system that generates, each with the same seconds, on CIFAR-10.

    dgan compare review_generation --train-data TRAIN.npz --data "generate=TEST.npz" --data "by class=TEST.npz" -o out/

Without files it trains and measures on tfds:cifar10, if that is prepared (see dgan data prepare). Networks are small
ones (the configs `*_small`), for two CPU cores: the rows compare with each
other, with nothing published. Diffusions are sampled in at most 100 network calls, the number in their names.
Measured: docs/results/review_generation.md
"""

from typing import Any

from dgan_jax.compare.config import Compare, Entry
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Data
from dgan_jax.tasks.generate import Generate

SECONDS = 150.0
METRICS = ("is_cifar", "fid_cifar", "precision_cifar", "recall_cifar", "swd_rgb")
DIFFUSION_GANS = ("ddgan", "wavediff", "lddgan", "diffusion_gan_noise")
GANS = ("gan", "lsgan", "cgan", "sngan", "autogan", "transgan", "stylegan2", "stylegan2_ada", "stylegan2_diffaug")
SAMPLED: dict[str, dict[str, dict[str, Any]]] = {
    "ddpm": {
        "ddpm, ddim 50": {"system": "ddim", "steps": 50},
        "ddpm, fastdpm 50": {"system": "fastdpm", "steps": 50},
        "ddpm, dpm_solver 20": {"system": "dpm_solver", "steps": 20},
    },
    "score_sde_ve": {"score_sde_ve, heun 35": {"system": "heun", "steps": 18}},
    "score_sde_vp": {
        "score_sde_vp, dpm_solver 20": {"system": "dpm_solver", "steps": 20},
        "score_sde_vp, probability_flow": {"system": "probability_flow", "rtol": 1e-2, "atol": 1e-2},
    },
    "score_sde_subvp": {"score_sde_subvp, dpm_solver 20": {"system": "dpm_solver", "steps": 20}},
    "ncsn": {"ncsn": {}},
    "ldm": {"ldm, ddim 50": {"system": "ddim", "steps": 50}},
}
"""By the system that is trained: its rows, and what each is sampled with."""
CONFIGS = {"ddpm": "ddpm_small", "ncsn": "ncsn_small", "ldm": "ldm_cifar10_small"} | {
    f"score_sde_{kind}": f"score_sde_{kind}_small" for kind in ("ve", "vp", "subvp")
}
WALKED: dict[str, dict[str, Any]] = {
    "sngan, ddls": {"system": "sngan_ddls"},
    "sngan, dgflow": {"system": "sngan_dgflow"},
}
"""What else a GAN's critic can give."""


def trained(name: str, config: str, **more: Any) -> Entry:
    return Entry(name=name, config=config, seconds=SECONDS, **more)


def entries() -> list[Entry]:
    gans = [trained(name, f"{name}_cifar10_small") for name in (*DIFFUSION_GANS, *GANS)]
    walked = [trained(name, "sngan_cifar10_small", folder="sngan", choices=how) for name, how in WALKED.items()]
    sampled = [
        trained(row, CONFIGS[name], folder=name, choices=how)
        for name, rows in SAMPLED.items()
        for row, how in rows.items()
    ]
    return [*gans, *walked, *sampled]


def get_compare() -> Compare:
    data = Data(name="tfds:cifar10", size=32, batch=64, crop="none", validation=0.0)
    trial = lambda name, classes: Trial(
        name=name, task=Generate(classes=classes), data=Data(**{**vars(data), "classes": classes}), limit=1024,
        metrics=METRICS,
    )  # fmt: skip
    return Compare(
        title="Generation of small images: the review's systems, the same seconds each",
        entries=tuple(entries()),
        trials=(trial("generate", 0), trial("by class", 10)),
        shown=8,
    )
