"""The form of what the project keeps on a dataset, and how an older one is brought up to date.

The number is kept on the dataset as a FiftyOne run, beside the records that it is about. A stage
that writes goes through ``bring_up_to_date`` before it reads anything; one that only reads, or a
preview, through ``reload_known``. What each number stands for:

1. The number itself was in ``dataset.info``. Journals of relabelling list their boxes as pairs.
2. The number is a run, which a script that replaces ``dataset.info`` leaves alone, and which
   datasets have too that the project did not make. Journals name their boxes in one text; those
   of schema 1 are read as they are.
3. Similarity indexes name their classes by ``stored_classes``; before, by the module in which a
   class stood.
4. Labels may have a verdict (``labels.verdicts``), and a journal says of each group of boxes also
   what they get; journals of schema 3 are read as they are. Those of few boxes are lines of a log.

To change a form: raise ``names.SCHEMA_VERSION``, say here what it stands for, and append a step.
A step may be killed, repeated and run by two processes at once, and the dataset may hold some of
the new form already.

What a stage did to a dataset, kept on the dataset as a FiftyOne custom run.

Each kind of record is a frozen dataclass, which ``write_record`` keeps under a key and
``read_record`` gives back. A member named ``key`` is the run's own. A member that an older version
did not write yet needs a default.

A log is a record that grows by lines, for what there may be thousands of: FiftyOne goes through all
runs of a dataset whenever it is asked for one. Each process writes logs of its own, one for each
person at a time, so that nobody writes over the line of another. A full one is put away as the
results of its run, which are read only when they are asked for.

Runs that name a class of the project by the module that once defined it, and their cure.

FiftyOne keeps a class's path twice: in a run's settings, and at the head of its results. A run
whose class cannot be imported is loaded as FiftyOne's own base class, which can do nothing.
"""

import base64
import json
import os
import secrets
import threading
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, lru_cache
from typing import Any, ClassVar, Final, Literal, Protocol, TypeVar

from bson import DBRef, json_util
from gridfs.errors import NoFile
from pydantic import TypeAdapter, ValidationError
from pymongo.errors import OperationFailure
from typing_extensions import Self

from ..errors import DatasetError
from ..names import JOURNAL_LOGS, LABEL_MAPS, SCHEMA_RUN_KEY, SCHEMA_VERSION, STORED_CLASSES
from ..resources import installed_version
from ..taxonomy import LabelMap, Taxonomy, load_taxonomy
from ..text import as_plain
from . import columns
from .collection import make_durable
from .columns import dataset_of
from .documents import now

HALF_SAVED: Final = timedelta(hours=1)
"""A view that is being saved is listed within milliseconds; one that is not by then never will."""

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
                continue
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
    dataset.clear_cache()
    dataset.reload()


def _is_outdated(path: Any) -> bool:
    path = str(path)
    return path.startswith(_OURS) and not path.startswith(f"{STORED_CLASSES}.")


def _lasting(path: str) -> str:
    return f"{STORED_CLASSES}.{path.rpartition('.')[2]}"


Values = dict[str, Any]
"""The members of a record as FiftyOne stores them."""


