"""Tells which images exist, from the files on this machine and the ledgers of transfers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..fields import MediaStatus
from ..ledger import known_outcomes
from ..media.ledger_lines import Entry
from ..media.paths import GCS, MediaPlan

_OF_LEDGER: Final[Mapping[str, MediaStatus]] = {"missing": "missing", "rejected": "rejected"}


def media_statuses(
    media: MediaPlan, split: str, file_names: Iterable[str], annotations_sha256: str
) -> dict[str, MediaStatus]:
    """The status of each image of a split.

    An image is ``ok`` if its file is on this machine, or if a ledger says that it is complete in
    the bucket; ``missing`` or ``rejected`` if the latest transfer found it so; ``unknown``
    otherwise. No image is opened.

    Raises:
        InputError: a ledger beside the images is damaged.
    """
    names = tuple(file_names)
    on_disk = media.files_present(split, names)
    known: dict[str, Entry] = {}
    for root in dict.fromkeys((media.filepath_root, media.media_root)):
        if root:
            known |= known_outcomes(root, split, annotations_sha256)
    in_bucket = media.media_root.startswith(GCS)

    def status(name: str) -> MediaStatus:
        outcome = known[name].outcome if name in known else "unknown"
        if name in on_disk or (in_bucket and outcome in ("stored", "present")):
            return "ok"
        return _OF_LEDGER.get(outcome, "unknown")

    return {name: status(name) for name in names}


def update_media_status(dataset: Any, split: str, statuses: Mapping[str, MediaStatus]) -> int:
    """Updates the samples with what has become known since they were made.

    An unknown status leaves a sample as it is, because a folder may just be out of reach.

    Returns:
        The number of samples that changed.
    """
    from fiftyone import ViewField

    ids, names, before = dataset.match(ViewField("split") == split).values(
        ["id", "file_name", "media_status"]
    )
    changed = {
        sample_id: statuses[name]
        for sample_id, name, old in zip(ids, names, before, strict=True)
        if statuses.get(name, "unknown") not in ("unknown", old)
    }
    if changed:
        dataset.set_values("media_status", changed, key_field="id")
    return len(changed)
