"""Brings vectors that were made elsewhere onto boxes or images, and writes vectors to a file.

Imported vectors are used like those of a model: their maps, indexes, duplicates and label errors
are asked for by the model ``imported/<key>``.
"""

import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from ..dataset.collection import refuse_if_field_deleted
from ..dataset.columns import boxes_in, dataset_of, read_images
from ..dataset.label_pipelines import is_list
from ..dataset.records import Basis, bring_up_to_date, read_record, reload_known, write_record
from ..dataset.schema import labels_path, pictured
from ..dataset.vectors import (
    EmbeddingRecord,
    VectorRows,
    declare_vectors,
    read_vectors,
    vector_path,
    write_vectors,
)
from ..dataset.writes import batched, write_overlapped
from ..errors import DatasetError, Fault, InputError
from ..files.faults import FaultList, value_in_words
from ..files.places import Place, place
from ..files.writing import folder_problem, write_whole
from ..models import load_embedder, model_names, model_spec
from ..names import (
    ANNOTATION_ID,
    DEFAULT_MODEL,
    GROUND_TRUTH,
    IMPORTED,
    embedding_field,
    embedding_run_key,
    map_key,
)
from ..prediction_files.layout import NAMED_IMAGE, PATHS, boxes_by_name, whole_number
from ..progress import Progress, portion, silent
from ..text import counted, listed, shortened
from .maps import check_map, make_map
from .vector_files import BESIDE, FILE_NAME, IDS, IMAGE_ID, SPLIT, VectorTable, read_vector_file

What = Literal["boxes", "crops", "images"]
By = Literal["auto", "annotation_id", "sample_id", "path", "external_id"]

EXTERNAL_ID: Final = "external_id"
WRITTEN_AT_ONCE: Final = 2_000
"""Images whose vectors are written at once."""
NOTES_TOLD: Final = 20
IMPORTED_BY: Final = 0.9
"""The share of the progress at which the map begins."""

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "annotation_id": (ANNOTATION_ID,),
    "sample_id": ("label_id", "sample_id"),
    "external_id": (EXTERNAL_ID,),
    "path": PATHS,
}
"""The columns that may hold each kind of id, beside those that do not say which kind they hold."""


@dataclass(frozen=True, slots=True)
class ImportedEmbeddings:
    """The outcome of ``import_embeddings``.

    Attributes:
        imported: boxes or images that got a vector.
        unmatched: rows of the file that are about none of the dataset.
        dimensions: the length of a vector.
        by: what the rows were matched by.
        kept: boxes or images that keep a vector of an earlier import, because the file has none.
        brain_key: the key of the map; empty if none was made.
        notes: the first of the rows that are about nothing here.
    """

    imported: int
    unmatched: int
    dimensions: int
    by: str
    kept: int
    brain_key: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Thing:
    """A box, or a whole image, that a vector may be of.

    Attributes:
        id: of the label or, for a whole image, of the sample.
        sample_id: of its image.
        beside: what is known of its image, by the names of ``BESIDE``.
        has_vector: whether it has one under this key.
    """

    id: str
    sample_id: str
    beside: Mapping[str, str]
    has_vector: bool


@dataclass(frozen=True, slots=True)
class EmbeddingsImport:
    """What ``import_embeddings`` would write.

    Attributes:
        model: what maps and indexes call these vectors.
        patches_field: the field of the boxes that they are of; ``""`` for whole images.
        field: the field or attribute of the vectors.
        table: the file.
        by: what the rows are matched by.
        rows: of the file, those that are about something here.
        things: what each of these rows is about.
        unmatched: the other rows, in words.
        kept: boxes or images that keep a vector of an earlier import.
        brain_key: the key of the map; empty for none.
    """

    model: str
    patches_field: str
    field: str
    table: VectorTable
    by: str
    rows: Sequence[int]
    things: Sequence[_Thing]
    unmatched: FaultList
    kept: int
    brain_key: str


