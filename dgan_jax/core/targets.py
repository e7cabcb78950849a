"""What is restored with, in one word: a folder or a name, and what one chooses of it: runs/mine@realism=0.5."""

import ast
from typing import Any, NamedTuple

CHOICE = "@"


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
    choices = {}
    for part in rest.split(","):
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise ValueError(f"what follows {CHOICE} is NAME=VALUE,NAME=VALUE, for example realism=0.5, got {part!r}")
        choices[name] = literal(value)
    return Target(place, choices)


def literal(text: str) -> Any:
    """A number or a truth value where the text is one."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, bool | int | float) else text
