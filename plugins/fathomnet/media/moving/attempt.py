"""One attempt to move one image: look what is stored, fetch what is not, report the outcome."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from ..ledger import Entry
from ..outcomes import ConflictError, ItemError, MissingError
from ..store import Digest, Incoming, Store, StoredObject
from .hosts import Turn
from .relay import Relay, Watch


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
    source: str = "",
) -> Step:
    """Decides the next step for an image, without asking the network or the disk.

    Args:
        entry: the ledger's latest entry about the image.
        stored: the object that the store has under its name.
        announced: what the source's own listing says about it, if the source is a bucket.
        recheck: whether a source that has said "missing" is asked again.
        source: which URL the image has now, see ``ledger.source_of``; empty if that is no matter.

    Examples:
        >>> next_step(entry=None, stored=None).name
        'FETCH'
        >>> next_step(Entry("a.png", "missing"), stored=None).name
        'GIVE_UP'
        >>> next_step(Entry("a.png", "missing", source="ab12"), None, source="cd34").name
        'FETCH'
    """
    if entry is not None and source and entry.source not in ("", source):
        return Step.FETCH  # its URL was corrected
    missing = entry is not None and entry.outcome == "missing"
    if stored is None or is_of_another_source(entry, stored):
        return Step.GIVE_UP if missing and not recheck else Step.FETCH
    known = announced or (entry.digest if entry else None)
    if known is None:
        return Step.LEAVE if stored.ours else Step.COMPARE
    if not stored.holds(known):
        return Step.FETCH
    # This very object may be known to hold these bytes, so that it need not be read again.
    known_version = entry and entry.digest == known and entry.generation == stored.generation
    return Step.LEAVE if stored.crc32c is not None or known_version else Step.READ


def is_of_another_source(entry: Entry | None, stored: StoredObject) -> bool:
    """Whether what is stored is known to come from an earlier URL of the image.

    Args:
        entry: the ledger's latest entry about the image.
        stored: the object that the store has under its name.
    """
    if entry is None or entry.outcome not in ("missing", "rejected", "failed"):
        return False
    return entry.generation == stored.generation


@dataclass(frozen=True, slots=True)
class Item:
    """One image to move.

    Attributes:
        name: its file name in the catalog.
        address: where the source has it, a URL or a path in a store; empty if unknown.
        announced: what the source's listing says about its bytes, if there is a listing.
        source: which URL that is, see ``ledger.source_of``; empty for a path in a store.
    """

    name: str
    address: str
    announced: Digest | None = None
    source: str = ""


class Source(Protocol):
    """Where images come from: the web, or a store."""

    def open(self, address: str) -> AbstractAsyncContextManager[Incoming]:
        """Begins to read an image."""
        ...


class Journal(Protocol):
    """Keeps outcomes; the ledger is one.

    Attributes:
        entries: the latest entry of each image that has one.
    """

    entries: dict[str, Entry]

    def record(self, entry: Entry) -> None:
        """Keeps an entry permanently."""
        ...


class Mover:
    """Moves images from a source into a folder of a store.

    Args:
        source: where the images come from.
        store: where they go.
        folder: the folder below the store's root.
        journal: what is known about the images; each image is recorded just before it is stored.
        stall_seconds: an attempt in which nothing moves for so long is ended.
    """

    def __init__(
        self, source: Source, store: Store, folder: str, journal: Journal, stall_seconds: float
    ) -> None:
        self._source = source
        self._store = store
        self._folder = folder
        self._journal = journal
        self._stall_seconds = stall_seconds
        self._unanswered: set[str] = set()

    async def attempt(
        self,
        item: Item,
        number: int,
        listed: StoredObject | None,
        to_source: Turn,
        to_store: Turn,
    ) -> Entry:
        """Tries once.

        Args:
            item: the image.
            number: of the attempt, from 1.
            listed: what the store's listing shows under its name.
            to_source: the turn at the source's host.
            to_store: the turn at the store.

        Returns:
            The image's entry; the image is in the store.

        Raises:
            ItemError: it could not be moved; the subclass says why.
            SetupError: nothing more can be moved.
        """
        path = f"{self._folder}/{item.name}"
        stored = listed
        if number > 1:
            # The last try may have stored it although no answer came, or somebody else did.
            with to_store.asking():
                stored = await self._store.find(path)
        entry = self._journal.entries.get(item.name)
        # An image that reached this point is asked for, whatever its source has said before.
        step = next_step(entry, stored, item.announced, recheck=True, source=item.source)
        if step is Step.READ and stored is not None:
            known = item.announced or (entry.digest if entry else None)
            found = await self._store.digest(path, stored)
            step = Step.LEAVE if found == known else Step.FETCH
        if step is Step.COMPARE and stored is not None:
            found = await self._store.digest(path, stored)
            if await self._of_source(item, stored, to_source) in (found, None):
                return self.kept(item, stored, found, number)
            step = Step.FETCH
        if step is Step.FETCH:
            return await self._fetch(item, path, stored, number, to_source, to_store)
        assert stored is not None
        return self.kept(item, stored, attempts=number)

    async def _fetch(
        self,
        item: Item,
        path: str,
        replacing: StoredObject | None,
        number: int,
        to_source: Turn,
        to_store: Turn,
    ) -> Entry:
        def found_whole(digest: Digest) -> None:
            sending = Entry(
                item.name,
                "sending",
                bytes=digest.size,
                crc32c=digest.crc32c,
                attempts=number,
                source=item.source,
            )
            self._journal.record(sending)

        async with (
            Watch(self._stall_seconds) as watch,
            self._incoming(item, to_source) as incoming,
        ):
            relay = Relay(incoming, watch, found_whole)
            await relay.begin()
            watch.moved("the store")
            try:
                with to_store.asking():
                    stored = await self._store.put(path, relay, replacing)
            except ConflictError:
                raise
            except BaseException as error:
                if relay.released:
                    self._unanswered.add(item.name)
                # The store's client hides what went wrong at the source in an error of its own.
                if isinstance(error, Exception) and isinstance(relay.error, ItemError):
                    raise relay.error from error
                raise
        return Entry(
            item.name,
            "stored",
            relay.note,
            bytes=relay.digest.size,
            crc32c=relay.digest.crc32c,
            md5=stored.md5,
            generation=stored.generation,
            attempts=number,
            source=item.source,
        )

    async def _of_source(self, item: Item, stored: StoredObject, to_source: Turn) -> Digest | None:
        """The digest of what the source has; None if it no longer has the image."""
        try:
            async with (
                Watch(self._stall_seconds) as watch,
                self._incoming(item, to_source) as incoming,
            ):
                if incoming.size is not None and incoming.size != stored.size:
                    return Digest(incoming.size, "")
                return await Relay(incoming, watch, lambda digest: None).drain()
        except MissingError:
            return None

    @asynccontextmanager
    async def _incoming(self, item: Item, to_source: Turn) -> AsyncIterator[Incoming]:
        if not item.address:
            raise ItemError("the catalog names no URL for it", again=False)
        async with AsyncExitStack() as stack:
            with to_source.asking():
                incoming = await stack.enter_async_context(self._source.open(item.address))
            yield incoming

    def not_compared(self, item: Item, stored: StoredObject | None) -> Entry | None:
        """The entry of what is stored but cannot be compared; None where something else is due."""
        entry = self._journal.entries.get(item.name)
        step = next_step(entry, stored, item.announced, recheck=True, source=item.source)
        if stored is None or step is not Step.COMPARE:
            return None
        return replace(self.kept(item, stored), reason="not compared: its source does not answer")

    def kept(
        self, item: Item, stored: StoredObject, digest: Digest | None = None, attempts: int = 0
    ) -> Entry:
        """The entry of an image that is already in the store."""
        if digest is None:
            entry = self._journal.entries.get(item.name)
            digest = item.announced or (entry.digest if entry else None)
        return Entry(
            item.name,
            # Where this run sent it and only the answer was lost, this run has stored it.
            "stored" if item.name in self._unanswered else "present",
            bytes=stored.size,
            crc32c=digest.crc32c if digest else stored.crc32c,
            md5=stored.md5,
            generation=stored.generation,
            attempts=attempts,
            source=item.source,
        )