def import_embeddings(  # noqa: PLR0913, PLR0917  # the parameters of the operator
    dataset: Any,
    vectors: str,
    key: str,
    by: By = "auto",
    patches_field: str = GROUND_TRUTH,
    text_model: str = "",
    method: str = "umap",
    brain_key: str = "",
    progress: Progress = silent,
) -> ImportedEmbeddings:
    """Gives boxes or images the vectors of a file, as if ``compute_embeddings`` had made them.

    Run again with the same file it writes the same. Boxes that a file does not name keep the
    vector of an earlier file, so that a file a split may be imported, one after the other.

    Args:
        dataset: a FiftyOne dataset.
        vectors: a Parquet file, NPZ or NPY, see ``vector_files``.
        key: what the vectors are called: maps and indexes ask for the model ``imported/<key>``.
        by: what tells whose a vector is; ``auto`` takes what the file has and most rows match.
        patches_field: the field of boxes; ``""`` for whole images. Of a field of the labels of
            crops the vectors are those of their images, which rows may also name by the labels.
        text_model: a model whose texts lie in the same space, for search by text; empty for none.
        method: of the map: ``umap``, ``pca`` or ``tsne``; ``none`` for no map.
        brain_key: the map's key; empty derives it from key, method and field.
        progress: called with the share done and a label.

    Raises:
        InputError: the file or a parameter is wrong, or rows contradict what they are about;
            nothing was written.
        DatasetError: the field holds no labels, or a name is taken; nothing was written.
        SetupError: the weights of ``text_model`` are not on this machine.
    """
    bring_up_to_date(dataset)
    progress(0.0, "reading the vectors")
    plan = check_embeddings_import(
        dataset, vectors, key, by, patches_field, text_model, method, brain_key
    )
    patches_field, width = plan.patches_field, plan.table.matrix.shape[1]
    if text_model:
        texts = load_embedder(text_model, progress=portion(progress, 0.0, 0.1)).dimensions
        if texts != width:
            problem = f"makes vectors of {texts:,} numbers, and those of the file have {width:,}"
            raise InputError(vectors, [Fault("text_model", problem)])
    asked = {"model": plan.model, "patches_field": patches_field, "method": method}
    basis = Basis.now(
        dataset, "map", plan.brain_key, (patches_field,), asked | {"brain_key": brain_key}
    )
    record = _begun(plan, text_model)
    _write_vectors(dataset, plan, record, portion(progress, 0.1, IMPORTED_BY))
    made = None
    if plan.brain_key:
        drawing = portion(progress, IMPORTED_BY, 1.0)
        made = make_map(dataset, patches_field, plan.field, method, plan.brain_key, drawing)
        if made.points:
            basis.write(dataset)
        record = replace(record, map=(made.method, made.points, made.remark))
    run_key = embedding_run_key(plan.model, patches_field)
    write_record(dataset, run_key, replace(record, state="complete"))
    noun = ("box", "boxes") if patches_field else ("image", "images")
    words = [f"{counted(len(plan.rows), *noun)} with a vector"]
    if plan.unmatched:
        words.append(f"{counted(plan.unmatched.count, 'row is', 'rows are')} about nothing here")
    if plan.kept:
        words.append(f"{counted(plan.kept, *noun)} with one of an earlier import")
    progress(1.0, ", ".join(words))
    return ImportedEmbeddings(
        imported=len(plan.rows),
        unmatched=plan.unmatched.count,
        dimensions=width,
        by=plan.by,
        kept=plan.kept,
        brain_key=plan.brain_key if made is not None and made.points else "",
        notes=record.examples,
    )


def _begun(plan: EmbeddingsImport, text_model: str) -> EmbeddingRecord:
    """What the dataset keeps of an import that has begun to write."""
    return EmbeddingRecord(
        state="writing",
        model=plan.model,
        zoo_name=model_spec(text_model).zoo_name if text_model else "",
        patches_field=plan.patches_field,
        field=plan.field,
        dimensions=plan.table.matrix.shape[1],
        device="",
        settings={"file": plan.table.subject, "sha256": plan.table.sha256, "by": plan.by},
        batch_size=0,
        embedded=len(plan.rows),
        present=plan.kept,
        map=None,
        skipped=plan.unmatched.count,
        skipped_images=0,
        reasons=(),
        examples=tuple(map(str, plan.unmatched.all()[:NOTES_TOLD])),
        text_model=text_model,
    )


