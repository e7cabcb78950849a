"""One of several hosts: python host.py FOLDER IMAGES (the others are found by the environment)."""

import dataclasses
import sys

import numpy as np
import two_stage

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.tasks.generate import Generate
from dgan_jax.train import loop, parallel


def experiment(images: str) -> Experiment:
    data = Data(name=images, size=8, batch=4, crop="none", validation=0.2)
    return Experiment(
        system=two_stage.Config(), task=Generate(), data=data,
        train=Train(steps=6, log_every=1, checkpoint_every=3, sample_every=0),
    )  # fmt: skip


if __name__ == "__main__":
    folder, images = sys.argv[1:]
    parallel.join_hosts()
    import jax

    state = loop.train(experiment(images), folder)
    leaves = jax.tree.leaves(dataclasses.asdict(state)["params"])
    np.savez(f"{folder}_{jax.process_index()}.npz", *leaves)
