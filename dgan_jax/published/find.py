"""Finding published figures, and which of them a measured one may stand beside."""

from collections.abc import Iterable

from dgan_jax.core.names import unknown
from dgan_jax.published.data import FIGURES, TABLES, Correction, Row, figure_of

ROWS = tuple(row for table in TABLES for row in table.rows)


def one_of(kind: str, name: str, known: Iterable[str]) -> str:
    """The known spelling of `name`, whatever its capitals."""
    spellings = {spelling.lower(): spelling for spelling in known}
    if name.lower() not in spellings:
        raise unknown(kind, name, spellings.values())
    return spellings[name.lower()]


def rows(
    *, table: int | None = None, task: str | None = None, dataset: str | None = None, figure: str | None = None,
    metric: str | None = None, protocol: str | None = None, method: str | None = None,
) -> tuple[Row, ...]:  # fmt: skip
    """The published figures that fit all that is given, in the order of the tables.

    figure: "psnr", whatever the protocol. metric: "psnr_y_crop4", this protocol alone. protocol: words of its sentence,
    "cropped by 4". method: its own name or the review's. An unknown name is a ValueError with the nearest known one.
    """
    found = ROWS
    if table is not None:
        numbers = sorted(t.number for t in TABLES if t.number is not None)
        if table not in numbers:
            raise ValueError(f"there is no published table {table}; choose one of {', '.join(map(str, numbers))}")
        found = tuple(row for row in found if row.table == table)
    for field, name in {"task": task, "dataset": dataset, "figure": figure, "metric": metric}.items():
        if name is not None:
            exact = one_of(f"published {field}", name, {getattr(row, field) for row in ROWS})
            found = tuple(row for row in found if getattr(row, field) == exact)
    if protocol is not None:
        found = tuple(row for row in found if protocol.lower() in row.protocol.lower())
    if method is not None:
        aliases = {row.review_method: row.method for row in ROWS if row.review_method}
        exact = one_of("published method", method, {row.method for row in ROWS} | set(aliases))
        found = tuple(row for row in found if row.method == aliases.get(exact, exact))
    return found


def beside(
    metric: str, dataset: str, *, task: str, setting: str | None = None, images: int | None = None
) -> list[tuple[Row, str]]:
    """Published figures of the kind of `metric` on this task and dataset; each with why it does not compare, or "".

    setting and images, where given, are those of the measured figure: the damage, and of how many images it is.
    """
    kin = (r for r in ROWS if (r.task, r.dataset, r.figure) == (task, dataset, figure_of(metric)))
    return [(row, difference(row, metric, setting, images)) for row in kin]


def difference(row: Row, metric: str, setting: str | None, images: int | None) -> str:
    """In what the protocol of a published figure differs from that of a measured one."""
    said = []
    if row.metric != metric:
        said.append(f"{row.metric}, not {metric}: {row.protocol}")
    if setting is not None and setting != row.setting:
        said.append(f"{row.setting}, not {setting}")
    if None not in (images, row.images) and images != row.images:
        said.append(f"of {row.images:,} images, not {images:,}")
    return "; ".join(said)


def corrections(table: int | None = None) -> list[Correction]:
    """What the review prints wrongly: of each table its figures, its names, and what is wrong with it as a whole."""
    found = []
    for each in TABLES:
        if each.number is None or table not in (None, each.number):
            continue
        for row in each.rows:
            if row.review_text is not None:
                what = FIGURES[row.figure]
                printed, correct = f"{row.method}, {what} {row.review_text}", f"{what} {row.text}"
                found.append(Correction(each.number, printed, correct, row.note))
            if row.review_method is not None:
                found.append(
                    Correction(each.number, row.review_method, row.method, f"the name in its paper, {row.paper}")
                )
        found.extend(each.errors)
    return found
