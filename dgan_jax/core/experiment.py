"""One experiment: a system, a task, data and training options; frozen, checked when built."""

import dataclasses
from typing import Any


def at_least(name: str, value: float, least: float) -> None:
    """A ValueError that names the option, what was given and what is wanted."""
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """Where images come from and how a batch is cut from them."""

    name: str = "bundled"
    """bundled (scikit-image's photographs), a folder, a .npz, .npy or .tar file, or tfds:NAME."""
    damaged: str = ""
    """Of pairs (task paired): the folder of the damaged pictures, of the same names; `damaged` of a .npz with both."""
    size: int = 64
    """Side of the square crops, in pixels."""
    batch: int = 16
    """Images per step, over all devices and hosts."""
    channels: int = 3
    """3 for colour, 1 for grey."""
    classes: int = 0
    """Number of classes in the data; 0 leaves labels aside."""
    crop: str = "random"
    """random, centre, or none (images already have the size)."""
    flip: bool = True
    """Mirror left and right at random."""
    resize: int | None = None
    """Bring the shorter side to this many pixels first."""
    validation: float = 0.05
    """Share of the images set aside for validation, where the source has no split of its own."""
    data_dir: str | None = None
    """Folder of prepared TFDS datasets."""
    megapixels: float = 100.0
    """Image files of more pixels are refused before they are decoded; raise it for files that you trust."""

    def __post_init__(self) -> None:
        at_least("data.size", self.size, 1)
        at_least("data.batch", self.batch, 1)
        if not self.megapixels > 0:
            raise ValueError(f"data.megapixels must be more than 0, got {self.megapixels}")
        if self.channels not in (1, 3):
            raise ValueError(f"data.channels must be 3 (colour) or 1 (grey), got {self.channels}")
        if self.crop not in ("random", "centre", "none"):
            raise ValueError(f"data.crop must be random, centre or none, got {self.crop!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train:
    """How long, how often things are written, and how the step is cut up."""

    steps: int = 10_000
    """Training steps in all, over all stages."""
    epoch: int = 1_000
    """Steps of one epoch, for schedules that change by the epoch."""
    seed: int = 0
    begin_with: str = ""
    """Weights that networks begin with: a run, a file of dgan export, or what comes with the package. Networks that it
    does not hold, as critics, start afresh. Several, by network: generator=runs/a,critic=runs/b; and where the network
    has another name there: encoder=runs/a#generator."""
    log_every: int = 50
    sample_every: int = 1_000
    """Steps between picture grids; 0 writes none."""
    checkpoint_every: int = 1_000
    keep: int = 3
    """Checkpoints kept."""
    devices: int = 0
    """Devices used on each host; 0 is all. One device runs under jit, several under pmap."""
    steps_per_call: int = 1
    """Training steps scanned in one call: fewer dispatches on fast devices."""
    accumulate: int = 1
    """Cut each device's batch into this many pieces and average their gradients."""
    bad_steps: int = 5
    """Steps in a row without finite losses and gradients (none is applied) after which the run rolls back."""
    rollbacks: int = 3
    """Rollbacks to the last good checkpoint, each with a lower learning rate, before the run gives up."""
    rollback_rate: float = 0.5
    """What a rollback multiplies the learning rates by."""
    tensorboard: bool = False
    """Also write TensorBoard events (extra: tensorboard)."""
    prefetch: int = 2
    """Batches kept ready on the devices."""

    def __post_init__(self) -> None:
        positive = (
            "steps",
            "epoch",
            "log_every",
            "checkpoint_every",
            "keep",
            "steps_per_call",
            "accumulate",
            "prefetch",
        )
        for name in (*positive, "bad_steps"):
            at_least(f"train.{name}", getattr(self, name), 1)
        if not 0 < self.rollback_rate < 1:
            raise ValueError(f"train.rollback_rate must be between 0 and 1, got {self.rollback_rate}")
        at_least("train.rollbacks", self.rollbacks, 0)
        at_least("train.sample_every", self.sample_every, 0)
        at_least("train.devices", self.devices, 0)
        if self.log_every % self.steps_per_call or self.checkpoint_every % self.steps_per_call:
            raise ValueError(
                f"train.log_every ({self.log_every}) and train.checkpoint_every ({self.checkpoint_every}) must be "
                f"multiples of train.steps_per_call ({self.steps_per_call})"
            )


UNESSENTIAL = (
    "log_every",
    "sample_every",
    "checkpoint_every",
    "keep",
    "devices",
    "steps_per_call",
    "tensorboard",
    "prefetch",
)
"""Fields of `Train` that may change when a run is resumed: they do not enter its arithmetic."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """A system's Config, a task, and how to train the one on the other; and how a run restores, where that is not by
    the system itself: the Config of a solver."""

    system: Any
    task: Any
    data: Data = Data()
    train: Train = Train()
    solver: Any = None
