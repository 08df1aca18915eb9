"""The file on this machine that holds a sample's media."""

import os
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from .decoding import PictureError

CACHE_VARIABLE: Final = "FATHOMNET_MEDIA_CACHE_BYTES"
"""Environment variable: what a stage leaves of fetched media at most; negative for no limit."""
DEFAULT_CACHE_BYTES: Final = 4 << 30
LATEST: Final = 64
"""Files that are never cleared, because a thread may still read them."""


class LocalMedia:
    """The files of a dataset's media, fetched by FiftyOne's own means where they are remote.

    FiftyOne Enterprise keeps remote media in a cache of its own, which has no limit where executors
    run by its own compose file, and a sample knows its copy there (``local_path``). What this
    stage has fetched goes again, by ``clear_media``, the oldest first, when it takes more than
    ``FATHOMNET_MEDIA_CACHE_BYTES``; what was in the cache before stays.

    Args:
        dataset: the dataset that has the samples.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._limit = int(os.environ.get(CACHE_VARIABLE) or DEFAULT_CACHE_BYTES)
        self._fetched: deque[tuple[str, int]] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def file(self, sample_id: str, filepath: str) -> Path:
        """Where a sample's media can be read; may be called from several threads.

        Args:
            sample_id: the sample's id.
            filepath: what its ``filepath`` says.

        Raises:
            PictureError: the media are remote, and FiftyOne cannot fetch them.
        """
        if "://" not in filepath:
            return Path(filepath)
        knows = True
        try:
            # Where this FiftyOne does not say, it may have been fetched before, and stays.
            was_there = (
                self._limit < 0
                or not hasattr(self._dataset, "cache_stats")
                or bool(self._dataset.select(sample_id).cache_stats()["current_count"])
            )
            sample = self._dataset[sample_id]
            # Asking whether there is such a property would fetch the media already.
            knows = hasattr(type(sample), "local_path")
            local = Path(sample.local_path)
        except Exception as error:  # whatever the cloud's client raises is this image's alone
            if isinstance(error, AttributeError) and not knows:
                raise PictureError(
                    "this FiftyOne does not read remote media; "
                    "download them, and ingest with their folder"
                ) from None
            raise PictureError(f"cannot be fetched: {error}") from error
        if not was_there and local.is_file():
            self._remember(sample_id, local.stat().st_size)
        return local

    def _remember(self, sample_id: str, size: int) -> None:
        oldest = []
        with self._lock:
            self._fetched.append((sample_id, size))
            self._bytes += size
            while self._bytes > self._limit and len(self._fetched) > LATEST:
                gone, bytes_of_it = self._fetched.popleft()
                self._bytes -= bytes_of_it
                oldest.append(gone)
        if oldest:
            with suppress(Exception):  # a copy that stays costs only space
                self._dataset.select(oldest).clear_media()


def media_cache_folder() -> Path | None:
    """The folder in which this FiftyOne keeps copies of remote media, if it says so."""
    import fiftyone as fo

    cache = getattr(fo, "media_cache", None)
    folder = cache.stats().get("cache_dir") if cache is not None else None
    return Path(folder).expanduser() if folder else None
