"""Comparisons: their configs, their options, and what they kept from a former run."""

from typing import Any

from hypothesis import strategies as st

from . import good
from .damage import NASTY, NUMBERS, broken
from .good import BLOCKED
from .judge import Case

CONFIG = """
from dgan_jax.compare.config import Compare, Entry
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Data
from dgan_jax.tasks.inpaint import Inpaint

def get_compare():
    data = Data(name="photos.npz", size=8, batch=2, validation=0.0)
    trial = Trial(name="holes", task=Inpaint(hole="box"), data=data, limit=2, metrics=("psnr_hole",))
    return Compare(title="Small", entries=(Entry(name="near", system="nearest"),), trials=(trial,), shown=1)
"""
OLD = (
    '"photos.npz"', "size=8", "batch=2", "0.0", '"holes"', '"box"', "limit=2", '"psnr_hole"', '("psnr_hole",)',
    '"Small"', '"near"', '"nearest"', "trials=(trial,)", "shown=1", "Inpaint(", "system=", "task=",
)  # fmt: skip
NEW = ("0", "-1", "None", "'x'", "'../x'", "1e400", "10**30", "{}", "()", "float('nan')", "size=7", "shown=-1", "run=")
OPTIONS = ("--add", "--entries", "--data", "--train-data", "--seconds", "--metrics", "--weights", "--limit", "--help")
WORDS = ("near", "holes=photos.npz", "holes=nowhere", "more=nearest", "more=nearest@realism=1", "=", "a=", "psnr_hole")


@st.composite
def comparisons(draw: Any) -> Case:
    """Nothing is measured, as the folder of the comparison cannot be made."""
    data, command = CONFIG.encode(), ["compare", "compare.py", "--out", "file/out"]
    match draw(st.integers(0, 2)):
        case 0:
            data = draw(broken(data))
        case 1:
            data = CONFIG.replace(draw(st.sampled_from(OLD)), draw(st.sampled_from(NEW))).encode()
        case _:
            odd = st.sampled_from(WORDS) | st.sampled_from(NUMBERS) | st.sampled_from(NASTY) | st.text(max_size=9)
            for _ in range(draw(st.integers(1, 3))):
                command += [draw(st.sampled_from(OPTIONS)), draw(odd)]
    files = {"compare.py": data, "photos.npz": good.arrays()["plain.npz"], **BLOCKED}
    return Case(tuple(command), files, loads="cannot write")
