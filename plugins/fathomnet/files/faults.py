"""Collects every fault of an input before it is accepted or refused."""

import re
from collections import Counter

from ..errors import Fault, InputError
from ..text import counted, shortened

FAULTS_KEPT = 1_000
LONGEST_SHOWN = 80
_TOLD_AT_ONCE = 300
_MOST_KINDS = 50
_RECORD = re.compile(r"\[\d+\](?: \(id .*?\)(?=[.\[]|$))?")
"""What tells one record of a list from another: ``[12] (id 13)``."""


class FaultList:
    """The faults found so far: the first ``limit`` are kept, all are counted.

    The limit keeps a large file of garbage from filling the memory with faults.

    Examples:
        >>> faults = FaultList(limit=1)
        >>> faults.add("images[0].width", "is missing")
        >>> faults.add("images[1].width", "is missing")
        >>> [str(fault) for fault in faults.all()]
        ['images[0].width: is missing', 'elsewhere: 1 more, counted but not listed']
    """

    def __init__(self, limit: int = FAULTS_KEPT) -> None:
        self.count = 0
        self._limit = limit
        self._kept: list[Fault] = []
        self._kinds: Counter[str] = Counter()
        self._firsts: dict[str, Fault] = {}

    def __bool__(self) -> bool:
        return self.count > 0

    @property
    def full(self) -> bool:
        """Whether further faults will only be counted."""
        return self.count >= self._limit

    def add(self, place: str, problem: str, kind: str = "") -> None:
        """Keeps a fault while there is room, and counts it in any case.

        Args:
            place: where it is.
            problem: what is wrong there.
            kind: what such faults are, for ``told``; by default the member that has it.
        """
        kind = kind or _RECORD.sub("", place)
        if kind in self._kinds or len(self._kinds) < _MOST_KINDS:
            self._kinds[kind] += 1
        is_first = kind in self._kinds and kind not in self._firsts
        if is_first or not self.full:
            fault = Fault(place, problem)
            if is_first:
                self._firsts[kind] = fault
            if not self.full:
                self._kept.append(fault)
        self.count += 1

    def count_only(self, number: int) -> None:
        """Counts faults that are not worth describing because the list is full."""
        self.count += number

    def all(self) -> tuple[Fault, ...]:
        """The kept faults in the order in which they were found, and one that counts the rest."""
        hidden = self.count - len(self._kept)
        if not hidden:
            return tuple(self._kept)
        rest = Fault("elsewhere", f"{hidden:,} more, counted but not listed")
        return (*self._kept, rest)

    def told(self) -> tuple[str, ...]:
        """One sentence a kind: how many there are, and the first of them.

        Examples:
            >>> notes = FaultList()
            >>> notes.add("images[0].license", "should be a whole number")
            >>> notes.add("images[1].license", "should be a whole number")
            >>> print(*notes.told())
            images.license, 2 times, such as images[0].license: should be a whole number
        """
        sentences = []
        for kind, number in self._kinds.items():
            first = self._firsts[kind]
            times = f"{kind}, {counted(number, 'time', 'times')}, such as {first}"
            text = str(first) if first.place == kind else times
            sentences.append(shortened(text, _TOLD_AT_ONCE))
        return tuple(sentences)

    def raise_if_any(self, subject: str, advice: str = "") -> None:
        """Refuses the input if it has faults.

        Raises:
            InputError: with the kept faults.
        """
        if self:
            raise InputError(subject, self.all(), advice)


def kind_in_words(value: object) -> str:
    """What kind of value it is, without a word of it: it may be of a file that was not meant.

    Examples:
        >>> kind_in_words("a password"), kind_in_words([1, 2, 3]), kind_in_words(7)
        ('a text', 'a list of 3', 'a number')
    """
    if isinstance(value, str):
        return "a text"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return value_in_words(value) if value is None or isinstance(value, list | bool) else "an object"


def value_in_words(value: object) -> str:
    """A value from a file, short enough for a message and in the words of JSON.

    Examples:
        >>> value_in_words("12"), value_in_words([1, 2, 3]), value_in_words(None)
        ("the text '12'", 'a list of 3', 'null')
    """
    match value:
        case str():
            text = f"the text {value!r}"
        case list():
            text = f"a list of {len(value):,}"
        case dict():
            text = "an object"
        case None | bool():
            text = str(value).lower() if value is not None else "null"
        case int() if value.bit_length() > 128:
            text = "a whole number of more than 38 digits"
        case _:
            text = repr(value)
    return shortened(text, LONGEST_SHOWN)
