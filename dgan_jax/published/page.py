"""docs/published-tables.md, written from the data: dgan published --markdown > docs/published-tables.md"""

from collections.abc import Iterable, Sequence

from dgan_jax.published.data import FIGURES, PROTOCOLS, TABLES, Row, Table
from dgan_jax.published.find import corrections

HEAD = """# Published figures

Written by `dgan published --markdown`; the data are `dgan_jax/published/*.toml`.

Tables 1 to 3 are those of a review of image restoration by diffusion-GANs, put back to their sources. The column
"review" has what the review prints: *same* as the source, **something else**, or nothing. All that it prints wrongly is
listed behind the tables. A figure with **?** was recalled or inferred, not read in its source.

The name of a metric carries its protocol. Names that `dgan evaluate` knows, too, are given only to figures made in the
same way; only those compare with what is measured here, on the same images with the same damage."""


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def grid(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    written = [columns, ["---"] * len(columns), *lines]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in written)


def shown(row: Row) -> str:
    """The figure, marked if it was not read in its source."""
    return row.text if row.checked else f"{row.text} **?**"


def printed(row: Row) -> str:
    """What the review has: something else, the same, or nothing."""
    if row.review_text is not None:
        return f"**{row.review_text}**"
    return "*same*" if row.in_review else ""


def of_figure(table: Table, figure: str) -> str:
    """The rows of one kind of figure, with a heading."""
    found = [row for row in table.rows if row.figure == figure]
    of_review = table.number is not None
    columns = ["method", "family", "year", "data", "figure", *(["review"] if of_review else []), "metric", "images",
               "source", "note"]  # fmt: skip
    lines = []
    for row in found:
        data = row.dataset if row.setting == "unconditional" else f"{row.dataset}, {row.setting}"
        name = row.method if row.review_method is None else f'{row.method} (printed as "{row.review_method}")'
        images = "" if row.images is None else f"{row.images:,}"
        lines.append([name, row.family, str(row.year), data, shown(row), *([printed(row)] if of_review else []),
                      f"`{row.metric}`", images, row.source, row.note])  # fmt: skip
    title = FIGURES[figure]
    return f"### {title[0].upper()}{title[1:]}\n\n{grid(columns, lines)}"


def section(table: Table) -> str:
    number = "" if table.number is None else f"Table {table.number}: "
    figures = dict.fromkeys(row.figure for row in table.rows)
    parts = [f"## {number}{table.title}", table.about, *(of_figure(table, figure) for figure in figures)]
    return "\n\n".join(parts)


def page() -> str:
    """The whole document."""
    wrong = [[str(c.table), c.printed, c.correct, c.why] for c in corrections()]
    used = {row.metric for table in TABLES for row in table.rows}
    protocols = [[f"`{name}`", "yes" if PROTOCOLS[name].ours else "", PROTOCOLS[name].text]
                 for name in PROTOCOLS if name in used]  # fmt: skip
    papers = sorted({(row.method, row.paper) for table in TABLES for row in table.rows})
    parts = [
        HEAD,
        *map(section, TABLES),
        "## What the review prints wrongly",
        grid(["table", "printed", "correct", "why"], wrong),
        "## Protocols",
        grid(["metric", "measured here, too", "protocol"], protocols),
        "## Papers",
        grid(["method", "paper"], papers),
    ]
    return "\n\n".join(parts) + "\n"
