"""Bulk writes through FiftyOne's public API; every image is written whole, in one write.

A view may carry a MongoDB aggregation of its own (``Dataset.mongo``), and ``DatasetView.save`` has
the server write what the aggregation makes of each sample. So a process that is killed leaves each
image either as it was or finished, and no label passes through Python objects. The server reads
and writes an image within milliseconds; only an edit of the same field of the same image within
these is lost, which the public API cannot prevent.
"""

import json
import logging
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import bson
from bson import ObjectId, json_util

from .collection import make_durable
from .documents import Document, ImageChange, now
from .label_pipelines import each_label

BATCH: Final = 500
"""Images that are changed by one aggregation."""

MOST_BYTES: Final = 6 * 1024**2
"""What an aggregation carries at most, save that of one image; MongoDB takes 16 MiB."""

SCRATCH: Final = "being filled"
"""Part of the name of the datasets by which samples come in."""

LEFT_BEHIND: Final = timedelta(hours=1)
"""A dataset of this kind lives for seconds; an older one was left by a process that was killed."""

_CHANGE: Final = "_fathomnet_change"
_NOT_OURS: Final = (
    "info", "app_config", "tags", "description", "saved_views", "workspaces",
    "annotation_runs", "brain_methods", "evaluations", "runs",
)  # fmt: skip
_TALKATIVE: Final = ("fiftyone.utils.data.exporters", "fiftyone.utils.data.importers")


def save_pipeline(dataset: Any, pipeline: Sequence[Document], fields: Iterable[str]) -> None:
    """Has the server write what an aggregation makes of the samples, so that it lasts.

    Args:
        dataset: a FiftyOne dataset.
        pipeline: gives the samples that change, as they are to be.
        fields: what of them is written, names of top-level fields.
    """
    dataset.mongo(list(pipeline)).save(list(fields))
    make_durable(dataset)


def write_changes(dataset: Any, changes: Iterable[ImageChange]) -> Iterator[tuple[int, int]]:
    """Changes images, batch by batch; boxes are found by their ids, wherever they stand.

    Args:
        dataset: a FiftyOne dataset, whose fields are declared.
        changes: at most one an image, all of the same fields and paths.

    Yields:
        How many images were to change, and how many of them were left alone or are not there.
    """
    for batch in _batches(changes):
        these: Document = {"_id": {"$in": [ObjectId(one.sample_id) for one in batch]}}
        if batch[0].places:
            # Only images that have every box that is to change.
            these = {
                "$or": [
                    {"_id": ObjectId(one.sample_id)}
                    | {
                        f"{path}._id": {"$all": [ObjectId(id_) for id_ in boxes]}
                        for path, boxes in one.boxes.items()
                        if boxes
                    }
                    for one in batch
                ]
            }
        found = [{"$match": these}]
        roots = dict.fromkeys(batch[0].fields)
        roots |= dict.fromkeys(path.partition(".")[0] for path in batch[0].boxes)
        save_pipeline(dataset, [*found, *_pipeline(batch)], roots)
        # Afterwards: whoever removed a box while this was written is noticed as well.
        yield len(batch), len(batch) - dataset.mongo(found).count()


