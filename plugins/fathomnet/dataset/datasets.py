"""Finds, creates and deletes the FiftyOne datasets that are ours."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import uuid4

from pymongo.errors import DuplicateKeyError

from ..errors import DatasetError, Fault
from ..names import GROUND_TRUTH, SCHEMA_VERSION
from .app_defaults import save_split_view, set_app_defaults
from .collection import drop_orphans, is_there
from .records import MARKER, bring_up_to_date, reload_known, write_schema_number
from .schema import declare, sample_schema

_BEING_DELETED: Final = "being_deleted"


def name_problem(name: str) -> str | None:
    """What is wrong with a dataset's name; None if FiftyOne would accept it."""
    import fiftyone as fo
    from fiftyone.core.utils import to_slug

    try:
        slug = to_slug(name)
    except ValueError as error:
        return str(error)
    for other in fo.list_datasets():
        if other != name and to_slug(other) == slug:
            return f"FiftyOne cannot tell {name!r} from the existing dataset {other!r}"
    return None


def is_ours(dataset: Any) -> bool:
    """Whether this project made the dataset."""
    return isinstance(dataset.info.get(MARKER), dict)


def find_dataset(name: str, only_look: bool = False) -> Any | None:
    """Loads the dataset of this name from the database, and brings it up to date.

    Args:
        name: of the dataset.
        only_look: write nothing, as for a preview.

    Returns:
        The dataset; None if there is none, or if it was being deleted when its process died, in
        which case the deletion is completed.

    Raises:
        DatasetError: the dataset was not made by this project, or by a newer version of it.
    """
    import fiftyone as fo

    if not fo.dataset_exists(name):
        return None
    dataset = fo.load_dataset(name, reload=True)
    if not is_ours(dataset):
        raise DatasetError(
            f"dataset {name!r} exists and was not made by ingest_dataset, so it is left alone; "
            "choose another dataset_name"
        )
    if dataset.info[MARKER].get(_BEING_DELETED):
        if not only_look:
            dataset.delete()
        return None
    if only_look:
        reload_known(dataset)
        return dataset
    if not dataset.persistent:
        # Its maker died, or still is, between the last two writes of create_dataset.
        dataset.persistent = True
    bring_up_to_date(dataset)
    return dataset


def open_dataset(name: str) -> Any:
    """Loads the dataset of this name, whoever made it.

    Raises:
        DatasetError: there is none.
    """
    import fiftyone as fo

    if not fo.dataset_exists(name):
        known = ", ".join(fo.list_datasets()) or "none"
        raise DatasetError(f"there is no dataset {name}; known: {known}")
    return fo.load_dataset(name)


def unknown_view(dataset: Any, name: str) -> Fault:
    """Says that a dataset has no saved view of this name, and which it has."""
    known = ", ".join(dataset.list_saved_views()[:10]) or "none"
    return Fault("view", f"no saved view is named {name[:200]!r}; there are: {known}")


def create_dataset(name: str, splits: Iterable[str], crops_field: str = "") -> Any:
    """Makes an empty dataset of ours; if another process was faster, returns that one.

    It is completed under a temporary name and then renamed, in one write that MongoDB allows only
    once, so nobody ever sees half a dataset. If the process dies before that, FiftyOne removes the
    remains, because they are not persistent yet.

    Args:
        name: a name to which ``name_problem`` has no objection.
        splits: the splits that get a saved view.
        crops_field: takes the one label of each sample; empty where samples have boxes.
    """
    import fiftyone as fo

    dataset = fo.Dataset(f"{name} being made {uuid4().hex}")
    dataset.media_type = "image"
    declare(dataset, sample_schema(crops_field))
    dataset.info[MARKER] = {}
    write_schema_number(dataset, SCHEMA_VERSION)
    for split in splits:
        save_split_view(dataset, split)
    # Last, since every later save looks at each of its colours.
    set_app_defaults(dataset, crops_field or GROUND_TRUTH)
    try:
        dataset.name = name
    except (ValueError, DuplicateKeyError):
        dataset.delete()
        winner = find_dataset(name)
        if winner is None:
            raise
        return winner
    dataset.persistent = True
    return dataset


def delete_dataset(dataset: Any) -> None:
    """Deletes a dataset of ours; if it is killed, the next ``find_dataset`` finishes this."""
    dataset.info[MARKER] = {**dataset.info[MARKER], _BEING_DELETED: True}
    dataset.save()
    dataset.delete()


def refuse_if_deleted(dataset: Any) -> None:
    """Raises if another process deleted or recreated the dataset while this one worked on it.

    Orphaned data written since then is removed. A dataset that was only renamed still exists.

    Raises:
        DatasetError: the dataset no longer exists.
    """
    if is_there(dataset):
        return
    drop_orphans(dataset)
    raise DatasetError(
        f"dataset {dataset.name!r} was deleted or recreated by somebody else during the run; "
        "start it again"
    )
