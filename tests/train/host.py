"""One of several hosts: python host.py FOLDER IMAGES STEPS (the others are found by the environment)."""

import dataclasses
import sys

import numpy as np
import two_stage

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.tasks.generate import Generate
from dgan_jax.train import loop, parallel
from dgan_jax.train.loop import Stopped


def experiment(images: str, steps: int = 6) -> Experiment:
    data = Data(name=images, size=8, batch=4, crop="none", validation=0.2)
    return Experiment(
        system=two_stage.Config(), task=Generate(), data=data,
        train=Train(steps=steps, log_every=1, checkpoint_every=3, sample_every=0),
    )  # fmt: skip


if __name__ == "__main__":
    folder, images, steps = sys.argv[1:]
    parallel.join_hosts()
    import jax

    try:
        state = loop.train(experiment(images, int(steps)), folder, observe=lambda p: print(p.step, flush=True))
    except Stopped as stopped:
        print(stopped, flush=True)
        sys.exit(75)
    leaves = jax.tree.leaves(dataclasses.asdict(state)["params"])
    np.savez(f"{folder}_{jax.process_index()}.npz", *leaves)
