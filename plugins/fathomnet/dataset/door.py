"""Whether the project may write documents itself, proved on this FiftyOne and this connection.

At the first use in a process a scratch dataset gets one sample from FiftyOne and the same one from
us, made by the very functions that write real ones. Where the two are equal as they are stored and
as FiftyOne reads them, and the connection does everything that the stages ask of it, the door is
open. Anything else leaves it shut, with the reason, and the stages take FiftyOne's public API: the
results are the same, and only take longer. No version number is asked, nor what the connection is.

Two documents that differ in nothing but the order of their fields count as different. FiftyOne
finds fields by name, so an order harms nobody who reads by FiftyOne; but MongoDB holds embedded
documents of another order unequal, and whoever groups or compares whole labels would see two kinds.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import AutoReconnect, OperationFailure
from pymongo.write_concern import WriteConcern

from ..catalog import BoxRecord, ImageRecord
from ..names import (
    ANNOTATION_ID,
    GROUND_TRUTH,
    MODEL_PREDICTIONS,
    OWN_RANK,
    PRIMARY_LABEL,
    PROBABILITIES,
)
from ..prediction_files import Predictions
from .documents import Document, PredictionDocuments, sample_document, stamped
from .label_pipelines import primary_label_update, rank_update

PUBLIC_API: Final = "FATHOMNET_PUBLIC_API"
"""Environment variable: ``1`` makes every stage use FiftyOne's public API only, ``0`` makes it
write documents itself without a proof."""

DELETES_NOTHING: Final = "waits until what was written before is durable"
"""What the database's own log says of a command that is sent for its wait."""

SLOWEST: Final = 10.0
"""Seconds that the proof may take; on a local database it takes about a tenth of one."""

METHODS: Final = (
    "aggregate", "bulk_write", "count_documents", "delete_one", "find", "index_information",
    "insert_many", "update_many", "with_options",
)  # fmt: skip
"""What the stages ask of a collection, whoever offers it."""

_SPLIT: Final = "train"
_LABEL: Final = "Scotoplanes globosa"
_RANKS: Final[Mapping[str, str | None]] = {OWN_RANK: "species", "kingdom": "Animalia"}
_VECTOR: Final = np.array([0.5, 0.25, 0.125], np.float32)
_MOMENT: Final = datetime(2020, 2, 29, 12, 30, 15, 250_000)
_RECTANGLE: Final = (0.125, 0.25, 0.5, 0.375)
_OF_EACH: Final = frozenset({"_id", "id", "_rand", "created_at", "last_modified_at"})
"""What two samples of the same content have of their own; only its type is compared."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """How stages read and write.

    Attributes:
        is_open: whether documents are written straight into the collection.
        reason: why, or why not.
        is_forced: whether the environment says so, and nothing was proved.
    """

    is_open: bool
    reason: str
    is_forced: bool = False


class ShutError(Exception):
    """This FiftyOne, or this connection, does something else than the project relies on."""


def way() -> Way:
    """Which way is taken in this process, and why; proved once, then known."""
    forced = _FORCED.get(os.environ.get(PUBLIC_API, ""))
    if forced is not None:
        return forced
    import fiftyone as fo

    where = (fo.config.database_uri, fo.config.database_name)
    known = _known.get(where)
    if known is not None:
        return known
    with _one_by_one:
        if where not in _known:
            found = _proved()
            if found is None:
                return Way(False, "the database cannot be reached")
            level = logging.INFO if found.is_open else logging.WARNING
            words = ("through FiftyOne's public API", "straight into the collection")
            _log.log(level, "documents are written %s: %s", words[found.is_open], found.reason)
            _known[where] = found
        return _known[where]


def why_slower() -> str:
    """What a result says where stages take longer than they might; empty where they do not.

    Nothing is said where the environment wants it so.
    """
    taken = way()
    if taken.is_open or taken.is_forced:
        return ""
    return f"through FiftyOne's public API: {taken.reason}"


_FORCED: Final[Mapping[str, Way]] = {
    "1": Way(False, f"{PUBLIC_API}=1", is_forced=True),
    "0": Way(True, f"{PUBLIC_API}=0", is_forced=True),
}
_known: dict[tuple[str | None, str], Way] = {}
_one_by_one = threading.Lock()


def forget() -> None:
    """Has the next use prove it again."""
    _known.clear()


def _new_lock() -> None:
    """A process that is forked while another thread proves would wait for that thread for ever."""
    global _one_by_one  # noqa: PLW0603 - a forked process needs a lock of its own
    _one_by_one = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


def _proved() -> Way | None:
    """The outcome of the proof; None where the database did not answer."""
    import fiftyone as fo

    started = time.perf_counter()
    for is_last in (False, True):
        try:
            with _scratch() as dataset:
                try:
                    _prove(dataset, started)
                except Exception:
                    # Somebody else's clearing of datasets that are not persistent took it away.
                    if is_last or fo.dataset_exists(dataset.name):
                        raise
                    continue
        except AutoReconnect:
            return None
        except ShutError as error:
            return Way(False, str(error))
        except Exception as error:  # whatever another FiftyOne raises, the public API remains
            return Way(False, f"trying it failed: {type(error).__name__}: {str(error)[:200]}")
        break
    took = 1000 * (time.perf_counter() - started)
    return Way(True, f"FiftyOne writes and reads the same documents as we; proved in {took:.0f} ms")


@contextmanager
def _scratch() -> Iterator[Any]:
    """A dataset that no list of datasets shows, as FiftyOne's own for patches; gone afterwards."""
    import fiftyone as fo

    try:
        dataset = fo.Dataset(f"fathomnet proof {uuid4().hex}", _patches=True)
    except AutoReconnect:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        raise ShutError(f"no dataset may be made to try it on ({reason})") from error
    try:
        yield dataset
    finally:
        try:
            dataset.delete()
        except Exception as error:  # it was deleted by somebody, or FiftyOne's next start will
            _log.info("the dataset %s was not deleted: %s", dataset.name, error)


