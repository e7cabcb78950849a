"""What is restored with, in one word: a folder or a name, and what one chooses of it: runs/mine@realism=0.5."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

CHOICE = "@"


class Beginning(NamedTuple):
    """Where variables to begin with lie. `player`: whose they become, "" for all that are there by their own names;
    `name`: what the player is called there, "" for the same."""

    player: str
    place: str
    name: str


def beginnings(text: str) -> tuple[Beginning, ...]:
    """ "PLACE", or by player "PLAYER=PLACE,PLAYER=PLACE#NAME"; nothing of "". A ValueError says what it looks like."""
    if not text:
        return ()
    parts = text.split(",")
    if not all(PLAYER.match(part) for part in parts) or Path(text).exists():
        return (Beginning("", text, ""),)
    found = []
    for part in parts:
        player, _, rest = part.partition("=")
        place, _, name = rest.partition("#")
        if not place:
            raise ValueError(f"train.begin_with is PLACE or PLAYER=PLACE,PLAYER=PLACE, got {part!r}")
        found.append(Beginning(player, place, name))
    twice = sorted({one.player for one in found if [other.player for other in found].count(one.player) > 1})
    if twice:
        raise ValueError(f"train.begin_with names {twice[0]!r} twice; give it one place")
    return tuple(found)


PLAYER = re.compile(r"[a-z][a-z_0-9]*=")


class Target(NamedTuple):
    """`place`: the folder of a run, or a name; `choices`: options by name."""

    place: str
    choices: dict[str, Any]


def target(text: str) -> Target:
    """ "PLACE" or "PLACE@NAME=VALUE,NAME=VALUE": numbers, True and False are understood, all else is text.

    A ValueError says what a choice looks like.
    """
    place, mark, rest = text.rpartition(CHOICE)
    if not mark or "=" not in rest:
        return Target(text, {})
    return Target(place, chosen(rest.split(","), f"what follows {CHOICE} is NAME=VALUE,NAME=VALUE"))


def chosen(parts: Iterable[str], what: str) -> dict[str, Any]:
    """Options by name, of "NAME=VALUE" each; `what` begins the ValueError for one that looks otherwise."""
    choices = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise ValueError(f"{what}, for example realism=0.5, got {part!r}")
        choices[name] = literal(value)
    return choices


def literal(text: str) -> Any:
    """A number or a truth value where the text is one."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, bool | int | float) else text
