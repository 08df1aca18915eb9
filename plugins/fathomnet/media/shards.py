"""Divides a job among workers, none of which needs to ask the others what to do."""

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from typing_extensions import Self

from ..errors import Fault, InputError

_TEXT: Final = re.compile(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the parts into which a job's images are divided by their names.

    Attributes:
        index: which part, from 0.
        count: the number of parts; 1 means the whole.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(f"there is no part {self.index} of {self.count}, counted from 0")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``I/N``; an empty text stands for the whole.

        Parts may be counted from 0 or from 1, since N/N is the same part as 0/N: workers 0/4 to 3/4
        cover everything, and so do 1/4 to 4/4.

        Raises:
            InputError: the text is neither; the fault's place is ``shard``.

        Examples:
            >>> Shard.parse("1/4"), Shard.parse("4/4") == Shard.parse("0/4")
            (Shard(index=1, count=4), True)
        """
        if not text.strip():
            return cls()
        numbers = _TEXT.fullmatch(text)
        if not numbers:
            raise _refused(f"{text!r} is not I/N, such as 1/4 for the first of four parts")
        index, count = map(int, numbers.groups())
        if not count or index > count:
            raise _refused(f"there is no part {index} of {count}")
        return cls(index % count, count)

    def owns(self, name: str) -> bool:
        """Whether an image belongs to this part; the answer is the same on every machine, for ever.

        Args:
            name: its file name in the catalog.

        Examples:
            >>> sum(Shard(index, 4).owns("07-03-27-40.png") for index in range(4))
            1
        """
        if self.count == 1:
            return True
        # Python's own hash of a text differs from process to process.
        digest = blake2b(name.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index

    @property
    def label(self) -> str:
        """The part as it appears in file names, such as ``1-of-4``; empty for the whole.

        Examples:
            >>> Shard.parse("0/4").label, Shard().label
            ('4-of-4', '')
        """
        return "" if self.count == 1 else f"{self.index or self.count}-of-{self.count}"


def _refused(problem: str) -> InputError:
    return InputError("parameter shard", [Fault("shard", problem)])
