"""Kill a training with SIGKILL at random moments, go on each time, and compare the end with a run that nobody killed.

    python tests/train/kill.py --kills 20

Some kills hit a checkpoint while it is being written: the run writes one every second step.
"""

import argparse
import collections
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rivals

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.tasks.generate import Generate

HERE = Path(__file__).resolve()
STEPS = 400


def experiment(images: str, steps: int, seed: int = 0) -> Experiment:
    data = Data(name=images, size=8, batch=4, crop="none", validation=0.2)
    return Experiment(
        system=rivals.Config(), task=Generate(), data=data,
        train=Train(steps=steps, log_every=1, checkpoint_every=2, sample_every=0, devices=1, seed=seed),
    )  # fmt: skip


def child(folder: str, images: str, steps: int, seed: int) -> None:
    """One training process; says when its loop begins to advance."""
    import jax

    from dgan_jax.train import loop
    from dgan_jax.train.loop import Stopped

    slow = lambda progress: (print(progress.step, flush=True), time.sleep(0.01))
    try:
        state = loop.train(experiment(images, steps, seed), folder, observe=slow)
    except Stopped as stopped:
        sys.exit(f"stopped: {stopped}")
    leaves = jax.tree_util.tree_leaves_with_path(state)
    np.savez(f"{folder}.npz", **{jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves})


def start(folder: Path, images: str, steps: int, seed: int = 0) -> subprocess.Popen:
    flags = "--xla_backend_optimization_level=0"
    path = os.pathsep.join([str(HERE.parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}
    command = [sys.executable, str(HERE), "--child", str(folder), images, "--steps", str(steps), "--seed", str(seed)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def log_of(folder: Path) -> list[dict]:
    from dgan_jax.train.log import read

    return [{k: v for k, v in row.items() if k != "steps_per_second"} for row in read(folder / "log.jsonl")]


def state_of(folder: Path) -> dict[str, np.ndarray]:
    """The arrays that a run ended with, as ".opt_state['critic'][0].mu[...]"."""
    with np.load(folder.with_suffix(".npz")) as file:
        return dict(file)


def study(kills: int, folder: Path, *, steps: int = STEPS, seed: int = 0) -> dict[str, int]:
    """Counts: kills, those during which a checkpoint was being written, arrays (of each part of the state, too),
    differing arrays, differing log rows."""
    draw = np.random.default_rng(seed)
    images = str(folder / "images.npz")
    np.savez(images, image=draw.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8))
    whole = start(folder / "whole", images, steps)
    whole.communicate(timeout=600)
    done, writing = 0, 0
    broken = folder / "broken"
    while not broken.with_suffix(".npz").exists():
        process = start(broken, images, steps)
        if done < kills:
            assert process.stdout is not None
            # Up to `share` of what is left in each life, so that all kills find something to interrupt.
            target = int(process.stdout.readline() or steps) + draw.integers(1, max(2, steps // (kills + 1)))
            while (line := process.stdout.readline()) and int(line) < target:
                pass
            time.sleep(draw.uniform(0, 0.03))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                done += 1
                writing += any("tmp" in path.name for path in (broken / "checkpoints").glob("*"))
        process.communicate(timeout=600)
    ours, theirs = (state_of(folder / name) for name in ("broken", "whole"))
    different = sum(not np.array_equal(ours[name], theirs[name]) for name in theirs)
    parts = collections.Counter(name.split("['")[0].split(".")[1] for name in theirs)
    rows = [log_of(folder / name) for name in ("broken", "whole")]
    unequal = sum(a != b for a, b in zip(*rows, strict=True))
    return {
        "kills": done,
        "while writing": writing,
        "arrays": len(theirs),
        **parts,
        "different": different,
        "rows": unequal,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--child", nargs=2, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child, options.steps, options.seed)
    else:
        with tempfile.TemporaryDirectory() as place:
            found = study(options.kills, Path(place), steps=options.steps, seed=options.seed)
        print(found)
        sys.exit(bool(found["different"] or found["rows"]))