def _write_vectors(
    dataset: Any, plan: EmbeddingsImport, record: EmbeddingRecord, progress: Progress
) -> None:
    """Writes the vectors of a plan; the record says first that they are being written."""
    declare_vectors(dataset, record.patches_field, plan.field)
    write_record(dataset, embedding_run_key(plan.model, record.patches_field), record)

    write = partial(write_vectors, dataset, record.patches_field, plan.field)
    done = 0
    for written in write_overlapped(_batches(plan), write):
        done += written
        progress(done / len(plan.rows), f"writing {done:,}/{len(plan.rows):,} vectors")
    refuse_if_field_deleted(dataset, vector_path(dataset, record.patches_field, plan.field))


def _batches(plan: EmbeddingsImport) -> Iterator[VectorRows]:
    """The vectors of some images at a time, those of one image beside one another."""
    of_images: dict[str, list[int]] = defaultdict(list)
    for at, thing in enumerate(plan.things):
        of_images[thing.sample_id].append(at)
    source = {"model": f"{plan.model} {plan.table.sha256[:16]}", "box": ""}
    for images in batched(of_images.values(), WRITTEN_AT_ONCE):
        places = [at for image in images for at in image]
        yield VectorRows(
            ids=[plan.things[at].id for at in places],
            sample_ids=[plan.things[at].sample_id for at in places],
            fingerprints=[source] * len(places),
            matrix=plan.table.matrix[[plan.rows[at] for at in places]],
        )


def check_embeddings_import(  # the parameters of the operator
    dataset: Any,
    vectors: str,
    key: str,
    by: By = "auto",
    patches_field: str = GROUND_TRUTH,
    text_model: str = "",
    method: str = "umap",
    brain_key: str = "",
) -> EmbeddingsImport:
    """Reads the file and finds whose its vectors are; raises the errors of ``import_embeddings``.

    The weights of ``text_model`` are not loaded.
    """
    reload_known(dataset)
    labels = labels_path(dataset, patches_field) if patches_field else ""
    patches_field = pictured(dataset, patches_field)
    model = _checked_name(dataset, key, patches_field)
    if text_model and not model_spec(text_model).supports_prompts:
        raise InputError(text_model, [Fault("text_model", "knows images but no text")])
    made_as = "" if method == "none" else brain_key or map_key(model, method, patches_field)
    check_map(dataset, method, made_as)
    table = read_vector_file(vectors)
    field = embedding_field(model)
    width = table.matrix.shape[1]
    before = read_record(dataset, embedding_run_key(model, patches_field), EmbeddingRecord)
    if before is not None and before.dimensions != width:
        problem = f"{width:,} numbers a vector, and those imported as {key} have "
        problem += f"{before.dimensions:,}"
        raise InputError(vectors, [Fault("key", problem)], "Choose another key for these.")
    everything = list(_things(dataset, labels, field))
    what: What = "boxes" if patches_field else "crops" if labels else "images"
    way, found, unmatched = _matched(table, everything, by, what)
    given = {id(thing) for _, thing in found}
    kept = sum(thing.has_vector and id(thing) not in given for _, thing in everything)
    return EmbeddingsImport(
        model=model,
        patches_field=patches_field,
        field=field,
        table=table,
        by=way,
        rows=[row for row, _ in found],
        things=[thing for _, thing in found],
        unmatched=unmatched,
        kept=kept,
        brain_key=made_as,
    )


