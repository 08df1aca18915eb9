"""A fault campaign: thousands of transfers while both sides misbehave. ``make faults`` runs it.

Every image draws a script of faults, at its source and at the store. Most heal after a few
requests; some last. At the end nothing may be in the bucket that is not whole, every image must be
accounted for, and every image whose faults heal must be stored.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from fathomnet_voxel51.files.credentials import SCOPES
from fathomnet_voxel51.media.gcs.access import GoogleAccess
from fathomnet_voxel51.media.gcs.store import GcsStore
from fathomnet_voxel51.media.ledger import Job, Ledger, open_ledger
from fathomnet_voxel51.media.moving.attempt import Item
from fathomnet_voxel51.media.moving.engine import Tally, Transfer
from fathomnet_voxel51.media.web.source import UrlSource
from google.oauth2.service_account import Credentials

from tests.media import origin as source
from tests.media import sink_faults as store
from tests.media.jobs import QUICK
from tests.media.origin import Origin, Reply, png
from tests.media.server import Fault
from tests.media.sink import BUCKET, Sink

FOLDER: Final = "train_images"
PREFIX: Final = "campaign"
SHARE_WITH_FAULTS: Final = 0.6
SHARE_LASTING: Final = 0.1
MOST_IN_A_ROW: Final = 3


def _reset_unseen() -> list[Reply]:
    """Two, because aiohttp repeats a request once by itself when the connection is reset."""
    return [source.reset(), source.reset()]


HTML: Final = "HTML with 200"
AT_THE_SOURCE: Final[Mapping[str, Callable[[], Reply | list[Reply]]]] = {
    "403": lambda: source.status(403),
    "408": lambda: source.status(408),
    "429 with Retry-After": lambda: source.status(429, **{"Retry-After": "0"}),
    "500": lambda: source.status(500),
    "502": lambda: source.status(502),
    "503": lambda: source.status(503),
    "connection reset": _reset_unseen,
    "reset in the middle": lambda: source.reset(0.5),
    "stall": lambda: source.stall(0.3),
    "truncated body": source.truncated,
    "length too short": lambda: source.wrong_length(-7),
    "length too long": lambda: source.wrong_length(7),
    HTML: source.html,
}
AT_THE_STORE: Final[Mapping[str, Fault]] = {
    "403": store.answer(403),
    "408": store.answer(408),
    "429 with Retry-After": store.answer(429, "0"),
    "500": store.answer(500),
    "502": store.answer(502),
    "503": store.early(503),
    "connection reset": store.RESET,
    "reset in the middle": store.MIDWAY,
    "stall": store.STALL,
    "answer lost": store.LOST,
    "corrupt checksum": store.CORRUPT,
    "expired token": store.EXPIRED,
}
LASTING: Final[Mapping[str, tuple[Callable[[], Reply], str]]] = {
    "404": (lambda: source.status(404), "missing"),
    "410": (lambda: source.status(410), "missing"),
    "403 for ever": (lambda: source.status(403), "failed"),
    "500 for ever": (lambda: source.status(500), "failed"),
    "HTML for ever": (source.html, "rejected"),
    "truncated for ever": (source.truncated, "failed"),
}
FOR_EVER: Final = 100


@dataclass
class Script:
    """What goes wrong for each image.

    Attributes:
        at_source: replies by file name.
        at_store: faults by object name.
        injected: how many images met each fault, by side and fault.
        expected: the outcome of each image whose trouble lasts.
    """

    at_source: dict[str, list[Reply]] = field(default_factory=dict)
    at_store: dict[str, list[Fault]] = field(default_factory=dict)
    injected: Counter[str] = field(default_factory=Counter)
    met: dict[str, set[str]] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, fault: str) -> None:
        self.injected[fault] += 1
        self.met.setdefault(name, set()).add(fault)


def draw(names: list[str], seed: int) -> Script:
    """A script for every image, the same for the same seed."""
    random_ = random.Random(seed)
    script = Script()
    for name in names:
        if random_.random() > SHARE_WITH_FAULTS:
            continue
        if random_.random() < SHARE_LASTING / SHARE_WITH_FAULTS:
            fault = random_.choice(list(LASTING))
            reply, outcome = LASTING[fault]
            script.at_source[name] = [reply()] * FOR_EVER
            script.expected[name] = outcome
            script.note(name, f"source: {fault}")
            continue
        last = ""
        for _ in range(random_.randint(1, MOST_IN_A_ROW)):
            if random_.random() < 0.5:
                fault = random_.choice(list(AT_THE_SOURCE))
                made = AT_THE_SOURCE[fault]()
                replies = made if isinstance(made, list) else [made]
                script.at_source.setdefault(name, []).extend(replies)
                script.note(name, f"source: {fault}")
                if fault == last == HTML:  # the same page twice in a row will not change
                    script.expected[name] = "rejected"
                last = fault
            else:
                fault = random_.choice(list(AT_THE_STORE))
                path = f"{PREFIX}/{FOLDER}/{name}"
                script.at_store.setdefault(path, []).append(AT_THE_STORE[fault])
                script.note(name, f"store: {fault}")
    return script


@dataclass(frozen=True)
class Report:
    """What a campaign came to.

    Attributes:
        script: what went wrong on purpose.
        outcomes: of each image, from the ledger.
        seconds: that the transfers took.
        problems: what must not be; empty if all is well.
    """

    script: Script
    outcomes: dict[str, str]
    seconds: float
    problems: list[str]

    def table(self) -> str:
        """Faults, how often they were injected, and what became of the images that met them."""
        rows = ["| fault | injected | images | stored | missing | rejected | failed |"]
        rows.append("|---|---|---|---|---|---|---|")
        for fault, injected in sorted(self.script.injected.items()):
            met = [name for name, faults in self.script.met.items() if fault in faults]
            ended = Counter(self.outcomes[name] for name in met)
            cells = [fault, injected, len(met)]
            cells += [ended[outcome] for outcome in ("stored", "missing", "rejected", "failed")]
            rows.append(f"| {' | '.join(map(str, cells))} |")
        return "\n".join(rows)


def run(count: int, seed: int, folder: Path) -> Report:
    """Moves ``count`` images through a storm of faults.

    Args:
        count: images.
        seed: of their bytes and of what goes wrong.
        folder: an empty folder for the ledger.
    """
    images = {f"{number:05d}.png": png(3_000 + number % 40_000, number) for number in range(count)}
    script = draw(list(images), seed)
    with ExitStack() as stack:
        origin = stack.enter_context(Origin(images, script.at_source))
        sink = stack.enter_context(Sink(tokens=True))
        sink.faults = script.at_store
        job = Job("train", "campaign", "urls", str(folder))
        ledger = stack.enter_context(open_ledger(job))
        began = time.monotonic()
        asyncio.run(_transfer(images, origin, sink, ledger))
        seconds = time.monotonic() - began
        outcomes = {name: entry.outcome for name, entry in ledger.entries.items()}
        problems = list(_problems(images, script, sink, ledger))
    return Report(script, outcomes, seconds, problems)


async def _transfer(
    images: Mapping[str, bytes], origin: Origin, sink: Sink, ledger: Ledger
) -> None:
    key: dict[str, Any] = json.loads(sink.key())
    credentials = Credentials.from_service_account_info(key, scopes=SCOPES)
    access = GoogleAccess(credentials, "tests", sink.url)
    policy = replace(QUICK, attempts=10)
    tally = Tally("uploading", len(images))
    async with (
        UrlSource(policy.concurrency, allow_private_hosts=True) as urls,
        GcsStore(f"gs://{BUCKET}/{PREFIX}", policy.concurrency, access=access) as bucket,
    ):
        transfer = Transfer(urls, bucket, FOLDER, ledger, tally, policy)
        await transfer.run(Item(name, origin.url(name)) for name in images)


def _problems(images: Mapping[str, bytes], script: Script, sink: Sink, ledger: Ledger) -> list[str]:
    problems = []
    stored = {name.removeprefix(f"{PREFIX}/{FOLDER}/"): sink.content(name) for name in sink.objects}
    for name, content in images.items():
        expected = script.expected.get(name, "stored")
        entry = ledger.entries.get(name)
        if entry is None or entry.outcome != expected:
            found = f"{entry.outcome}: {entry.reason}" if entry else "nothing"
            problems.append(f"{name}: {found}, where {expected} was expected")
        there = stored.pop(name, None)
        if (there is not None) != (expected == "stored"):
            problems.append(f"{name}: {'in' if there else 'not in'} the bucket, but {expected}")
        elif there is not None and there != content:
            problems.append(f"{name}: other bytes than at the source")
    problems += [f"{name}: in the bucket, and not an image of the catalog" for name in stored]
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=2_500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fathomnet-campaign-") as folder:
        report = run(options.transfers, options.seed, Path(folder))
    print(report.table())
    ended = Counter(report.outcomes.values())
    print(f"\n{options.transfers:,} images in {report.seconds:.0f} s: {dict(ended)}")
    print("\n".join(report.problems) or "nothing stored that is not whole; all accounted for")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
