"""Cutting photographs into equal pieces for evaluation."""

from collections.abc import Iterator

import numpy as np

from dgan_jax.data.pipeline import batch_of
from dgan_jax.data.store import Source


def tiles(
    source: Source, size: int, *, batch: int = 16, limit: int | None = None
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """(numbers of the pieces, {"image": uint8 [B, size, size, C]}): pieces that do not overlap, of all photographs.

    With a limit, that many pieces are taken evenly from all of them. They come in turn from each photograph, so that
    the first few show them all. The last batch is shorter.
    """

    def sides(i: int) -> tuple[int, int]:
        # Photographs need not fit in memory together.
        shape = source.gather(np.array([i]))[0][0].shape if source.sizes is None else source.sizes[i]
        return int(shape[0]), int(shape[1])

    # Counted, not listed: a photograph may have millions of pieces.
    grids = np.array([sides(i) for i in range(len(source))]) // size
    ends = np.cumsum(grids.prod(axis=1))
    if not ends[-1]:
        raise ValueError(f"no image is as large as {size}x{size}; give a smaller --size")
    count = int(ends[-1]) if limit is None else min(limit, int(ends[-1]))
    chosen = np.linspace(0, ends[-1] - 1, count).round().astype(int)
    owner = np.searchsorted(ends, chosen, side="right")
    turn = np.arange(count) - np.searchsorted(owner, owner)
    order = np.lexsort((owner, turn))
    chosen, owner = chosen[order], owner[order]

    def piece(n: int, i: int) -> np.ndarray:
        row, column = divmod(int(n - ends[i] + grids[i].prod()), int(grids[i, 1]))
        photograph = source.gather(np.array([i]))[0][0]
        return photograph[row * size :, column * size :][:size, :size].copy()

    for first in range(0, count, batch):
        numbers, owners = (each[first : first + batch] for each in (chosen, owner))
        yield numbers, batch_of(source, np.stack([piece(n, i) for n, i in zip(numbers, owners, strict=True)]))
