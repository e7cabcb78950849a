"""What went wrong, in a sentence."""

import re

NO_MEMORY = "there is not enough memory for this; give smaller images, a smaller batch or a smaller network"

_MEMORY = re.compile(
    r"RESOURCE_EXHAUSTED|out of (device |host )?memory|\bOOM\b|(cannot|could not|can't|unable to|failed to) allocate|"
    r"bad_alloc|bad allocation|not enough memory|insufficient memory|memory (allocation )?(failed|exhausted)|"
    r"allocat\w+ .*(fail|exceed)|ENOMEM",
    re.IGNORECASE,
)


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception, or one that led to it, says that memory is short.

    numpy raises MemoryError, XLA RuntimeErrors of many wordings, other libraries whatever they like.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        short = isinstance(cause, OSError) and cause.errno == 12
        if isinstance(cause, MemoryError) or short or _MEMORY.search(str(cause)):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


def sentence(error: BaseException, *, memory: str = NO_MEMORY) -> str:
    """One line for a user. memory: what to say where there is not enough of it."""
    if out_of_memory(error):
        return memory
    text = " ".join(str(error).split())
    if isinstance(error, ValueError):
        return text or "refused without a reason"
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or text}; make room, check permissions, or name another place"
    kind = type(error).__name__
    return f"failed unexpectedly ({kind}{': ' + text[:300] if text else ''}); DGAN_TRACEBACK=1 shows where"
