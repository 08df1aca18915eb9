"""Runs that name a class of the project by the module that once defined it, and their cure.

FiftyOne keeps a class's path twice: in a run's settings, and at the head of its results. A run
whose class cannot be imported is loaded as FiftyOne's own base class, which can do nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bson import json_util
from gridfs.errors import NoFile

from ..fields import STORED_CLASSES

_OURS = STORED_CLASSES.partition(".")[0] + "."


def outdated_runs(dataset: Any) -> Iterator[Any]:
    """The documents of the brain runs whose class has an old path.

    Args:
        dataset: a FiftyOne dataset.
    """
    for run in dataset._doc.brain_methods.values():
        if _is_outdated(run.config.get("cls")):
            yield run


def use_lasting_paths(dataset: Any) -> None:
    """Gives every outdated run the lasting paths of its classes.

    The new results are written beside the old ones, and one write turns the run to its new class
    and results: before it, or without it, the run is what it was.

    Args:
        dataset: a FiftyOne dataset.
    """
    for run in list(outdated_runs(dataset)):
        _change(run)
    dataset.clear_cache()
    dataset.reload()


def _change(run: Any) -> None:
    old = run.config["cls"]
    change = {"config.cls": _lasting(old)}
    results = run.results
    written = None
    if results:
        try:
            stored = results.fs.get(results.grid_id).read()
        except NoFile:
            # Another process has turned the run to its new results since this one read the run.
            run.reload()
            if _is_outdated(run.config.get("cls")):
                raise
            return
        content = json_util.loads(stored.decode())
        if _is_outdated(content.get("cls")):
            content["cls"] = _lasting(content["cls"])
            encoded = json_util.dumps(content).encode()
            written = results.fs.put(encoded, content_type="application/json")
            change["results"] = written
    mine = {"_id": run.id, "config.cls": old}
    done = run._get_collection().update_one(mine, {"$set": change})
    if written is not None:
        # Where another process was faster, its results are the run's and ours are nobody's.
        results.fs.delete(results.grid_id if done.matched_count else written)
    run.reload()


def _is_outdated(path: Any) -> bool:
    path = str(path)
    return path.startswith(_OURS) and not path.startswith(f"{STORED_CLASSES}.")


def _lasting(path: str) -> str:
    return f"{STORED_CLASSES}.{path.rpartition('.')[2]}"