def _batches(changes: Iterable[ImageChange]) -> Iterator[list[ImageChange]]:
    batch: list[ImageChange] = []
    size = 0
    for change in changes:
        bytes_ = len(bson.encode({"fields": change.fields, "boxes": change.boxes}))
        if batch and (len(batch) == BATCH or size + bytes_ > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(change)
        size += bytes_
    if batch:
        yield batch


def _pipeline(batch: Sequence[ImageChange]) -> list[Document]:
    """Sets what each image of the batch gets; boxes are found by their ids, wherever they stand."""
    paths = {path: f"p{number}" for number, path in enumerate(batch[0].boxes)}
    names = {name: f"f{number}" for number, name in enumerate(batch[0].fields)}
    rows = [
        {names[name]: value for name, value in one.fields.items()}
        | {
            short: {
                "ids": [ObjectId(id_) for id_ in one.boxes[path]],
                "values": [dict(values) for values in one.boxes[path].values()],
            }
            for path, short in paths.items()
        }
        for one in batch
    ]
    ids = {"$literal": [ObjectId(one.sample_id) for one in batch]}
    row = {"$arrayElemAt": [{"$literal": rows}, {"$indexOfArray": [ids, "$_id"]}]}
    given: Document = {name: f"${_CHANGE}.{short}" for name, short in names.items()}
    for path, short in paths.items():
        change = f"${_CHANGE}.{short}"
        place = {"$indexOfArray": [f"{change}.ids", "$$this._id"]}
        values = {"$arrayElemAt": [f"{change}.values", "$$place"]}
        box = {"$cond": [{"$lt": ["$$place", 0]}, "$$this", {"$mergeObjects": ["$$this", values]}]}
        merged = {"$let": {"vars": {"place": place}, "in": box}}
        # An image whose labels are absent is not given empty ones.
        there = {"$gt": [f"${path}", None]}
        given[path] = {"$cond": [there, each_label(path, merged), "$$REMOVE"]}
    return [{"$set": {_CHANGE: row}}, {"$set": given}, {"$unset": [_CHANGE]}]


class SampleImport:
    """Adds samples with their own ids, in FiftyOne's own format and by its own merge.

    They are first imported into a scratch dataset, because the import into an empty dataset puts
    the format's description in the place of the dataset's: its saved views, its records and the
    App's settings would be gone. The merge then leaves alone every id that is there already, also
    one that another process adds at the same time.

    Args:
        dataset: a FiftyOne dataset, whose fields are declared.
    """

    def __init__(self, dataset: Any) -> None:
        import fiftyone as fo

        self._dataset = dataset
        before = now() - LEFT_BEHIND
        for one in fo.list_datasets(glob_patt=f"* {SCRATCH} *", info=True):
            created: datetime | None = one["created_at"]
            if not one["persistent"] and created is not None and created < before:
                fo.delete_dataset(one["name"])
        # What FiftyOne's format says of the dataset's fields; and of what else it holds, nothing.
        with tempfile.TemporaryDirectory(prefix="fathomnet-ingest-") as folder, _quiet():
            place = Path(folder, "format")
            dataset.limit(0).export(
                export_dir=str(place),
                dataset_type=fo.types.FiftyOneDataset,
                export_media=False,
                progress=False,
            )
            described = json.loads((place / "metadata.json").read_text(encoding="utf-8"))
        lasting = {key: one for key, one in described.items() if key not in _NOT_OURS}
        self._description = json.dumps(lasting)

    def add(self, documents: Sequence[Document]) -> int:
        """Adds samples, and says how many of them were not there yet."""
        import fiftyone as fo

        name = f"{self._dataset.name[:40]} {SCRATCH} {uuid4().hex}"
        try:
            with tempfile.TemporaryDirectory(prefix="fathomnet-ingest-") as folder, _quiet():
                Path(folder, "metadata.json").write_text(self._description, encoding="utf-8")
                samples = json.dumps({"samples": documents}, default=json_util.default)
                Path(folder, "samples.json").write_text(samples, encoding="utf-8")
                scratch = fo.Dataset.from_dir(
                    dataset_dir=folder,
                    dataset_type=fo.types.FiftyOneDataset,
                    name=name,
                    ordered=False,
                    progress=False,
                )
            paths = {str(one["_id"]): one["filepath"] for one in documents}
            # The format takes an address for a path beside its own files.
            remote = {id_: path for id_, path in paths.items() if "://" in path}
            if remote:
                scratch.set_values("filepath", remote, key_field="id")
            added = _merge(self._dataset, scratch, list(paths))
            make_durable(self._dataset)
            return added
        finally:
            if fo.dataset_exists(name):
                fo.delete_dataset(name)


def _merge(dataset: Any, scratch: Any, ids: Sequence[str]) -> int:
    from fiftyone import ViewField as F

    began = now()
    began = began.replace(microsecond=began.microsecond // 1000 * 1000)  # as MongoDB keeps it
    dataset.merge_samples(
        scratch, key_field="id", skip_existing=True, include_info=False, progress=False
    )
    # Another process's samples have the time of its own merge.
    created = F("created_at")
    return int(dataset.select(ids).match((created >= began) & (created <= now())).count())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what FiftyOne says of its format from the user, who asked for no export or import."""
    thread = threading.get_ident()

    def passes(record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO or record.thread != thread

    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    for logger in loggers:
        logger.addFilter(passes)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(passes)