def _checked_name(dataset: Any, key: str, patches_field: str) -> str:
    """What the vectors are called as a model; refused where a model has the name already."""
    model = f"{IMPORTED}{key}"
    problem = ""
    if not (key.isascii() and key.isidentifier()) or key != key.lower():
        problem = f"{key!r} is no key: a small letter, then small letters, digits and _"
    elif key in {name.replace("-", "_") for name in model_names()}:
        problem = f"{key!r} is the name of a model that this project runs; choose another"
    if problem:
        raise InputError("import_embeddings", [Fault("key", problem)])
    there = read_record(dataset, embedding_run_key(model, patches_field), EmbeddingRecord)
    if there is not None and there.model != model:
        raise DatasetError(
            f"{there.field!r} of dataset {dataset.name!r} holds the vectors of {there.model}; "
            "choose another key"
        )
    return model


_Names = Mapping[str, tuple[str, ...]]
"""What a thing may be called, by each way to name it."""


def _things(dataset: Any, path: str, field: str) -> Iterator[tuple[_Names, _Thing]]:
    """Every box or image, and what it may be called.

    Args:
        dataset: a FiftyOne dataset.
        path: of the boxes, or of the labels of crops; empty for images alone.
        field: holds the vectors.
    """
    of_image = ("filepath", "media_uri", SPLIT, IMAGE_ID, FILE_NAME, EXTERNAL_ID)
    of_boxes = is_list(path)
    attributes = (ANNOTATION_ID, EXTERNAL_ID, field) if of_boxes else (ANNOTATION_ID,)
    wanted: dict[str, Any] = {"boxes": {path: attributes}} if path else {}
    fields = of_image if of_boxes else (*of_image, field)
    for image in read_images(dataset, fields=fields, **wanted):
        sample_id = str(image["_id"])
        beside = {name: str(image[name]) for name in BESIDE if image.get(name) is not None}
        if not of_boxes:
            label = next(iter(boxes_in(image, path)), None) if path else None
            places = [image.get(name) for name in ("filepath", "media_uri", FILE_NAME)]
            names = {
                "annotation_id": _texts(label.get(ANNOTATION_ID)) if label else (),
                "sample_id": (sample_id, str(label["_id"])) if label else (sample_id,),
                "external_id": _texts(image.get(EXTERNAL_ID)),
                "path": tuple(
                    dict.fromkeys(
                        name for one in places if one for name in (str(one), _last_part(str(one)))
                    )
                ),
            }
            yield names, _Thing(sample_id, sample_id, beside, image.get(field) is not None)
            continue
        boxes = boxes_in(image, path)
        for box in boxes:
            own = str(box["_id"])
            number = _texts(box.get(ANNOTATION_ID))
            names = {
                "annotation_id": number,
                "sample_id": (own, sample_id) if len(boxes) == 1 else (own,),
                "external_id": _texts(box.get(EXTERNAL_ID)),
                "path": number,
            }
            yield names, _Thing(own, sample_id, beside, box.get(field) is not None)


def _texts(value: object) -> tuple[str, ...]:
    return () if value is None else (_as_text(value),)


def _as_text(cell: object) -> str:
    """An id as text; a whole number in the same way, however it is written."""
    number = whole_number(cell)
    return str(cell).strip() if number is None else str(number)


def _last_part(path: str) -> str:
    return PurePath(path.replace("\\", "/")).name


_Found = list[tuple[int, _Thing]]


