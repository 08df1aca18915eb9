"""Which images of a dataset have the same file, on this machine or in a bucket."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any


def equal_files(view: Any) -> tuple[list[list[str]], Counter[str]]:
    """Groups images with equal files; files in buckets are compared by what the bucket says.

    Args:
        view: a FiftyOne dataset or view.

    Returns:
        Ids of the images of each group, and why how many files could not be looked at.
    """
    import fiftyone.brain as fob

    sizes: dict[int, list[str]] = {}
    remote: dict[str, list[str]] = {}
    unreadable = Counter[str]()
    for one, path in zip(*view.values(["id", "filepath"]), strict=True):
        if "://" in path:
            remote.setdefault(path, []).append(one)
            continue
        try:
            sizes.setdefault(Path(path).stat().st_size, []).append(one)
        except OSError as error:
            unreadable[error.strerror or type(error).__name__] += 1
    of_bucket: list[list[str]] = []
    if remote:
        # Only here, because it imports an HTTP client.
        from .media.bucket_digests import bucket_digests, same_bytes

        known, unknown = bucket_digests(remote)
        for path, reason in unknown.items():
            unreadable[reason] += len(remote[path])
        of_bucket = same_bytes((one, known[path]) for path in known for one in remote[path])
    # Files of different sizes differ: only the others are read.
    candidates = [one for ids in sizes.values() if len(ids) > 1 for one in ids]
    if not candidates:
        return of_bucket, unreadable
    found = fob.compute_exact_duplicates(view.select(candidates), progress=False)
    return [*([first, *others] for first, others in found.items()), *of_bucket], unreadable
