"""Finding things by name, and the sentence a user reads when a name is wrong."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


def unknown(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """For example: unknown system 'ddgn'; did you mean 'ddgan'?"""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
    return ValueError(f"unknown {kind} {name!r}; {hint}")


def narrowed(
    rows: Iterable[T], words: Iterable[str], text: Callable[[T], str], kind: str, known: Iterable[str]
) -> list[T]:
    """The rows whose text holds all words, in whatever case; for a word that no row left holds, `unknown` of `kind`."""
    left = list(rows)
    for word in words:
        found = [row for row in left if word.casefold() in text(row).casefold()]
        if not found:
            raise unknown(kind, word, known)
        left = found
    return left


def lookup(kind: str, name: str, known: Mapping[str, T]) -> T:
    """The entry called `name`, or a ValueError that names the nearest one."""
    if name not in known:
        raise unknown(kind, name, known)
    return known[name]