class Record(Protocol):
    """A frozen dataclass whose members JSON can hold, or which are such dataclasses."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    METHOD: ClassVar[str]
    """The stage that writes it."""


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class SchemaNumber:
    """Which form the records of a dataset have, see the top of this module.

    Attributes:
        number: of the form.
        plugin_version: of the project that wrote it.
    """

    METHOD: ClassVar[str] = "schema_version"

    number: int
    plugin_version: str = "unknown"


def read_record(dataset: Any, key: str, kind: type[R]) -> R | None:
    """Reads a record.

    Args:
        dataset: a FiftyOne dataset.
        key: the run's key.
        kind: its dataclass.

    Returns:
        The record; None where the dataset has no such run.

    Raises:
        DatasetError: somebody has changed the run into something else.
    """
    values = read_values(dataset, key)
    return None if values is None else _as_record(dataset, key, values, kind)


def read_records(dataset: Any, keys: Callable[[str], bool], kind: type[R]) -> list[R]:
    """Reads many records of one kind; a dataset's runs are gone through once, not once for each.

    Args:
        dataset: a FiftyOne dataset.
        keys: tells the keys of the runs that are such records.
        kind: their dataclass.

    Raises:
        DatasetError: somebody has changed one of the runs into something else.
    """
    # FiftyOne goes through all runs whenever it is asked for one.
    return [
        _as_record(dataset, key, _members(dict(document.config)), kind)
        for key, document in dataset._doc.runs.items()
        if keys(key)
    ]


def read_members(dataset: Any, prefix: str, name: str) -> dict[str, Any]:
    """One member of each record whose key begins with a prefix, by key; the rest is not read."""
    return {
        key: document.config.get(name)
        for key, document in dataset._doc.runs.items()
        if key.startswith(prefix)
    }


def reload_runs(dataset: Any) -> None:
    """Reloads a dataset if its runs are not those that it had, and the logs that have grown.

    To ask is fast however many there are; FiftyOne reads every run whenever it reloads a dataset.
    What else has changed inside a run is not seen.

    Args:
        dataset: a FiftyOne dataset.
    """
    from fiftyone.core.odm import get_db_conn

    runs = dataset._doc.runs
    logs = {one.id: one for key, one in runs.items() if key.startswith(JOURNAL_LOGS)}
    stored, grown = None, [*logs]
    # Where the connection offers no such thing, FiftyOne reads everything.
    with suppress(AttributeError, NotImplementedError, OperationFailure):
        database = get_db_conn()
        stored = database.datasets.find_one({"_id": dataset._doc.id}, {"runs": 1})
        lines = database.runs.find({"_id": {"$in": grown}}, {"config.lines": 1}) if grown else ()
        texts = {one["_id"]: one.get("config", {}).get("lines") for one in lines}
        grown = [id_ for id_, one in logs.items() if one.config.get("lines") != texts.get(id_)]
    if stored is None or stored.get("runs", {}).keys() != runs.keys():
        dataset.reload()
        return
    for id_ in grown:
        logs[id_].reload()


def _as_record(dataset: Any, key: str, values: Values, kind: type[R]) -> R:
    try:
        record: R = _adapter(kind).validate_python({**values, "key": key})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise DatasetError(
            f"the run {key!r} of dataset {dataset.name!r} is not what {kind.METHOD} writes "
            f"({place}: {fault['msg']}): delete it, then run {kind.METHOD} again"
        ) from None
    return record


def write_record(dataset: Any, key: str, record: Record) -> None:
    """Makes a run, or replaces its parameters in place, durably.

    Args:
        dataset: a FiftyOne dataset.
        key: the run's key.
        record: what to keep.
    """
    values: Values = as_plain(record)
    values.pop("key", None)
    write_values(dataset, key, record.METHOD, values)


def read_values(dataset: Any, key: str) -> Values | None:
    """The parameters of any run, as they are stored; None where the dataset has no such run."""
    if not dataset.has_run(key):
        return None
    return _members(dict(dataset.get_run_info(key).config.serialize()))


def _members(values: Values) -> Values:
    """The parameters of a run less what FiftyOne itself keeps there."""
    return {key: value for key, value in values.items() if key not in ("cls", "type", "method")}


def write_values(dataset: Any, key: str, method: str, values: Values) -> None:
    """Writes the parameters of a run as they are to be stored.

    The first run on a dataset is accompanied by the number of the form that it is written in.

    Args:
        dataset: a FiftyOne dataset.
        key: the run's key.
        method: the stage that writes it.
        values: what to keep, JSON-able.
    """
    if key != SCHEMA_RUN_KEY and not dataset.has_run(SCHEMA_RUN_KEY):
        write_schema_number(dataset, SCHEMA_VERSION)
    version = installed_version() or "unknown"
    config = dataset.init_run(method=method, **{**values, "plugin_version": version})
    if dataset.has_run(key):
        dataset.update_run_config(key, config)
    else:
        dataset.register_run(key, config)
    make_durable(dataset)


def write_schema_number(dataset: Any, number: int) -> None:
    """Says on the dataset which form its records have, see the top of this module."""
    write_record(dataset, SCHEMA_RUN_KEY, SchemaNumber(number))


@dataclass(frozen=True, slots=True)
class Log:
    """Lines that one process writes for one person, each the JSON of an object with a ``key``.

    Attributes:
        key: key of the run.
        user: the person.
        lines: the text; of a full log only the lines that still are to be looked at. All of it is
            in its results then.
        is_full: whether no line will follow.
    """

    METHOD: ClassVar[str] = "relabel_boxes"

    key: str
    user: str
    lines: str = ""
    is_full: bool = False


_LINES: Final = 200
"""After so many a log is full: the whole text is written with each line."""
_open_logs: Final[dict[tuple[int, str, str], Log]] = {}
"""Those of this process, by its id (a fork is another one), dataset and person."""
_lock: Final = threading.Lock()


def append_line(
    dataset: Any, user: str, line: Values, settled: Callable[[Sequence[Values]], Collection[str]]
) -> str:
    """Writes a line durably into the log of this process and a person.

    Args:
        dataset: a FiftyOne dataset; its runs are known.
        user: the person.
        line: JSON-able; has a ``key``.
        settled: of all lines of a log tells the keys at which nobody needs to look again.

    Returns:
        The key of the log.
    """
    place = (os.getpid(), str(dataset._doc.id), user)
    with _lock:
        log = _open_logs.get(place)
        if log is None or log.key not in dataset._doc.runs:
            log = Log(f"{JOURNAL_LOGS}{now():%Y%m%d_%H%M%S}_{secrets.token_hex(3)}", user)
        log = replace(log, lines=f"{log.lines}{json.dumps(line)}\n")
        write_record(dataset, log.key, log)
        _open_logs[place] = log
        if log.lines.count("\n") >= _LINES:
            results = dataset.init_run_results(log.key, lines=log.lines)
            dataset.save_run_results(log.key, results, cache=False)
            texts = [(text, json.loads(text)) for text in log.lines.splitlines()]
            done = settled([one for _, one in texts])
            left = "".join(f"{text}\n" for text, one in texts if one["key"] not in done)
            write_record(dataset, log.key, replace(log, lines=left, is_full=True))
            del _open_logs[place]
        return log.key


def logged_lines(dataset: Any, put_away: bool) -> Iterator[tuple[str, Values]]:
    """The lines of all logs, with the key of each one's log.

    Args:
        dataset: a FiftyOne dataset; its runs are known.
        put_away: also those that are read from results: among them all that lie long back.
    """
    for key, document in dataset._doc.runs.items():
        if not key.startswith(JOURNAL_LOGS):
            continue
        log = _as_record(dataset, key, _members(dict(document.config)), Log)
        text = log.lines
        if log.is_full and put_away:
            text = dataset.load_run_results(key, cache=False).lines
        for line in text.splitlines():
            yield key, json.loads(line)


@cache
def _adapter(kind: type[R]) -> TypeAdapter[R]:
    return TypeAdapter(kind)


@dataclass(frozen=True, slots=True)
class LabelMapRecord:
    """One version of a dataset's label map; the latest one counts.

    Attributes:
        key: key of the run.
        version: its number, from 1.
        content: the map, compressed; empty where the project's own names count again.
        sha256: hash of what it says; of the pinned table where the project's own names count.
        source: name of the file, without its folder.
        form: of the file.
        user: who has set it; empty if nobody knows.
        time: when, UTC, ISO 8601.
    """

    METHOD: ClassVar[str] = "set_label_map"

    key: str
    version: int
    content: str
    sha256: str
    source: str
    form: str
    user: str
    time: str

    @property
    def label_map(self) -> LabelMap | None:
        """The map; None where the project's own names count."""
        return _unpacked(self.content) if self.content else None


