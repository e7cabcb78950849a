"""Cutting photographs into equal pieces for evaluation."""

from collections.abc import Iterator

import numpy as np

from dgan_jax.data.store import Source


def tiles(
    source: Source, size: int, *, batch: int = 16, limit: int | None = None
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """(numbers of the pieces, {"image": uint8 [B, size, size, C]}): pieces that do not overlap, of all photographs.

    With a limit, that many pieces are taken evenly from all of them. They come in turn from each photograph, so that
    the first few show them all. The last batch is shorter.
    """
    places = []
    for i in range(len(source)):
        # Photographs need not fit in memory together.
        height, width = source.gather(np.array([i]))[0][0].shape[:2] if source.sizes is None else source.sizes[i]
        places += [
            (i, top, left) for top in range(0, height - size + 1, size) for left in range(0, width - size + 1, size)
        ]
    if not places:
        raise ValueError(f"no image is as large as {size}x{size}; give a smaller --size")
    count = len(places) if limit is None else min(limit, len(places))
    chosen = np.linspace(0, len(places) - 1, count).round().astype(int)
    owner = np.array([places[n][0] for n in chosen])
    turn = np.arange(count) - np.searchsorted(owner, owner)
    chosen = chosen[np.lexsort((owner, turn))]
    for first in range(0, count, batch):
        numbers = chosen[first : first + batch]
        cut = []
        for i, top, left in (places[n] for n in numbers):
            photograph = source.gather(np.array([i]))[0][0]
            cut.append(photograph[top : top + size, left : left + size].copy())
        yield numbers, {"image": np.stack(cut)}
