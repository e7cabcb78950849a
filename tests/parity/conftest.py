"""Collection: a test whose fixture is absent from the folder does not exist, rather than being skipped.

Arguments that a fixture tells and no test of a file reads fail that file: a test that builds something without them
would pass whatever they say.
"""

import pytest

RUN: dict[str, int] = {}
"""How many tests of a file this process has begun."""
DESELECTED: list[pytest.Item] = []


def pytest_collection_modifyitems(items: list) -> None:
    # The name that pytest gives to a test over an empty list of parameters.
    items[:] = [item for item in items if "NOTSET" not in item.name]


def pytest_deselected(items: list) -> None:
    DESELECTED.extend(items)


def pytest_runtest_setup(item: pytest.Item) -> None:
    RUN[str(item.path)] = RUN.get(str(item.path), 0) + 1


@pytest.fixture(scope="module", autouse=True)
def everything_is_read(request: pytest.FixtureRequest):
    import published

    published.unread()
    before = request.session.testsfailed
    yield
    left = published.unread()
    # A part of a file, in another process or left out, reads a part of the arguments.
    file = str(request.path)
    whole = RUN[file] == sum(str(item.path) == file for item in request.session.items)
    whole = whole and not DESELECTED and not any("::" in argument for argument in request.config.args)
    if whole and request.session.testsfailed == before:
        assert not left, f"no test of {request.node.name} reads these arguments of its fixtures: {'; '.join(left)}"
