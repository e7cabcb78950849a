"""Published figures with protocol and source, and what the review prints wrongly: dgan published esrgan"""

import dataclasses
import sys

import tyro

from dgan_jax.core.names import narrowed
from dgan_jax.published import Row


@dataclasses.dataclass(frozen=True)
class Options:
    """Published figures of the review's tables and beyond, with their protocols, sources, and corrections."""

    words: tyro.conf.Positional[tuple[str, ...]] = ()
    """Only figures that all of these words fit: part of a method's name, a data set, a metric, a source."""
    table: int | None = None
    """1: generation on CIFAR-10; 2 and 3: PSNR and SSIM of enlargement on DIV2K; default: these and all others."""
    task: str | None = None
    """generate, superres, inpaint, deblur."""
    dataset: str | None = None
    """cifar10, div2k_valid, celebahq256, ..."""
    figure: str | None = None
    """psnr, ssim, fid, inception_score, ...: whatever the protocol."""
    metric: str | None = None
    """psnr_y_crop4, ...: figures of this protocol alone."""
    method: str | None = None
    """By the name in its paper, or the review's."""
    corrections: bool = False
    """What the review prints wrongly, instead."""
    markdown: bool = False
    """docs/published-tables.md, whole, on standard output."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan published")
    from dgan_jax.published.page import page

    filters = [name for name in ("task", "dataset", "figure", "metric", "method") if getattr(options, name) is not None]
    filters += ["words"] if options.words else []
    if options.markdown and (filters or options.corrections or options.table is not None):
        raise ValueError("--markdown writes the whole document; leave the other options out")
    if options.corrections and filters:
        named = filters[0] if options.words else f"--{filters[0]}"
        raise ValueError(f"corrections are listed by table only; leave {named} out")
    if options.markdown:
        sys.stdout.write(page())
    else:
        (show_corrections if options.corrections else show_rows)(options)
    return 0


def show_rows(options: Options) -> None:
    from dgan_jax.cli.screen import console
    from dgan_jax.published import TABLES, rows

    found = rows(
        table=options.table, task=options.task, dataset=options.dataset, figure=options.figure, metric=options.metric,
        method=options.method,
    )  # fmt: skip
    text = lambda row: f"{row.method} {row.task} {row.dataset} {row.metric} {row.source}"
    names = {name.casefold() for row in found for name in (row.method, row.dataset)}
    found = tuple(narrowed(found, [word.casefold() for word in options.words], text, "method or word", names))
    if not found:
        raise ValueError("no published figure fits all of these options; leave one of them out")
    for each in TABLES:
        if own := [row for row in found if row.table == each.number]:
            show_table(f"Table {each.number}: {each.title}" if each.number else each.title, own)
    for metric in dict.fromkeys(row.metric for row in found):
        protocol = next(row.protocol for row in found if row.metric == metric)
        console.print(f"{metric}: {protocol}", markup=False, highlight=False)
    console.print("?: recalled or inferred, not read in its source. review: what the review prints, if it does.")


def show_table(title: str, found: list[Row]) -> None:
    """Data that all rows share are said once, above."""
    from dgan_jax.cli.screen import table

    place = {f"{row.dataset}, {row.setting}" for row in found}
    shared = len(place) == 1
    lines = []
    for row in found:
        figure = row.text if row.checked else f"{row.text} ?"
        data = [] if shared else [f"{row.dataset}, {row.setting}"]
        review = row.review_text or ("same" if row.in_review else "")
        lines.append([row.method, *data, row.metric, row.source, figure, review])
    columns = ["method", *([] if shared else ["data"]), "metric", "source", "figure", "review"]
    table(f"{title} ({place.pop()})" if shared else title, columns, lines, left=len(columns) - 2)


def show_corrections(options: Options) -> None:
    from dgan_jax.cli.screen import table
    from dgan_jax.published import corrections, rows

    rows(table=options.table)  # refuses a table that does not exist
    columns = ["table", "printed", "correct", "why"]
    table("", columns, [(str(c.table), c.printed, c.correct, c.why) for c in corrections(options.table)], left=4)