def _matched(
    table: VectorTable, everything: Sequence[tuple[_Names, _Thing]], by: By, what: What
) -> tuple[str, _Found, FaultList]:
    """What the rows were matched by, whose each is, and those that are nobody's.

    Raises:
        InputError: rows contradict what they are about, may be about several things or are about
            the same; or none is about anything here.
    """
    tried = {
        (way, name): cells
        for way in (_COLUMNS if by == "auto" else (by,))
        for name in (*_COLUMNS[way], *IDS)
        if (cells := table.columns.get(name)) is not None
        and not (what == "images" and way == "annotation_id")
    }
    if not tried:
        named = "whose a vector is" if by == "auto" else by
        problem = f"no column says {named}; there are {listed(table.columns) or 'none'}"
        if what == "images" and by in ("auto", ANNOTATION_ID) and ANNOTATION_ID in table.columns:
            problem = f"{ANNOTATION_ID} is of labels: name their field as patches_field"
        raise InputError(table.subject, [Fault("columns", problem)])
    best: tuple[str, _Found, FaultList, FaultList] | None = None
    for (way, name), cells in tried.items():
        called: dict[str, list[_Thing]] = defaultdict(list)
        for names, thing in everything:
            for one in names.get(way, ()):
                called[one].append(thing)
        found, nobody, faults = _whose(table, way, name, cells, called, what)
        if best is None or len(found) + faults.count > len(best[1]) + best[3].count:
            best = way, found, nobody, faults
    assert best is not None
    way, found, nobody, faults = best
    faults.raise_if_any(table.subject, "Give each row the split and the file_name of its image.")
    if not found:
        first = str(nobody.all()[0])
        problem = f"none of its {nobody.count:,} rows is about one of the {what} here; {first}"
        raise InputError(table.subject, [Fault("rows", problem)])
    return way, found, nobody


def _whose(
    table: VectorTable,
    way: str,
    name: str,
    cells: Sequence[object],
    called: Mapping[str, Sequence[_Thing]],
    what: What,
) -> tuple[_Found, FaultList, FaultList]:
    """The rows with what they are about, those about nothing, and those that cannot be right."""
    # Rows that name crops by numbers may tell of the images that these are from.
    told = (SPLIT,) if what == "crops" and way == "annotation_id" else BESIDE
    beside = {key: column for key, column in table.columns.items() if key in told and key != name}
    if way == "path" and what == "boxes":
        cells, said = boxes_by_name(cells, always=True)
        beside |= said
    found: _Found = []
    nobody, faults = FaultList(), FaultList()
    rows_of: dict[str, int] = {}
    for row, cell in enumerate(cells):
        where = f"row {row + 1:,}"
        text = "" if cell is None else _as_text(cell)
        known = called.get(text) or (
            called.get(_last_part(text), ()) if way == "path" and what != "boxes" else ()
        )
        said_here = {key: column[row] for key, column in beside.items()}
        agreeing = [one for one in known if _agrees(said_here, one)]
        words = f"{name} {value_in_words(cell)}"
        if not known:
            nobody.add(where, f"{words} is not here", kind="rows about nothing here")
        elif not agreeing:
            there = ", ".join(f"{key} {value}" for key, value in known[0].beside.items())
            given = ", ".join(f"{key} {value_in_words(value)}" for key, value in said_here.items())
            problem = f"{words} is of {shortened(there, 120)} here, and the row says {given}"
            faults.add(where, problem, kind="contradictions")
        elif len(agreeing) > 1:
            faults.add(where, f"{words} is that of {len(agreeing):,} here", kind="ambiguous")
        elif agreeing[0].id in rows_of:
            problem = f"{words} has a vector in row {rows_of[agreeing[0].id] + 1:,} too"
            faults.add(where, problem, kind="twice")
        else:
            rows_of[agreeing[0].id] = row
            found.append((row, agreeing[0]))
    return found, nobody, faults


def _agrees(said: Mapping[str, object], thing: _Thing) -> bool:
    """Whether what a row says of the image is so, as far as it says anything."""
    for key, value in said.items():
        if value is None or value == "":
            continue
        if key == NAMED_IMAGE:
            stem = PurePath(thing.beside.get(FILE_NAME, "")).stem
            if str(value) not in (thing.beside.get(IMAGE_ID), stem):
                return False
        elif key == FILE_NAME:
            if _last_part(str(value)) != _last_part(thing.beside.get(key, "")):
                return False
        elif key in thing.beside and _as_text(value) != thing.beside[key]:
            return False
    return True


@dataclass(frozen=True, slots=True)
class ExportedEmbeddings:
    """The outcome of ``export_embeddings``.

    Attributes:
        file: what was written.
        vectors: how many it holds.
        dimensions: the length of each.
    """

    file: str
    vectors: int
    dimensions: int