@lru_cache(maxsize=8)
def _unpacked(content: str) -> LabelMap:
    return LabelMap.from_text(zlib.decompress(base64.b64decode(content)).decode())


def label_maps(view: Any) -> list[LabelMapRecord]:
    """The versions of the label map of a dataset, or of a view's dataset, the oldest first."""
    found = read_records(dataset_of(view), lambda key: key.startswith(LABEL_MAPS), LabelMapRecord)
    return sorted(found, key=lambda one: (one.version, one.time, one.key))


def label_map_of(view: Any) -> LabelMap | None:
    """The label map that counts in a dataset; None where the project's own names do."""
    versions = label_maps(view)
    return versions[-1].label_map if versions else None


def tree_of(label_map: LabelMap | None) -> Taxonomy:
    """The tree of a label map; the project's own where there is none."""
    return load_taxonomy() if label_map is None else label_map.taxonomy


Kind = Literal["evaluation", "suspects", "map", "index"]


@dataclass(frozen=True, slots=True)
class Basis:
    """What something was made from, to tell later whether that is still so.

    Attributes:
        kind: what was made.
        of: its key: of the evaluation or the brain run; of suspects the field that was searched.
        parameters: those of its stage, by which it is made again.
        stages: of the view that it was made from, as JSON; empty for the whole dataset.
        states: the boxes that it was made from, as they were.
        tree: hash of the tree of names by which it was made; empty for what knows no names, and
            where an earlier version made it, which had none but the project's own.
        places: digest of what that tree says of the names that it was made from.
        others: those of these names that need not be labels, such as what a model could predict.
    """

    METHOD: ClassVar[str] = "basis"

    kind: Kind
    of: str
    parameters: Mapping[str, str]
    stages: str
    states: tuple[columns.BoxesState, ...]
    tree: str = ""
    places: str = ""
    others: tuple[str, ...] = ()

    @classmethod
    def now(
        cls,
        samples: Any,
        kind: Kind,
        of: str,
        fields: Iterable[str],
        parameters: Mapping[str, str],
        *,
        taxonomy: Taxonomy | None = None,
        others: Iterable[str] = (),
    ) -> Self:
        """The basis of what is about to be made; asked before anything is read for that.

        Args:
            samples: a FiftyOne dataset, or a view of its images or patches.
            kind: what will be made.
            of: its key, see ``of``.
            fields: fields of boxes; ``""`` for whole images.
            parameters: of the stage.
            taxonomy: the tree by which names are weighed; None where none is.
            others: names that are weighed beside those of the boxes.
        """
        stages = ""
        names = tuple(dict.fromkeys(fields))
        if samples is not samples._root_dataset:
            if samples._dataset is not samples._root_dataset:
                # Patches are copies: the boxes that they are of, in the dataset itself.
                images, ids = columns.ids_in(samples, names[0])
                samples = samples._root_dataset.select(list(dict.fromkeys(images)))
                if names[0]:
                    boxes = [one for some in ids for one in some]
                    samples = samples.select_labels(ids=boxes, fields=names[0])
            stages = json_util.dumps(samples._serialize(include_uuids=False))
        states = tuple(columns.state_of_boxes(samples, name) for name in names)
        basis = cls(kind, of, parameters, stages, states, others=tuple(sorted(set(others))))
        if taxonomy is None:
            return basis
        return replace(basis, tree=taxonomy.sha256, places=basis._places(samples, taxonomy))

    def write(self, dataset: Any) -> None:
        """Keeps it on the dataset, in place of that of an earlier one with this key."""
        write_record(dataset, f"{_BASIS}{self.kind}_{self.of}", self)

    def changes(self, dataset: Any) -> str:
        """What is not as it was, in words: ``labels of ground_truth changed``; empty for nothing.

        Where the dataset has no such view any more, that is said.
        """
        import fiftyone as fo

        samples = dataset
        said = []
        try:
            if self.stages:
                samples = fo.DatasetView._build(dataset, json_util.loads(self.stages))
            for before in self.states:
                now = columns.state_of_boxes(samples, before.field)
                boxes = f"boxes of {before.field}" if before.field else "images"
                if now.boxes != before.boxes:
                    said.append(f"{boxes} were added or removed")
                elif now.places != before.places:
                    said.append(f"{boxes} were moved")
                # Maps and indexes are of vectors, which no label changes.
                elif self.kind in ("map", "index") or now.named == before.named:
                    continue
                elif now.labels != before.labels or not before.field:
                    said.append(f"labels of {before.field} changed")
                else:
                    said.append(f"labels or confidences of {before.field} changed")
            if not said and self._is_placed_anew(samples):
                said.append("the tree of names changed")
        except ValueError:  # FiftyOne's, of a stage whose field is gone
            return "a field that it was made from was deleted"
        return " and ".join(said)

    def _is_placed_anew(self, samples: Any) -> bool:
        """Whether another tree counts now, and says something else of the very same names.

        What else a label map says, of names that nothing here has, changes nothing.
        """
        if self.kind in ("map", "index"):
            return False
        tree = tree_of(label_map_of(samples))
        before = self.tree or load_taxonomy().sha256
        if tree.sha256 == before:
            return False
        places = self.places or self._places(samples, load_taxonomy())
        return self._places(samples, tree) != places

    def _places(self, samples: Any, taxonomy: Taxonomy) -> str:
        """Digest of what a tree says of the names of the boxes, and of the others."""
        names = set(self.others)
        for state in self.states:
            if state.boxes and state.field:
                names |= columns.names_of_boxes(samples, state.field)
        return taxonomy.places_of(names)


