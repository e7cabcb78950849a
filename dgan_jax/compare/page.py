"""The report as one HTML file that needs nothing else: sortable tables, plots, and pictures under a slider."""

import base64
import html
import io
import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template
from typing import Any

import numpy as np
from PIL import Image

from dgan_jax.compare import beside
from dgan_jax.compare.running import Outcome
from dgan_jax.compare.tables import COSTS, MARKS, Cell, columns, rows
from dgan_jax.report import BEST, plain

GIVEN = ("original", "damaged")


def data_uri(file: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"


def encoded(image: np.ndarray) -> str:
    """Compressed to a sixth of a PNG, by what nobody sees: a page holds hundreds of pictures."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "WEBP", quality=92)
    return data_uri(file.getvalue(), "webp")


def tag(name: str, content: str, **attributes: str) -> str:
    """An element; its content is HTML already."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items() if value
    )
    return f"<{name}{told}>{content}</{name}>"


def cell(one: Cell, *, text: bool = False) -> str:
    """Sorted by its value; what is unknown comes last. An interval goes below its figure."""
    figure, _, interval = one.text.partition(" [")
    content = html.escape(figure + ("" if one.mark == BEST else MARKS[one.mark]))
    content += tag("small", html.escape(f"[{interval}")) if interval else ""
    kind = " ".join(filter(None, [one.mark, "text" if text else ""]))
    value = "1e999" if one.value == math.inf else str(one.value)
    return tag("td", content, class_=kind, data_value=value)


def table(outcome: Outcome) -> str:
    """Click a heading to sort by it."""
    words = {"system", "family", "training"}
    head = "".join(tag("th", html.escape(name), class_="text" if name in words else "") for name in columns(outcome))
    body = ""
    for row in rows(outcome):
        cells = [cell(Cell(row.name, row.name), text=True)]
        cells += [cell(one, text=name in words) for name, one in zip(COSTS, row.costs, strict=True)]
        cells += [cell(one) for one in row.figures.values()]
        body += tag("tr", "".join(cells)) + "\n"
    whole = tag("thead", tag("tr", head)) + tag("tbody", body)
    return tag("div", tag("table", whole, class_="sortable"), class_="scroll")


def pictures(outcome: Outcome) -> list[dict[str, Any]]:
    """What the slider shows: for each image its versions, and the first figure of each."""
    report = outcome.report
    first = next((name for name in report.metrics if name in next(iter(report.results.values())).figures), None)
    found = []
    for i, original in enumerate(report.columns["original"]):
        versions = {name: encoded(report.columns[name][i]) for name in GIVEN}
        versions |= {name: encoded(result.images[i]) for name, result in report.results.items()}
        figures = {
            name: f"{first} {result.figures[first][i]:.2f}"
            for name, result in report.results.items()
            if first is not None
        }
        index = int(next(iter(report.results.values())).index[i])
        found.append(
            {"name": report.image_name(index), "width": original.shape[1], "height": original.shape[0],
             "versions": versions, "figures": figures}
        )  # fmt: skip
    return found


def options(names: Sequence[str], chosen: str, *, numbered: bool = False) -> str:
    """Of a select element; the chosen one at first."""
    made = ""
    for i, name in enumerate(names):
        selected = {"selected": "selected"} if name == chosen else {}
        made += tag("option", html.escape(name), value=str(i) if numbered else name, **selected)
    return made


def viewer(outcome: Outcome, number: int) -> str:
    """Two versions of an image, and a slider between them."""
    report, shown = outcome.report, pictures(outcome)
    names = [*GIVEN, *report.results]
    first = next(iter(report.metrics))
    best = report.best(report.results, first)
    select = lambda kind, made: tag("select", made, class_=kind, aria_label=kind)
    bar = (
        f"image {select('image', options([one['name'] for one in shown], shown[0]['name'], numbered=True))} "
        f"left {select('left', options(names, 'damaged'))} right {select('right', options(names, best))}"
    )
    stage = (
        '<img class="under" alt="right"><img class="over" alt="left"><div class="rule"></div>'
        '<span class="l"></span><span class="r"></span>'
    )
    # "<" would end the script if a name held it.
    data = json.dumps(shown).replace("<", "\\u003c")
    inside = (
        tag("div", bar, class_="bar")
        + tag("div", stage, class_="stage")
        + '<input type="range" min="0" max="100" value="50" aria-label="where the two meet">'
        + tag("div", "", class_="thumbs")
    )
    return f'<script type="application/json" id="pictures{number}">{data}</script>' + (
        f'<div class="viewer" data-pictures="pictures{number}">{inside}</div>'
    )


def published(outcome: Outcome) -> str:
    same, other = beside.pairs(outcome)
    if outcome.trial.published is None:
        return tag("p", beside.NONE, class_="soft")

    def listed(lines: Sequence[Sequence[str]], head: Sequence[str]) -> str:
        top = tag("tr", "".join(tag("th", html.escape(name), class_="text") for name in head))
        row = lambda line: tag("tr", "".join(tag("td", html.escape(text), class_="text wrap") for text in line))
        return tag("div", tag("table", top + "".join(map(row, lines))), class_="scroll")

    made = tag("p", beside.SAME) + listed(same, beside.HEAD) if same else tag("p", beside.EMPTY)
    if other:
        made += tag("details", tag("summary", beside.OTHER) + listed(other, (*beside.HEAD, "difference")))
    return made


def section(outcome: Outcome, plots: Mapping[str, bytes], number: int) -> str:
    report = outcome.report
    plot = lambda name, uri: f'<img src="{uri}" alt="{html.escape(name)}">'
    images = "".join(plot(name, data_uri(png, "png")) for name, png in plots.items())
    told = "".join(tag("li", html.escape(f"{name}: {one.protocol}")) for name, one in report.metrics.items())
    absent = "".join(tag("li", html.escape(f"{name}: {why}")) for name, why in outcome.absent.items())
    parts = [
        tag("h2", html.escape(outcome.trial.title)),
        tag("p", html.escape(report.title)),
        table(outcome),
        tag("p", html.escape(" ".join(report.notes()))) if report.notes() else "",
        tag("p", "Took no part:") + tag("ul", absent) if absent else "",
        published(outcome),
        tag("h3", "Side by side") + viewer(outcome, number),
        tag("h3", "Quality against cost, and image by image") + tag("div", images, class_="plots"),
        tag("details", tag("summary", "Protocol") + tag("ul", told)
            + tag("pre", html.escape(json.dumps(plain(report.protocol), indent=2)))),
    ]  # fmt: skip
    return tag("section", "\n".join(parts))


def page(title: str, note: str, outcomes: Sequence[Outcome], plots: Sequence[Mapping[str, bytes]]) -> str:
    """The whole file."""
    template = Template(resources.files(__package__).joinpath("page.html").read_text("utf-8"))
    made = [section(outcome, each, i) for i, (outcome, each) in enumerate(zip(outcomes, plots, strict=True))]
    return template.substitute(title=html.escape(title), note=html.escape(note), sections="\n".join(made))
