"""The .toml files of this folder as typed rows."""

import dataclasses
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any, NamedTuple

FIGURES = {
    "inception_score": "Inception Score", "fid": "FID", "recall": "recall", "nfe": "network evaluations",
    "seconds": "seconds", "psnr": "PSNR", "ssim": "SSIM", "lpips": "LPIPS", "l1": "L1", "u_ids": "U-IDS",
    "p_ids": "P-IDS",
}  # fmt: skip
"""What can be published about a method. A metric is a figure's name, or begins with it."""

COSTS = ("nfe", "seconds")
"""Figures that are of no particular number of images."""

FILES = ("table1", "table2", "table3", "beyond")


class Protocol(NamedTuple):
    """How a figure was made. `ours`: the package has a metric of this name, and it is made in the same way."""

    text: str
    ours: bool


@dataclasses.dataclass(frozen=True)
class Row:
    """One published figure of one method."""

    table: int | None  # of the review; None: beyond its tables
    method: str
    family: str
    year: int
    paper: str  # the method's own
    task: str
    dataset: str
    setting: str  # the damage, or "unconditional"
    metric: str  # carries the protocol; named as in the package only if made in the same way
    text: str  # the figure with its digits and its ±, as published
    source: str  # where the figure is from: paper with arXiv id and table, or repository
    images: int | None  # that it is the figure of; None: not stated
    checked: bool  # False: recalled or inferred, not read in the source
    in_review: bool  # False: not printed by the review, in any form
    review_text: str | None  # what the review prints, where it is something else
    review_method: str | None  # what it calls the method, where it is something else
    note: str

    @property
    def value(self) -> float:
        return number(self.text)

    @property
    def spread(self) -> float | None:
        """What follows the ±."""
        return float(self.text.split("±")[1]) if "±" in self.text else None

    @property
    def review_value(self) -> float | None:
        return None if self.review_text is None else number(self.review_text)

    @property
    def protocol(self) -> str:
        return PROTOCOLS[self.metric].text

    @property
    def figure(self) -> str:
        return figure_of(self.metric)


class Correction(NamedTuple):
    """Something that the review prints, and what it should be."""

    table: int
    printed: str
    correct: str
    why: str


class Table(NamedTuple):
    """A file of figures."""

    number: int | None
    title: str
    about: str
    rows: tuple[Row, ...]
    errors: tuple[Correction, ...]  # of the table as a whole; those of single figures are in its rows


def number(text: str) -> float:
    return float(text.split("±")[0])


def figure_of(metric: str) -> str:
    """ "psnr" of "psnr_y_crop4"; the metric itself if nobody publishes such figures."""
    begins = [name for name in FIGURES if metric == name or metric.startswith(f"{name}_")]
    return max(begins, key=len, default=metric)


def load(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))


def rows_of(content: dict[str, Any]) -> Iterator[Row]:
    """A figure says what differs from its method, a method what differs from the file's defaults."""
    for method in content["method"]:
        shared = content["defaults"] | {key: value for key, value in method.items() if key != "figures"}
        for figure in method["figures"]:
            given = shared | figure
            review = given.get("review")
            in_review = review is not None or given.get("printed", False)
            images = None if figure_of(given["metric"]) in COSTS else given.get("images") or None
            yield Row(
                table=content.get("table"), method=given["name"], family=given["family"], year=given["year"],
                paper=given["paper"], task=given["task"], dataset=given["dataset"], setting=given["setting"],
                metric=given["metric"], text=given["value"], source=given["source"], images=images,
                checked=given.get("checked", True), in_review=in_review, review_text=review,
                review_method=given.get("review_name") if in_review else None, note=given.get("note", ""),
            )  # fmt: skip


def table_of(name: str) -> Table:
    content = load(name)
    about = " ".join(content["about"].split())
    errors = tuple(Correction(content["table"], **error) for error in content.get("error", ()))
    return Table(content.get("table"), content["title"], about, tuple(rows_of(content)), errors)


PROTOCOLS = {name: Protocol(entry["text"], entry.get("ours", False)) for name, entry in load("protocols").items()}
TABLES = tuple(map(table_of, FILES))