_BASIS: Final = "basis_"


@dataclass(frozen=True, slots=True)
class Outdated:
    """Something that was made from labels or boxes that have changed since.

    Attributes:
        basis: what it was made from.
        why: what changed, in words.
    """

    basis: Basis
    why: str


def why_outdated(dataset: Any, kind: Kind, of: str) -> str:
    """What has changed since something was made; empty where nothing has, or it is not known.

    Args:
        dataset: a FiftyOne dataset.
        kind: what was made.
        of: its key, see ``Basis``.
    """
    told = ((one.kind, one.of, one) for one in all_bases(dataset))
    return next((one.changes(dataset) for *key, one in told if key == [kind, of]), "")


def all_bases(dataset: Any) -> list[Basis]:
    """What the evaluations, suspects, maps and indexes that are there were made from."""
    there = {*dataset.list_evaluations(), *dataset.list_brain_runs()}
    found = []
    for key in dataset.list_runs():
        basis = None
        if key.startswith(_BASIS):
            # One that somebody has changed says nothing; what it is of can be shown all the same.
            with suppress(DatasetError):
                basis = read_record(dataset, key, Basis)
        if basis is not None and (basis.kind == "suspects" or basis.of in there):
            found.append(basis)
    return found


def all_outdated(dataset: Any) -> list[Outdated]:
    """The evaluations, suspects, maps and indexes that are there, and not as they would be now."""
    told = ((basis, basis.changes(dataset)) for basis in all_bases(dataset))
    return [Outdated(basis, why) for basis, why in told if why]


