"""Every entrance: a strategy of inputs, and the share of all inputs that it gets."""

from collections.abc import Callable
from typing import NamedTuple

from hypothesis import strategies as st

from . import arrays, comparisons, orders, pictures, runs, stores
from .judge import Case


class Entrance(NamedTuple):
    """`share`: parts of all inputs, of SHARES."""

    cases: Callable[[], st.SearchStrategy[Case]]
    share: int


ENTRANCES = {
    "photographs": Entrance(pictures.photographs, 22),
    "masks": Entrance(pictures.masks, 9),
    "folders": Entrance(pictures.folders, 6),
    "albums": Entrance(pictures.albums, 6),
    "arrays": Entrance(arrays.arrays, 12),
    "tars": Entrance(arrays.tars, 8),
    "configs": Entrance(orders.configs, 5),
    "overrides": Entrance(orders.overrides, 5),
    "commands": Entrance(orders.commands, 8),
    "comparisons": Entrance(comparisons.comparisons, 8),
    "datasets": Entrance(stores.datasets, 8),
    "run configs": Entrance(runs.run_configs, 5),
    "run files": Entrance(runs.run_files, 4),
    "checkpoints": Entrance(runs.run_checkpoints, 6),
    "weights": Entrance(stores.weights, 8),
    "torch files": Entrance(stores.torch_files, 12),
}
SHARES = sum(entrance.share for entrance in ENTRANCES.values())