def _prove(dataset: Any, started: float) -> None:
    """Raises ``ShutError`` unless everything is as the stages take it to be."""

    def soon_enough() -> None:
        seconds = time.perf_counter() - started
        if seconds > SLOWEST:
            raise ShutError(f"the connection is slow: trying it took over {seconds:.1f} s")

    theirs = _theirs()
    # Before there are fields, which it would read again, and all at once: add_sample would write
    # the dataset's own document for every one.
    dataset.media_type = "image"
    dataset.add_dynamic_sample_fields(_fields())
    dataset.add_sample(theirs)
    soon_enough()
    collection = getattr(dataset, "_sample_collection", None)
    if collection is None:
        raise ShutError("this FiftyOne shows no collection behind a dataset")
    absent = [name for name in METHODS if not callable(getattr(collection, name, None))]
    if absent:
        raise ShutError(f"the connection to the database cannot {', '.join(absent)}")
    box = BoxRecord(7, _LABEL, _RECTANGLE, 1234.5, 0)
    image = ImageRecord(
        3, "a.png", 1920, 1080, "https://x.org/a.png", _MOMENT, "Ventana", "D42", None, (box,)
    )
    ours = sample_document(image, _SPLIT, theirs.filepath, None, "ok")
    _write(collection, ours, dataset)
    soon_enough()
    stored = {one["_id"]: one for one in collection.find({"_id": {"$exists": True}})}
    if stored.keys() != {ours["_id"], ObjectId(theirs.id)}:
        raise ShutError("the connection dropped a document that it said was written")
    _compare(stored[ObjectId(theirs.id)], stored[ours["_id"]], "is stored")
    read = {one.id: one.to_dict(include_private=True) for one in dataset}
    _compare(read[theirs.id], read[str(ours["_id"])], "is read by FiftyOne")
    soon_enough()
    _private_calls(dataset, collection, theirs)
    soon_enough()


