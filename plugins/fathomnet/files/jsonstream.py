"""Walking a JSON text value by value, so that only one record of a long list is held at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_space = re.compile(r"[ \t\n\r]*")
_decode = json.JSONDecoder().raw_decode


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


class JsonCursor:
    """A position in a JSON text that only moves forward, past white space wherever it stops."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._move_to(0)

    def peek(self) -> str:
        """The character to be read next, or "" at the end of the text."""
        return self._text[self._at : self._at + 1]

    def value(self) -> object:
        """Reads the value that starts here, of whatever type.

        Raises:
            JsonSyntaxError: there is no valid value here.
        """
        try:
            value, end = _decode(self._text, self._at)
        except json.JSONDecodeError as error:
            raise JsonSyntaxError(self._text, error.pos, error.msg) from None
        except RecursionError:
            raise JsonSyntaxError(self._text, self._at, "is nested too deeply") from None
        except ValueError:
            raise JsonSyntaxError(self._text, self._at, "holds an endless number") from None
        self._move_to(end)
        return value

    def items(self) -> Iterator[object]:
        """Reads the list that starts here, one item at a time.

        Raises:
            JsonSyntaxError: the list is broken.
        """
        self._take("[")
        if self.peek() == "]":
            self._take("]")
            return
        yield self.value()
        while self._take(",]") == ",":
            yield self.value()

    def members(self) -> Iterator[str]:
        """Reads the object that starts here, one name at a time.

        The caller reads the value that belongs to the name before asking for the next one.

        Raises:
            JsonSyntaxError: the object is broken.
        """
        self._take("{")
        if self.peek() == "}":
            self._take("}")
            return
        yield self._name()
        while self._take(",}") == ",":
            yield self._name()

    def end(self) -> None:
        """Makes sure that nothing follows.

        Raises:
            JsonSyntaxError: something does.
        """
        if self.peek():
            raise JsonSyntaxError(self._text, self._at, "more text follows the end of the object")

    def _name(self) -> str:
        if self.peek() != '"':
            raise JsonSyntaxError(self._text, self._at, "expected a name in double quotes")
        name = self.value()
        self._take(":")
        return str(name)

    def _take(self, expected: str) -> str:
        found = self._text[self._at : self._at + 1]
        if not found or found not in expected:
            wanted = " or ".join(f"'{character}'" for character in expected)
            raise JsonSyntaxError(self._text, self._at, f"expected {wanted}")
        self._move_to(self._at + 1)
        return found

    def _move_to(self, position: int) -> None:
        space = _space.match(self._text, position)
        assert space is not None  # no white space at all matches too
        self._at = space.end()
