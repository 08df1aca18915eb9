"""Gives what Google's Storage Transfer Service has fetched the names that the dataset expects."""

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from ...errors import Fault, InputError, SetupError
from ...files.credentials import paying_project
from ..gcs.access import find_access
from ..paths import GCS
from .job import MAP_HEADER

THREADS: Final = 32
_BATCH: Final = 1_000

_Group = tuple[str, tuple[str, ...]]
"""A transferred object's name, and the names that it is to get."""


@dataclass(frozen=True, slots=True)
class RenameResult:
    """What became of the names in a map.

    Attributes:
        renamed: given by this run.
        present: there before; what has the name already is kept.
        absent: names of objects that the service has not fetched.
    """

    renamed: int
    present: int
    absent: tuple[str, ...]


def rename_transferred(rename_map: str | Path, bucket: str) -> RenameResult:
    """Copies transferred objects, inside their bucket, to their names; then deletes the originals.

    What has been given its name stays, so that a run that was stopped is simply run again.

    Args:
        rename_map: CSV of a transfer job.
        bucket: ``gs://bucket``.

    Raises:
        InputError: the map is none; nothing was renamed.
        SetupError: the bucket cannot be read or written.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    name = bucket.removeprefix(GCS).strip("/")
    renamed = present = 0
    absent: list[str] = []
    try:
        for _ in _groups(rename_map):
            pass  # finds every fault before anything is renamed
        renamer = _Renamer(name)
        groups = _groups(rename_map)
        with ThreadPoolExecutor(THREADS) as threads:
            while batch := list(islice(groups, _BATCH)):
                for result in threads.map(renamer.rename, batch):
                    renamed += result.renamed
                    present += result.present
                    absent += result.absent
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SetupError(f"renaming in gs://{name} stopped: {reason}. Run it again.") from error
    return RenameResult(renamed, present, tuple(absent))


class _Renamer:
    """Renames objects of one bucket, from several threads."""

    def __init__(self, bucket: str) -> None:
        from ...files.connections import storage_client

        access = find_access()
        client = storage_client(access.credentials, access.project, access.endpoint, THREADS)
        self._bucket: Any = client.bucket(bucket, user_project=paying_project())
        for _ in client.list_blobs(self._bucket, max_results=1):
            pass  # a bucket that is not there would otherwise look like one without the objects

    def rename(self, group: _Group) -> RenameResult:
        """Gives one object all its names."""
        from google.api_core.exceptions import NotFound

        transferred, names = group
        outcomes = {name: self._copy(transferred, name) for name in names}
        absent = tuple(name for name, outcome in outcomes.items() if outcome == "absent")
        if not absent:
            for source in _spellings(transferred):
                with suppress(NotFound):
                    self._bucket.blob(source).delete()
        counted = list(outcomes.values())
        return RenameResult(counted.count("renamed"), counted.count("present"), absent)

    def _copy(self, transferred: str, name: str) -> str:
        from google.api_core.exceptions import NotFound, PreconditionFailed

        target = self._bucket.blob(name)
        for source in _spellings(transferred):
            try:
                token, _, _ = target.rewrite(self._bucket.blob(source), if_generation_match=0)
                while token:
                    token, _, _ = target.rewrite(
                        self._bucket.blob(source), token=token, if_generation_match=0
                    )
            except NotFound:
                continue
            except PreconditionFailed:
                return "present"
            return "renamed"
        return "present" if target.exists() else "absent"


def _spellings(transferred: str) -> list[str]:
    """The name as it stands in the URL, and decoded: Google does not document which it takes."""
    # Where a percent sign is itself encoded, the decoded name may be that of another object.
    decoded = transferred if "%25" in transferred else unquote(transferred)
    return list(dict.fromkeys((transferred, decoded)))


def _groups(rename_map: str | Path) -> Iterator[_Group]:
    """The rows of a map, those of one transferred object together.

    Raises:
        InputError: a row is none.
    """
    subject = str(rename_map)
    with Path(rename_map).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if tuple(next(rows, ())) != MAP_HEADER:
            fault = Fault("line 1", f"is not {','.join(MAP_HEADER)}")
            raise InputError(subject, [fault], "Name the .renames.csv of a transfer job.")

        def checked() -> Iterator[list[str]]:
            for number, row in enumerate(rows, 2):
                if len(row) != len(MAP_HEADER) or not all(row):
                    fault = Fault(f"line {number:,}", "is not a pair of names")
                    raise InputError(subject, [fault])
                yield row

        for transferred, group in groupby(checked(), itemgetter(0)):
            yield transferred, tuple(row[1] for row in group)