def export_embeddings(
    dataset_or_view: Any,
    folder: str,
    model: str = DEFAULT_MODEL,
    patches_field: str = GROUND_TRUTH,
    progress: Progress = silent,
) -> ExportedEmbeddings:
    """Writes the vectors of a model to a Parquet file, which ``import_embeddings`` reads again.

    A row has the ids of the box and of its image, its split and file name, and the vector; the
    file's metadata name the model.

    Args:
        dataset_or_view: a FiftyOne dataset or view; only what a view shows is written.
        folder: takes ``<vectors>_<field>.parquet``, such as
            ``clip_embedding_ground_truth.parquet``; of this machine or of a bucket.
        model: whose vectors, see ``compute_embeddings``.
        patches_field: the field of boxes; ``""`` for whole images. Of a field of the labels of
            crops the vectors are those of their images, beside the ids of the labels.
        progress: called with the share done and a label.

    Raises:
        InputError: the file cannot be written there; nothing was written.
        DatasetError: there are no such vectors.
    """
    file, _ = check_embeddings_export(dataset_or_view, folder, model, patches_field)
    progress(0.0, "reading the vectors")
    dataset = dataset_of(dataset_or_view)
    boxes = pictured(dataset, patches_field)
    vectors = read_vectors(dataset_or_view, boxes, embedding_field(model_spec(model).name))
    progress(0.6, f"writing {counted(len(vectors.ids), 'vector', 'vectors')}")
    # What the rows of the file say of each box or image, by its id.
    path = labels_path(dataset, patches_field) if patches_field else ""
    wanted: dict[str, Any] = {"boxes": {path: (ANNOTATION_ID,)}} if path else {}
    names = {}
    for image in read_images(dataset, fields=BESIDE, **wanted):
        of_image = {name: image.get(name) for name in BESIDE} | {"sample_id": str(image["_id"])}
        names[str(image["_id"])] = of_image
        for one in boxes_in(image, path) if path else ():
            own = {"label_id": str(one["_id"]), ANNOTATION_ID: one.get(ANNOTATION_ID)}
            names[str(one["_id"] if boxes else image["_id"])] = of_image | own
    width = vectors.matrix.shape[1]
    columns: dict[str, Any] = {
        name: [names[id_].get(name) for id_ in vectors.ids]
        for name in (ANNOTATION_ID, "label_id", "sample_id", *BESIDE)
        if patches_field or name not in (ANNOTATION_ID, "label_id")
    }
    flat = pa.array(vectors.matrix.reshape(-1), type=pa.float32())
    columns["embedding"] = pa.FixedSizeListArray.from_arrays(flat, width)
    table = pa.table(columns).replace_schema_metadata({"model": model})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, buffer.getvalue())
    progress(1.0, f"{counted(len(vectors.ids), 'vector', 'vectors')} in {file}")
    return ExportedEmbeddings(str(file), len(vectors.ids), width)


def check_embeddings_export(
    dataset_or_view: Any,
    folder: str,
    model: str = DEFAULT_MODEL,
    patches_field: str = GROUND_TRUTH,
) -> tuple[Place, int]:
    """The file that would be written, and its number of vectors.

    Raises:
        FathomNetError: those of ``export_embeddings``.
    """
    reload_known(dataset_or_view)
    problem = folder_problem(folder) if folder else "name a folder"
    if problem:
        raise InputError("export_embeddings", [Fault("folder", problem)])
    dataset = dataset_of(dataset_or_view)
    field = embedding_field(model_spec(model).name)
    boxes = pictured(dataset, patches_field)
    path = vector_path(dataset, boxes, field)
    number = dataset_or_view.count(path) if dataset.get_field(path) is not None else 0
    if not number:
        raise DatasetError(
            f"there are no vectors of {model} in {path!r} here; run compute_embeddings first"
        )
    return place(folder) / f"{field}_{boxes or 'images'}.parquet", int(number)
