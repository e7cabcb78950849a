"""Every notebook in colab/ runs from its first cell to its last, with its parameters and its networks made small."""

import dataclasses
import json
from pathlib import Path

import pytest

from dgan_jax import api
from dgan_jax.core.experiment import Experiment
from dgan_jax.train import configs

FOLDER = Path(__file__).resolve().parent.parent / "colab"
SMALL = {
    "steps": 2, "limit": 2, "side": 32, "size": 32, "samples": 1, "features": 8, "per_device": 2, "system": "telea",
    "holes": ["telea", "nearest"], "noise": ["bilateral"],
}  # fmt: skip
NETWORKS = {"estimator_features": (8,), "estimator_blocks": (1,), "features": (8,), "blocks": (1,)}


def small(name: str) -> Experiment:
    """A config with the least networks and a quick fill, otherwise as it is."""
    found = configs.load(name)
    system, task = dataclasses.replace(found.system, **NETWORKS), dataclasses.replace(found.task, fill="pull_push")
    return dataclasses.replace(found, system=system, task=task)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "load_config", small)
    names: dict = {}
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or source.startswith("!"):
            continue
        exec(compile(source, str(path), "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names |= {name: value for name, value in SMALL.items() if name in names}
    assert list(tmp_path.rglob("picture.png"))