def _theirs() -> Any:
    """The sample as whoever reads FiftyOne's documentation would make it."""
    import fiftyone as fo

    rectangle = list(_RECTANGLE)
    return fo.Sample(
        filepath=str(Path("/fathomnet/a.png").absolute()),
        tags=[_SPLIT],
        metadata=fo.ImageMetadata(width=1920, height=1080, mime_type="image/png"),
        split=_SPLIT,
        image_id=3,
        file_name="a.png",
        source_url="https://x.org/a.png",
        media_status="ok",
        date_captured=_MOMENT,
        vehicle="Ventana",
        dive="D42",
        ground_truth=fo.Detections(
            detections=[
                fo.Detection(
                    label=_LABEL,
                    bounding_box=rectangle,
                    annotation_id=7,
                    area=1234.5,
                    iscrowd=0,
                    vector=_VECTOR,
                    vector_source={"model": "x"},
                    verdict="tp",
                    distance=2,
                    **_RANKS,
                )
            ]
        ),
        model_predictions=fo.Detections(
            detections=[
                fo.Detection(
                    label=_LABEL,
                    bounding_box=rectangle,
                    confidence=0.75,
                    annotation_id=7,
                    **{OWN_RANK: "species", PROBABILITIES: _VECTOR},
                )
            ]
        ),
        primary_label=fo.Classification(label=_LABEL),
    )


def _fields() -> dict[str, Any]:
    import fiftyone as fo
    from fiftyone.core.odm import create_field

    texts = ("split", "file_name", "source_url", "media_status", "vehicle", "dive")
    labels = {
        GROUND_TRUTH: fo.Detections,
        MODEL_PREDICTIONS: fo.Detections,
        PRIMARY_LABEL: fo.Classification,
    }
    fields: dict[str, Any] = {name: fo.StringField() for name in texts}
    fields |= {"image_id": fo.IntField(), "date_captured": fo.DateTimeField()}
    fields |= {
        name: create_field(name, fo.EmbeddedDocumentField, embedded_doc_type=kind)
        for name, kind in labels.items()
    }
    box, predicted = (f"{name}.detections" for name in (GROUND_TRUTH, MODEL_PREDICTIONS))
    fields |= {f"{path}.{ANNOTATION_ID}": fo.IntField() for path in (box, predicted)}
    fields |= {f"{box}.{name}": fo.StringField() for name in ("verdict", *_RANKS)}
    return fields | {
        f"{box}.area": fo.FloatField(),
        f"{box}.iscrowd": fo.IntField(),
        f"{box}.distance": fo.IntField(),
        f"{box}.vector": fo.VectorField(),
        f"{box}.vector_source": fo.DictField(),
        f"{predicted}.{OWN_RANK}": fo.StringField(),
        f"{predicted}.{PROBABILITIES}": fo.VectorField(),
    }


def _write(collection: Any, ours: Document, dataset: Any) -> None:
    """The sample as the stages make it, by all the kinds of writes that they send."""
    moment = _MOMENT
    owner = ObjectId(dataset._doc.id)
    collection.insert_many([stamped(ours, owner, moment)], ordered=False)
    table = Predictions(
        annotation_id=np.array([7]),
        concept_name=np.array([_LABEL], object),
        confidence=np.array([0.75], np.float32),
        rank=np.array(["species"], object),
        probabilities=_VECTOR[None],
        lines=np.array([1]),
        unit="row",
        concepts=(),
        source="",
        sha256="",
        manifest=None,
    )
    predicted = PredictionDocuments(table, MODEL_PREDICTIONS, _SPLIT)
    values = predicted.of_image([7], [list(_RECTANGLE)]) or {}
    box = f"{GROUND_TRUTH}.detections"
    which = {"_id": ours["_id"]}
    by_id = [{"box._id": ours[GROUND_TRUTH]["detections"][0]["_id"]}]
    given = {
        "vector": values["detections"][0][PROBABILITIES],
        "vector_source": {"model": "x"},
        "verdict": "tp",
    }
    written = collection.bulk_write(
        [
            UpdateOne(
                which,
                {"$set": {f"{box}.$[box].{name}": value for name, value in given.items()}},
                array_filters=by_id,
            ),
            UpdateOne(
                {**which, f"{box}.0._id": by_id[0]["box._id"]},
                {"$set": {f"{box}.0.distance": 2, "of_no_use": 1}},
            ),
            UpdateOne(which, {"$unset": {"of_no_use": ""}}),
        ],
        ordered=False,
    )
    if written.matched_count != 3:
        raise ShutError("the connection says otherwise how many documents it changed")
    ranks: dict[str, Mapping[str, str | None]] = {_LABEL: _RANKS, "": dict.fromkeys(_RANKS)}
    collection.update_many(which, rank_update(box, ranks, moment))
    collection.bulk_write([UpdateOne(which, {"$set": {MODEL_PREDICTIONS: values}})])
    collection.update_many(which, primary_label_update(box, PRIMARY_LABEL, moment))


