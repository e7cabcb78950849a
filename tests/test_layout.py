"""The floors of docs/architecture.md: imports go downward and, within a floor, stay in their own package."""

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FLOORS = {
    **dict.fromkeys(("core", "ops"), 0),
    **dict.fromkeys(("nets", "process", "spaces", "tasks", "data", "published"), 1),
    "pretrained": 2,
    **dict.fromkeys(("objectives", "samplers", "metrics"), 3),
    "systems": 4,
    **dict.fromkeys(("train", "evaluate", "restore", "convert"), 5),
    **dict.fromkeys(("api", "bench", "report", "compare", "doctor"), 6),
    **dict.fromkeys(("cli", "app"), 7),
    "__main__": 8,
}
# Single files at the top are of one package, the top one: evaluate may call restore, and compare may call report.
FILES = {"evaluate", "restore", "api", "bench", "report", "compare", "doctor"}
# The verb `app` starts the page, which restores as the verb `restore` does.
NEIGHBOURS = {("cli", "app"), ("app", "cli")}
FOREIGN = {"tensorflow", "torch"}
NAMELESS = {"utils", "util", "misc", "helpers"}


def module_name(path: pathlib.Path, root: pathlib.Path) -> tuple[str, ...]:
    """("dgan_jax", "nets", "unet") of root/nets/unet.py; a package is named without its __init__."""
    parts = (root.name, *path.relative_to(root).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def targets(node: ast.AST, module: tuple[str, ...], is_package: bool) -> list[tuple[str, ...]]:
    """The dotted names that one node imports, relative ones resolved; `from a import b` counts as a.b."""
    if isinstance(node, ast.Import):
        return [tuple(alias.name.split(".")) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = tuple(node.module.split(".")) if node.module else ()
        if node.level:
            own = module if is_package else module[:-1]
            base = own[: len(own) - node.level + 1] + base
        return [(*base, alias.name) for alias in node.names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
        constant = node.args[0] if node.args else None
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
            return [tuple(constant.value.split("."))]
    return []


def lazily_imported(tree: ast.Module) -> set[int]:
    """Nodes that run only when a function is called."""
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))
    return {id(inner) for function in functions for inner in ast.walk(function)}


def fault(module: tuple[str, ...], target: tuple[str, ...], is_package: bool) -> str | None:
    """What is wrong with `module` importing `target`, both inside the package; None if nothing is."""
    if len(target) == 1 or target[1] not in FLOORS:
        return None if target[1:2] == ("__version__",) else "imports from the package's face, which sits above all"
    (own, ours), (other, theirs) = ((part[1], FLOORS[part[1]]) for part in (module, target))
    if theirs > ours:
        return f"imports upward, from floor {ours} to {theirs}"
    if theirs == ours and own != other and (own, other) not in NEIGHBOURS and not {own, other} <= FILES:
        return f"imports sideways on floor {ours}"
    is_system = own == "systems" and len(module) == 4 and not is_package
    if is_system and other == "systems" and len(target) > 3 and target[:4] != module:
        return "is a system and imports another"
    return None


def breaches(root: pathlib.Path) -> Iterator[str]:
    """One line for every breach in the package at `root`, which is named as its folder."""
    for path in sorted(root.rglob("*.py")):
        module, is_package = module_name(path, root), path.name == "__init__.py"
        where = path.relative_to(root).as_posix()
        if path.stem in NAMELESS:
            yield f"{where}: says nothing of its content by its name"
        if len(module) > 1 and module[1] not in FLOORS:
            yield f"{where}: stands on no floor"
            continue
        tree = ast.parse(path.read_text("utf-8"), where)
        lazy = lazily_imported(tree)
        for node in ast.walk(tree):
            for target in targets(node, module, is_package):
                line = f"{where}:{getattr(node, 'lineno', 0)}"
                if target[0] in FOREIGN and id(node) not in lazy:
                    yield f"{line}: imports {target[0]} when it is imported itself"
                # The package's own face may offer anything.
                inside = target[:1] == (root.name,) and len(module) > 1
                if inside and (wrong := fault(module, target, is_package)):
                    yield f"{line}: {wrong}: {'.'.join(target)}"


def test_every_import_keeps_to_the_floors():
    assert not list(breaches(ROOT / "dgan_jax"))


def test_the_architecture_document_tells_the_same_floors():
    block = re.search(r"^```\n(core.*?)^```", (ROOT / "docs" / "architecture.md").read_text("utf-8"), re.M | re.S)
    lines = [re.split(r"\s{2,}", line)[0] for line in block[1].splitlines() if line.strip()]
    told = [{name.split("/")[0].strip().removesuffix(".py") for name in line.split(",")} for line in lines]
    ranks = [{FLOORS[name] for name in names} for names in told]
    assert all(len(rank) == 1 for rank in ranks)
    assert sorted(ranks, key=min) == ranks


KEPT = {
    "__init__.py": "def train():\n    from demo.train import loop\n    return loop\nfrom demo import cli",
    "core/names.py": "import numpy as np",
    "nets/unet.py": "from .layers import block\nfrom ..core import names\nfrom demo.ops import fir",
    "nets/layers.py": "block = 1",
    "ops/fir.py": "",
    "metrics/table.py": "from demo.metrics import psnr\nimport demo.core.names",
    "systems/gan/wgan.py": "from demo.systems import options\nfrom demo.nets.unet import UNet",
    "systems/options.py": "from importlib import import_module\nfind = lambda n: import_module(f'demo.systems.{n}')",
    "compare.py": "from demo import evaluate, report\nfrom demo.restore import restore",
    "convert/pth.py": "def check():\n    import torch\n    return torch",
    "cli/app.py": "from demo.app import page",
}
BROKEN = {
    "upward": ("nets/bad.py", "from demo.train.step import step", "upward, from floor 1 to 5"),
    "upward by name of the package": ("nets/bad.py", "from demo import systems", "upward, from floor 1 to 4"),
    "upward in a function": ("ops/bad.py", "def f():\n    import demo.cli.main", "upward, from floor 0 to 7"),
    "upward for types only": (
        "core/bad.py",
        "if TYPE_CHECKING:\n    import demo.nets.unet",
        "upward, from floor 0 to 1",
    ),
    "upward to a file": ("train/bad.py", "from demo import report", "upward, from floor 5 to 6"),
    "relative upward": ("core/bad.py", "from ..nets.unet import UNet", "upward, from floor 0 to 1"),
    "relative upward without a module": ("process/bad.py", "from .. import samplers", "upward, from floor 1 to 3"),
    "relative upward of a package": ("nets/deep/__init__.py", "from ...systems import options", "upward, from floor 1"),
    "upward by text": ("tasks/bad.py", "import importlib\nimportlib.import_module('demo.app.page')", "floor 1 to 7"),
    "sideways": ("nets/bad.py", "from demo.process import gaussian", "sideways on floor 1"),
    "sideways below": ("ops/bad.py", "from demo.core.names import lookup", "sideways on floor 0"),
    "sideways above": ("train/bad.py", "from demo.convert import pth", "sideways on floor 5"),
    "sideways to a file": ("evaluate.py", "from demo.train import loop", "sideways on floor 5"),
    "from a face": ("train/bad.py", "import demo", "the package's face"),
    "a system and another": ("systems/gan/bad.py", "from demo.systems.gan.wgan import build", "imports another"),
    "a system and a relative": ("systems/gan/bad.py", "from . import wgan", "imports another"),
    "a system of another family": ("systems/gan/bad.py", "import demo.systems.diffusion.ddpm", "imports another"),
    "tensorflow": ("data/bad.py", "import tensorflow as tf", "imports tensorflow"),
    "torch in a class": ("convert/bad.py", "class A:\n    from torch.nn import Module", "imports torch"),
    "a name without meaning": ("nets/utils.py", "", "says nothing"),
    "no floor": ("stuff/thing.py", "", "stands on no floor"),
}


def plant(root: pathlib.Path, files: dict[str, str]) -> pathlib.Path:
    for name, text in files.items():
        path = root / "demo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root / "demo"


def test_the_checker_is_content_with_a_tree_that_keeps_the_rules(tmp_path):
    assert list(breaches(plant(tmp_path, KEPT))) == []


@pytest.mark.parametrize("case", BROKEN)
def test_the_checker_finds(case, tmp_path):
    path, text, says = BROKEN[case]
    found = list(breaches(plant(tmp_path, {**KEPT, path: text})))
    assert len(found) == 1
    assert found[0].startswith(path)
    assert says in found[0]


def test_no_two_test_files_share_a_name():
    """pytest would import the one for the other."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
