"""Decides what to do about one image, from what the ledger and the store say about it."""

from __future__ import annotations

from enum import Enum

from ..stores import Digest, StoredObject
from .ledger_lines import Entry


class Step(Enum):
    """The next step for an image."""

    FETCH = "fetch it, in place of what is there"
    LEAVE = "leave it: it is there and whole"
    GIVE_UP = "leave it: its source has said that there is none"
    READ = "read what is there and compare it with what is known"
    COMPARE = "compare what is there with the source, which has to be read for it"


def next_step(
    entry: Entry | None,
    stored: StoredObject | None,
    announced: Digest | None = None,
    recheck: bool = False,
) -> Step:
    """Decides the next step for an image, without asking the network or the disk.

    Args:
        entry: the ledger's latest entry about the image.
        stored: the object that the store has under its name.
        announced: what the source's own listing says about it, if the source is a bucket.
        recheck: whether a source that has said "missing" is asked again.

    Examples:
        >>> next_step(entry=None, stored=None).name
        'FETCH'
        >>> next_step(Entry("a.png", "missing"), stored=None).name
        'GIVE_UP'
    """
    if stored is None:
        missing = entry is not None and entry.outcome == "missing"
        return Step.GIVE_UP if missing and not recheck else Step.FETCH
    known = announced or (entry.digest if entry else None)
    if known is None:
        return Step.LEAVE if stored.ours else Step.COMPARE
    if not stored.holds(known):
        return Step.FETCH
    if stored.crc32c is not None or _is_same_version(entry, stored, known):
        return Step.LEAVE
    return Step.READ


def _is_same_version(entry: Entry | None, stored: StoredObject, known: Digest) -> bool:
    """Whether this very object is known to hold these bytes, so that it need not be read again."""
    return entry is not None and entry.generation == stored.generation and entry.digest == known