def _compare(theirs: Any, ours: Any, how: str, place: str = "") -> None:
    """Raises where two values differ, in a value, a type or an order."""
    if type(theirs) is not type(ours):
        kinds = f"{type(theirs).__name__} and not {type(ours).__name__}"
        raise ShutError(f"{place or 'a sample'} {how} as {kinds}")
    if isinstance(theirs, Mapping):
        # The order of a sample's own fields is that in which they were given.
        names, own = (list(one) if place else sorted(one) for one in (theirs, ours))
        if names != own:
            other = sorted(set(names) ^ set(own))
            what = f"has or lacks {', '.join(other)}" if other else "has another order of fields"
            raise ShutError(f"{place or 'a sample'} as it {how} {what}")
        for name in names:
            if name not in _OF_EACH or type(theirs[name]) is not type(ours[name]):
                _compare(theirs[name], ours[name], how, f"{place}.{name}".lstrip("."))
    elif isinstance(theirs, list):
        if len(theirs) != len(ours):
            raise ShutError(f"{place} {how} with another length")
        for number, pair in enumerate(zip(theirs, ours, strict=True)):
            _compare(*pair, how, f"{place}[{number}]")
    elif theirs != ours:
        raise ShutError(f"{place} {how} as {theirs!r:.80} and not {ours!r:.80}")


def _private_calls(dataset: Any, collection: Any, theirs: Any) -> None:
    """What the stages use of FiftyOne that it does not promise, and does as they take it to."""
    import fiftyone as fo
    from fiftyone.core.odm import get_db_conn

    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("a dataset's root is not itself", lambda: dataset.view()._root_dataset is dataset),
        (
            "a view's aggregation gives something else",
            lambda: (
                [one["n"] for one in dataset.view()._aggregate(post_pipeline=[{"$count": "n"}])]
                == [2]
            ),
        ),
        (
            "a dataset's name for its collection is another",
            lambda: (
                collection.name == dataset._doc.sample_collection_name
                and dataset._sample_collection_name == collection.name
            ),
        ),
        (
            "the list of datasets is kept elsewhere",
            lambda: get_db_conn().datasets.count_documents({"_id": ObjectId(dataset._doc.id)}) == 1,
        ),
        ("no collection can be dropped", lambda: callable(get_db_conn().drop_collection)),
        ("samples have no index of their ids", lambda: "_id_" in collection.index_information()),
    )
    for problem, holds in checks:
        if not holds():
            raise ShutError(f"this FiftyOne is another: {problem}")
    collection.update_many({}, {"$set": {"vehicle": "Doc Ricketts"}})
    fo.Sample._reload_docs(dataset._sample_collection_name)
    if theirs.vehicle != "Doc Ricketts":
        raise ShutError("this FiftyOne is another: samples in memory are not read anew")
    if len(list(collection.find({"vehicle": "Doc Ricketts"}))) != 2:
        raise ShutError("the connection changed one document where it was to change all")
    try:
        list(collection.aggregate([{"$set": {"vehicle": "Tiburon"}}, {"$merge": collection.name}]))
        durable = collection.with_options(write_concern=WriteConcern(j=True))
        durable.delete_one({"_id": ObjectId()}, comment=DELETES_NOTHING)
    except OperationFailure as error:
        raise ShutError(f"the database refused what the stages ask: {error}") from error
    if collection.count_documents({"vehicle": "Tiburon"}) != 2:
        raise ShutError("the connection dropped a write that it said was done")
