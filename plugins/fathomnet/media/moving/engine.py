"""Moves many images at once, until every one of them is accounted for."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from ...errors import SetupError
from ...text import size_text, time_text
from ..ledger import Entry
from ..outcomes import BusyError, ItemError, Outcome, RefusedError, RejectedError, attempts
from ..store import Store, StoredObject
from .attempt import Item, Journal, Mover, Source, Step, is_of_another_source, next_step
from .hosts import Host, Patience

WINDOW_SECONDS: Final = 30.0
"""The rate is averaged over this many seconds."""


class Tally:
    """Counts the images of a transfer by outcome.

    Attributes:
        total: images in all.
        counts: images by outcome.
        bytes: those moved into the store by this run.
    """

    def __init__(self, verb: str, total: int) -> None:
        self.total = total
        self.counts: Counter[Outcome] = Counter()
        self.bytes = 0
        self._verb = verb
        self._moved = 0
        self._marks: deque[tuple[float, int, int]] = deque([(time.monotonic(), 0, 0)])

    def add(self, outcome: Outcome, size: int = 0, took_time: bool = True) -> None:
        """Counts an image; ``size`` is the number of bytes moved for it."""
        self.counts[outcome] += 1
        self.bytes += size
        self._moved += took_time

    @property
    def done(self) -> int:
        return self.counts.total()

    def report(self) -> tuple[float, str]:
        """The share done, and a label such as "uploading 412/9,306, 3 missing, ...".

        Examples:
            >>> tally = Tally("uploading", total=4)
            >>> tally.add("stored")
            >>> tally.add("missing")
            >>> tally.report()
            (0.5, 'uploading 2/4, 1 missing')
        """
        share = self.done / self.total if self.total else 1.0
        parts = [f"{self._verb} {self.done:,}/{self.total:,}"]
        parts += [
            f"{self.counts[outcome]:,} {outcome}"
            for outcome in ("missing", "rejected", "failed")
            if self.counts[outcome]
        ]
        if self.bytes:
            parts.append(size_text(self.bytes))
        now = time.monotonic()
        self._marks.append((now, self._moved, self.bytes))
        while len(self._marks) > 2 and now - self._marks[1][0] > WINDOW_SECONDS:
            self._marks.popleft()
        began, moved_before, bytes_before = self._marks[0]
        seconds = now - began
        moved = self._moved - moved_before
        if seconds >= 1.0 and moved:
            left = (self.total - self.done) * seconds / moved
            rate = size_text((self.bytes - bytes_before) / seconds)
            parts += [f"{moved / seconds:.1f} images/s, {rate}/s", f"{time_text(left)} left"]
        return share, ", ".join(parts)


REFUSED_IMAGES: Final = 10
"""So many images that are refused, and none that is there, end a run."""

WORKERS_A_CONNECTION: Final = 2
"""More images are in hand than connections are open, as those that wait to retry use none."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How hard a transfer tries.

    Attributes:
        concurrency: connections at once, to the source and to the store each.
        attempts: tries per image, not counting those in which a host refused everybody.
        first_wait: seconds; the wait after attempt n is random between 0 and first_wait * 2^n.
        longest_wait: the most seconds of such a wait.
        stall_seconds: an attempt in which nothing moves for so long is ended.
        patience: with hosts that refuse everybody.
    """

    concurrency: int = 50
    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 30.0
    stall_seconds: float = 60.0
    patience: Patience = field(default_factory=Patience)


class Transfer:
    """One run: moves items from a source into a folder of a store.

    Args:
        source: where the images come from; already entered.
        store: where they go; already entered.
        folder: the folder below the store's root.
        ledger: receives an entry for every image whose state changes.
        tally: counts every image once.
        policy: how hard to try.
        recheck: whether sources that said "missing" are asked again.
    """

    def __init__(
        self,
        source: Source,
        store: Store,
        folder: str,
        ledger: Journal,
        tally: Tally,
        policy: Policy,
        recheck: bool = False,
    ) -> None:
        self._mover = Mover(source, store, folder, ledger, policy.stall_seconds)
        self._store = store
        self._folder = folder
        self._ledger = ledger
        self._tally = tally
        self._policy = policy
        self._recheck = recheck
        self._there: dict[str, StoredObject] = {}
        self._hosts: dict[str, Host] = {}
        self._connections = asyncio.Semaphore(policy.concurrency)
        self._refused: set[str] = set()

    async def run(self, items: Iterable[Item]) -> None:
        """Moves every item that is not stored yet.

        Raises:
            SetupError: nothing more can be moved: no rights, a full disk. What was moved stays.
        """
        self._there = await self._store.listing(self._folder)
        open_items = self._open_items(items)

        async def work() -> None:
            for item in open_items:
                self._record(await self._settle(item))

        hands = self._policy.concurrency * WORKERS_A_CONNECTION
        workers = [asyncio.create_task(work()) for _ in range(hands)]
        try:
            await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            # Whether one failed or the whole transfer is cancelled: nobody is left behind.
            for worker in workers:
                worker.cancel()
            ends = await asyncio.gather(*workers, return_exceptions=True)
        errors = [end for end in ends if isinstance(end, Exception)]
        if errors:
            # The one of those of several workers that says what to do.
            raise next((error for error in errors if isinstance(error, SetupError)), errors[0])

    def _open_items(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items that need work; the others are counted in passing."""
        for item in items:
            entry = self._ledger.entries.get(item.name)
            stored = self._there.get(item.name)
            step = next_step(entry, stored, item.announced, self._recheck, item.source)
            if step is Step.GIVE_UP:
                self._tally.add("missing", took_time=False)
            elif step is Step.LEAVE and stored is not None:
                self._record(self._mover.kept(item, stored), took_time=False)
            else:
                yield item

    def _record(self, entry: Entry, took_time: bool = True) -> None:
        """Counts an image, and writes its entry if that says anything new."""
        assert entry.outcome != "sending"
        before = self._ledger.entries.get(entry.name)
        says_the_same = (
            before is not None
            and before.outcome in ("stored", "present")
            and (before.digest, before.generation) == (entry.digest, entry.generation)
            and before.source == entry.source
        )
        if entry.outcome != "present" or not says_the_same:
            self._ledger.record(entry)
        moved = (entry.bytes or 0) if entry.outcome == "stored" else 0
        self._tally.add(entry.outcome, moved, took_time)

    async def _settle(self, item: Item) -> Entry:
        """Tries an image until it has been moved, or cannot be."""
        policy, number, seen = self._policy, 0, b""
        before, listed = self._ledger.entries.get(item.name), self._there.get(item.name)
        try:
            async for attempt in attempts(policy.attempts, policy.first_wait, policy.longest_wait):
                number = attempt.retry_state.attempt_number
                with attempt:
                    try:
                        return await self._try_while_hosts_answer(item, number)
                    except RejectedError as error:
                        # The same bytes a second time are what the source has.
                        error.again = error.again and not (seen and error.seen == seen)
                        seen = error.seen
                        raise
        except ItemError as error:
            # The image of an earlier URL stays, but is not taken for that of this one.
            other = None
            if before is not None and listed is not None:
                corrected = bool(item.source) and before.source not in ("", item.source)
                if corrected or is_of_another_source(before, listed):
                    other = listed.generation
            return Entry(
                item.name,
                error.outcome,
                error.reason,
                generation=other,
                attempts=number,
                source=item.source,
            )
        raise AssertionError("attempts end with a result or an error")

    async def _try_while_hosts_answer(self, item: Item, number: int) -> Entry:
        """Makes one attempt; refusals by a host that refuses everybody do not count as attempts.

        Raises:
            ItemError: as ``Mover.attempt`` does.
            SetupError: this process is not let in, for any image.
        """
        origin = self._host(urlsplit(item.address).hostname or "the source")
        keeper = self._host(self._store.root)
        listed = self._there.get(item.name)
        while True:
            if origin.is_silent and (kept := self._mover.not_compared(item, listed)):
                return kept
            async with origin.turn() as to_source, keeper.turn() as to_store, self._connections:
                try:
                    return await self._mover.attempt(item, number, listed, to_source, to_store)
                except RefusedError as error:
                    # Of an image that is refused once, the right may just have been granted.
                    if number > 1 or not error.again:
                        self._refused.add(item.name)
                    there = self._tally.counts["stored"] + self._tally.counts["present"]
                    if len(self._refused) >= REFUSED_IMAGES and not there:
                        refused = f"{len(self._refused)} images were refused, and none is there"
                        raise SetupError(f"{refused}: {error.reason}\n{error.advice}") from error
                    raise
                except BusyError as error:
                    if not error.for_everybody:
                        raise
                    number += 1  # a later attempt asks the store again what it has

    def _host(self, name: str) -> Host:
        if name not in self._hosts:
            self._hosts[name] = Host(name, self._policy.concurrency, self._policy.patience)
        return self._hosts[name]
