"""Every notebook in colab/ runs from its first cell to its last, with its parameters made small."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "colab"
SMALL = {"steps": 2, "limit": 2}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or source.startswith("!"):
            continue
        exec(compile(source, str(path), "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names |= {name: value for name, value in SMALL.items() if name in names}
    assert list(tmp_path.rglob("picture.png"))
