"""A JSON text read whole, and where it stops being JSON."""

from __future__ import annotations

import json
from collections import Counter


class JsonSyntaxError(ValueError):
    """The text is not JSON from some position on.

    Attributes:
        place: line and column, both from 1.
        problem: what is wrong there.
    """

    def __init__(self, text: str, position: int, problem: str) -> None:
        line = text.count("\n", 0, position) + 1
        column = position - text.rfind("\n", 0, position)
        self.place = f"line {line:,}, column {column:,}"
        ended = position >= len(text.rstrip()) or not text.rstrip().endswith("}")
        self.problem = f"the file looks cut off ({problem})" if ended else problem
        super().__init__(f"{self.place}: {self.problem}")


def parse_json(text: str) -> tuple[object, frozenset[str]]:
    """Reads a JSON text to its end.

    Args:
        text: the text.

    Returns:
        The value, and the names that the outermost object uses more than once: of their values
        only the last one is kept.

    Raises:
        JsonSyntaxError: the text is not one JSON value, with the place.

    Examples:
        >>> parse_json('{"images": [], "images": [1]}')
        ({'images': [1]}, frozenset({'images'}))
    """
    repeated: frozenset[str] = frozenset()

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        # The outermost object ends last, so that its names are the ones that remain.
        nonlocal repeated
        value = dict(pairs)
        repeated = frozenset()
        if len(value) < len(pairs):
            repeated = frozenset(
                name for name, times in Counter(name for name, _ in pairs).items() if times > 1
            )
        return value

    try:
        return json.loads(text, object_pairs_hook=members), repeated
    except json.JSONDecodeError as error:
        problem = error.msg
        if problem == "Extra data":
            problem = "more text follows the end of the object"
        raise JsonSyntaxError(text, error.pos, problem) from None
    except RecursionError:
        raise JsonSyntaxError(text, 0, "is nested too deeply") from None
    except ValueError:
        raise JsonSyntaxError(text, 0, "holds an endless number") from None