def boxes_listed(boxes: Any) -> Iterator[tuple[str, str]]:
    r"""The image's id and the label's of each box that a group of a run's results lists.

    Runs of schema 1 hold pairs and are not rewritten: FiftyOne deletes a run's old results before
    it writes new ones, so a kill in between would lose them. Later ones hold a line for each box.

    Examples:
        >>> list(boxes_listed("i1 b1\ni1 b2")) == list(boxes_listed([["i1", "b1"], ["i1", "b2"]]))
        True
    """
    pairs = map(str.split, boxes.splitlines()) if isinstance(boxes, str) else boxes
    return ((image, label) for image, label in pairs)


MARKER: Final = "fathomnet"
"""Key in ``dataset.info`` that says that this project made the dataset."""


def reload_known(dataset: Any) -> int:
    """Reads the dataset's own document anew.

    Args:
        dataset: a FiftyOne dataset, or a view of one.

    Returns:
        The form of what is kept on it; the current one where nothing is.

    Raises:
        DatasetError: a newer version of the project has written it.
    """
    dataset = dataset_of(dataset)
    dataset.reload()
    record = read_record(dataset, SCHEMA_RUN_KEY, SchemaNumber)
    if record is None:
        values = (read_values(dataset, key) or {} for key in dataset.list_runs())
        has_records = (
            MARKER in dataset.info
            or any("plugin_version" in one for one in values)
            or any(True for _ in outdated_runs(dataset))
        )
        return 1 if has_records else SCHEMA_VERSION
    if record.number > SCHEMA_VERSION:
        raise DatasetError(
            f"dataset {dataset.name!r} has schema {record.number}, of fathomnet-voxel51 "
            f"{record.plugin_version}; this version knows schemas up to {SCHEMA_VERSION} and "
            "leaves it alone: install that version or a later one, here and wherever workers run"
        )
    return record.number


def bring_up_to_date(dataset: Any) -> None:
    """Reads the dataset's own document anew, and brings what is kept on it to the current form.

    Args:
        dataset: a FiftyOne dataset, or a view of one.

    Raises:
        DatasetError: a newer version of the project has written it.
    """
    there = reload_known(dataset)
    dataset = dataset_of(dataset)
    _mend_saved_views(dataset)
    for number, step in STEPS:
        if number > there:
            step(dataset)
            write_schema_number(dataset, number)


def _mend_saved_views(dataset: Any) -> None:
    """Completes what FiftyOne left half done where it was killed: it saves a view in two writes.

    A view that is listed and not there was being deleted. FiftyOne skips the entry where it looks
    for a view and counts it where it removes one, so that it would remove another one. One that is
    there and not listed was being saved; nobody would ever see or delete it.
    """
    from fiftyone.core.odm import SavedViewDocument, patch_saved_views

    if any(isinstance(view, DBRef) for view in dataset._doc.saved_views):
        patch_saved_views(dataset.name)
        dataset.reload()
    listed = [view.id for view in dataset._doc.saved_views]
    unlisted = SavedViewDocument.objects(dataset_id=dataset._doc.id, id__nin=listed)
    unlisted.filter(created_at__lt=now() - HALF_SAVED).delete()


def _number_leaves_info(dataset: Any) -> None:
    marker = dataset.info.get(MARKER)
    if isinstance(marker, dict) and "schema_version" in marker:
        dataset.info[MARKER] = {k: v for k, v in marker.items() if k != "schema_version"}
        dataset.save()


def _journals_stay(dataset: Any) -> None:
    """Nothing that is kept changes; an earlier version would undo a journal and leave verdicts."""


STEPS: Final[tuple[tuple[int, Callable[[Any], None]], ...]] = (
    (2, _number_leaves_info),
    (3, use_lasting_paths),
    (4, _journals_stay),
)
"""What makes each form of the one before it, in order."""
