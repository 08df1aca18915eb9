"""The MongoDB collection behind a FiftyOne dataset, and what to use in its place.

FiftyOne's public API writes through Python objects, one a label, which is most of the cost of a
large write. Where ``door`` has proved that this does the same, stages write the same documents
straight into the collection. Everywhere else ``sample_collection`` returns None, and they take
the public API (``public_writes``), with the same results.
"""

import importlib.util
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, OperationFailure
from pymongo.write_concern import WriteConcern

from ..errors import DatasetError
from . import door
from .documents import Document
from .door import DELETES_NOTHING

_DUPLICATE_KEY: Final = 11000


def sample_collection(dataset: Any) -> Collection[Document] | None:
    """The collection that holds a dataset's samples, where this project may write to it.

    A write through it returns when it would outlive a database that is killed: a single MongoDB
    server has what else it acknowledged in memory for up to a tenth of a second.

    Args:
        dataset: a FiftyOne dataset.

    Returns:
        The collection, or what offers its methods; None where the public API is to be used, for
        the reason that ``door.way`` tells.
    """
    if not door.way().is_open:
        return None
    collection: Collection[Document] = dataset._sample_collection
    return collection.with_options(write_concern=WriteConcern(j=True))


def make_durable(dataset: Any) -> None:
    """Waits until what FiftyOne wrote up to now would outlive a database that is killed.

    For what must be there before something else is written, as a journal before the first change,
    and for what says that work is complete. By the public API also for every batch, because one
    that is lost amid others would be missed by nobody.

    Args:
        dataset: a FiftyOne dataset.
    """
    collection = sample_collection(dataset)
    if collection is not None:
        collection.delete_one({"_id": ObjectId()}, comment=DELETES_NOTHING)
        return
    from fiftyone.core.odm import get_db_conn

    # Where the connection offers no such thing, its server is asked for nothing.
    with suppress(AttributeError, NotImplementedError, OperationFailure):
        durable = get_db_conn().datasets.with_options(write_concern=WriteConcern(j=True))
        durable.delete_one({"_id": ObjectId()}, comment=DELETES_NOTHING)


def set_label_values(
    dataset: Any,
    path: str,
    sample_ids: Iterable[str],
    label_ids: Iterable[str],
    values: Iterable[Any],
) -> None:
    """Sets an attribute of some boxes through the public API.

    Args:
        dataset: a FiftyOne dataset.
        path: of the attribute.
        sample_ids: of each box its image's.
        label_ids: of each box its own.
        values: of each box; None takes the attribute away.
    """
    rows = [
        {"sample_id": sample_id, "label_id": label_id, "value": value}
        for sample_id, label_id, value in zip(sample_ids, label_ids, values, strict=True)
    ]
    dataset.set_label_values(path, rows)


def drop_orphans(dataset: Any) -> None:
    """Removes samples that were written into a dataset after somebody else deleted it."""
    from fiftyone.core.odm import get_db_conn

    if door.way().is_open:
        get_db_conn().drop_collection(dataset._doc.sample_collection_name)


def refuse_if_field_deleted(dataset: Any, path: str) -> None:
    """Raises where somebody else deleted a field while this process wrote into it.

    What was written since then is removed: a dataset does not know values without a field.

    Args:
        dataset: a FiftyOne dataset.
        path: of a field, or of an attribute of its boxes.

    Raises:
        DatasetError: the field is not there any more.
    """
    dataset.reload()
    if dataset.get_field(path) is not None:
        return
    drop_values(dataset, [path])
    raise DatasetError(
        f"{path!r} of dataset {dataset.name!r} was deleted by somebody else during the run; "
        "start it again to make it anew"
    )


def drop_values(dataset: Any, paths: Iterable[str]) -> None:
    """Removes what was written into fields after somebody else deleted them.

    Args:
        dataset: a FiftyOne dataset.
        paths: of fields, or of attributes of boxes.
    """
    collection = sample_collection(dataset)
    if collection is None:
        import fiftyone as fo

        # With a field that is there again, whatever its kind, FiftyOne deletes the values.
        fields = {path: fo.StringField() for path in paths}
        dataset.add_dynamic_sample_fields(fields)
        dataset.delete_sample_fields(list(fields))
        return
    for path in paths:
        parent, _, name = path.rpartition(".")
        place = f"{parent}.$[].{name}" if parent else name
        collection.update_many({path: {"$exists": True}}, {"$unset": {place: ""}})


def is_there(dataset: Any) -> bool:
    """Whether the database has a dataset still, under whatever name."""
    import fiftyone as fo
    from fiftyone.core.odm import get_db_conn

    if door.way().is_open:
        return bool(get_db_conn().datasets.count_documents({"_id": dataset_id(dataset)}))
    if not fo.dataset_exists(dataset.name):
        return False
    there = fo.load_dataset(dataset.name, reload=True)
    return bool(dataset_id(there) == dataset_id(dataset))


def is_enterprise() -> bool:
    """Whether this is FiftyOne Enterprise, told by what it can do: version numbers do not say."""
    import fiftyone as fo
    import fiftyone.core.storage as fos

    if hasattr(fos, "upload_media") or hasattr(fo, "media_cache"):
        return True
    return importlib.util.find_spec("fiftyone.management") is not None


def dataset_id(dataset: Any) -> ObjectId:
    """The id that every sample document carries as ``_dataset_id``."""
    return ObjectId(dataset._doc.id)


def reload_samples(dataset: Any) -> None:
    """Makes samples that this process already holds see what was written behind their back."""
    import fiftyone as fo

    fo.Sample._reload_docs(dataset._sample_collection_name)


def insert_missing(collection: Collection[Document], documents: Sequence[Document]) -> int:
    """Inserts the documents whose ids are not there yet; another writer's are left alone.

    Returns:
        How many were inserted.
    """
    try:
        return len(collection.insert_many(documents, ordered=False).inserted_ids)
    except BulkWriteError as error:
        details = error.details or {}
        if any(e["code"] != _DUPLICATE_KEY for e in details.get("writeErrors", ())):
            raise
        return int(details["nInserted"])
