"""Labels of a dataset in files, one a split, in the numbers of the catalogs that they are from.

Boxes go into COCO files, the one label of each crop into a table of crops.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from ..catalog.crops import EXTERNAL_ID, HEADERS
from ..dataset import columns
from ..dataset.documents import Document
from ..dataset.ingest_record import IngestRecord, in_ranges, read_ingest_record
from ..dataset.label_pipelines import is_list
from ..dataset.records import label_map_of, reload_known
from ..dataset.schema import further_fields, labels_path
from ..errors import DatasetError, Fault, InputError
from ..files.places import Place, place
from ..files.writing import folder_problem, write_whole
from ..names import ANNOTATION_ID, GROUND_TRUTH, SECOND_CONFIDENCE, SECOND_LABEL
from ..progress import Progress, silent
from ..text import counted

EXPORTED: Final = (
    *("filepath", "split", "image_id", "file_name", "source_url", "date_captured"),
    *("vehicle", "dive", EXTERNAL_ID),
    *("metadata.width", "metadata.height"),
)
"""The fields of an image that a file needs."""
EXPORTED_OF_BOX: Final = (
    *("label", "bounding_box", ANNOTATION_ID, "area", "iscrowd"),
    *("confidence", SECOND_LABEL, SECOND_CONFIDENCE),
)
"""The attributes of a box, or of a crop's label, that it needs."""
_SECOND_BEST: Final = (("label_2", SECOND_LABEL), ("confidence_2", SECOND_CONFIDENCE))


@dataclass(frozen=True, slots=True)
class DatasetExportResult:
    """The outcome of ``export_dataset``.

    Attributes:
        files: the paths of the files, one for each split.
        images: images in them.
        boxes: boxes in them, or labels of crops.
        special_boxes: boxes that are left out because the label map says that their names are no
            taxa.
    """

    files: tuple[str, ...]
    images: int
    boxes: int
    special_boxes: int = 0


def export_dataset(
    dataset: Any,
    folder: str | Place,
    field: str = GROUND_TRUTH,
    view: str = "",
    split: str = "",
    progress: Progress = silent,
) -> DatasetExportResult:
    """Writes the boxes of each split, as they are now, into ``exported_<split>.json`` (COCO).

    Crops, with one label each, go into ``exported_<split>.parquet``, which ``ingest_crops`` reads.

    Images, boxes and categories have the ids of the catalog that they were ingested from, and
    images their URLs, dates and licences, so that the file can take the catalog's place: ingested
    again, it makes the same samples. Names that the catalog does not have get further category ids.
    A model is trained on such files, so boxes are left out whose names the label map calls special.

    Args:
        dataset: a FiftyOne dataset.
        folder: created if it does not exist, or ``gs://bucket/prefix``; files of these names are
            replaced.
        field: the field of boxes, or of the labels of crops.
        view: name of a saved view, of which only the images and boxes are written; "" for all.
        split: the only split to write; "" for all.
        progress: called with the share done and a label.

    Raises:
        InputError: no folder is named, or there is no such view or split.
        DatasetError: ``field`` holds no labels, or the folder cannot be written.
    """
    reload_known(dataset)
    shown, files = _plan(dataset, folder, field, view, split)
    path, images, boxes, special = labels_path(dataset, field), 0, 0, 0
    label_map = label_map_of(dataset)
    no_taxa = label_map.special if label_map else frozenset()
    for done, (name, file) in enumerate(files.items()):
        progress(done / len(files), f"writing {file.name}")
        of_split = []
        for image in read_exported(dataset, _of_split(shown, name), path):
            there = columns.boxes_in(image, path)
            kept = [box for box in there if box.get("label") not in no_taxa]
            special += len(there) - len(kept)
            if len(kept) == len(there):
                of_split.append(image)
            elif is_list(path):
                of_split.append(columns.with_boxes(image, path, kept))
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, content_of(dataset, name, of_split, path))
        except OSError as error:
            raise DatasetError(f"{folder} cannot be written: {error.strerror}") from error
        images += len(of_split)
        boxes += sum(len(columns.boxes_in(image, path)) for image in of_split)
    written = counted(images, "image", "images")
    progress(1.0, f"{written} and {counted(boxes, 'box', 'boxes')} in {folder}")
    return DatasetExportResult(tuple(map(str, files.values())), images, boxes, special)


def check_dataset_export(
    dataset: Any, folder: str | Place, field: str = GROUND_TRUTH, view: str = "", split: str = ""
) -> dict[Place, int]:
    """The number of images in each file that an export would write; raises the same errors."""
    reload_known(dataset)
    shown, files = _plan(dataset, folder, field, view, split)
    return {file: len(_of_split(shown, name)) for name, file in files.items()}


def _plan(
    dataset: Any, folder: str | Place, field: str, view: str, split: str
) -> tuple[Any, dict[str, Place]]:
    """What is exported, and the file of each split of it."""
    require_folder(folder)
    kind = form_of(labels_path(dataset, field))
    if view and view not in dataset.list_saved_views():
        raise InputError("export_dataset", [Fault("view", f"there is no saved view {view!r}")])
    shown = dataset.load_saved_view(view) if view else dataset
    if "sample_id" in shown.get_field_schema():
        problem = f"{view!r} shows patches; choose a view of images"
        raise InputError("export_dataset", [Fault("view", problem)])
    has_splits = dataset.get_field("split") is not None
    splits = [one or "" for one in shown.distinct("split")] if has_splits else []
    if split and split not in splits:
        there = ", ".join(sorted(splits)) or "none"
        problem = f"there are no images of the {split} split; the splits are: {there}"
        raise InputError("export_dataset", [Fault("split", problem)])
    wanted = [split] if split else sorted(splits) or [""]
    return shown, {one: place(folder) / f"exported_{one or 'all'}.{kind}" for one in wanted}


def require_folder(folder: str | Place) -> None:
    """Refuses a folder that cannot take files.

    Raises:
        InputError: no folder is named.
        DatasetError: it cannot be written.
    """
    if not str(folder):
        raise InputError("folder", [Fault("folder", "name the folder that takes the files")])
    if problem := folder_problem(folder):
        raise DatasetError(problem)


def _of_split(shown: Any, split: str) -> Any:
    from fiftyone import ViewField

    return shown.match(ViewField("split") == split) if split else shown


def form_of(path: str) -> str:
    """The ending of the files for the labels at a path: COCO of boxes, a table of crops."""
    return "json" if is_list(path) else "parquet"


def read_exported(dataset: Any, view: Any, path: str) -> Iterator[Document]:
    """Images of a view with what a file says of them and of the labels at a path."""
    fields = EXPORTED if is_list(path) else (*EXPORTED, *further_fields(dataset))
    return columns.read_images(view, fields, {path: EXPORTED_OF_BOX})


def content_of(dataset: Any, split: str, images: Sequence[Document], path: str) -> bytes:
    """What a file says of images of one split, by ``read_exported``, and of their labels."""
    record = read_ingest_record(dataset, split)
    if is_list(path):
        return json.dumps(as_coco(record, images, path), indent=1, ensure_ascii=False).encode()
    return as_table(record, images, path, further_fields(dataset))


def as_table(
    record: IngestRecord | None, images: Sequence[Document], path: str, further: Sequence[str]
) -> bytes:
    """Crops of one split and their labels as a Parquet table, as ``ingest_crops`` reads it.

    Args:
        record: what is known of the split; None where ``ingest_crops`` did not make it.
        images: by ``read_exported``.
        path: of the labels.
        further: names of fields that become columns.
    """
    labels = [next(iter(columns.boxes_in(image, path)), Document()) for image in images]
    numbers = [
        label.get(ANNOTATION_ID, image.get("image_id"))
        for image, label in zip(images, labels, strict=True)
    ]
    known = {meaning: headers[0] for meaning, headers in HEADERS.items()}
    table: dict[str, list[Any]] = {
        known["path"]: [_written_path(record, image) for image in images],
        known["label"]: [label.get("label") for label in labels],
        ANNOTATION_ID: _numbers(numbers, record.boxes if record else 0),
        "source_url": [image.get("source_url") for image in images],
    }
    always = frozenset(table)
    for name, attribute in (("confidence", "confidence"), *_SECOND_BEST):
        table[known[name]] = [label.get(attribute) for label in labels]
    for side in ("width", "height"):
        table[side] = [(image.get("metadata") or {}).get(side) for image in images]
    captured = [image.get("date_captured") for image in images]
    table["date_captured"] = [None if one is None else str(one) for one in captured]
    for name in ("vehicle", "dive", EXTERNAL_ID):
        table[name] = [image.get(name) for image in images]
    for name in further:
        # As an ingest calls a column whose name means something else.
        header = f"file_{name}" if name in table and name != EXTERNAL_ID else name
        table[header] = [image.get(name) for image in images]
    given = {
        name: cells
        for name, cells in table.items()
        if name in always or any(cell is not None for cell in cells)
    }
    file = pa.BufferOutputStream()
    pq.write_table(pa.table(given), file)
    return bytes(file.getvalue())


def _written_path(record: IngestRecord | None, image: Document) -> str:
    """How a table names a crop: by its file, or by its URL if that is all that it was read by."""
    name, url = name_of(image), image.get("source_url")
    is_known_by_url = record is not None and not record.media_root and url
    if is_known_by_url and unquote(urlsplit(url).path).endswith(f"/{name}"):
        return str(url)
    return name


def as_coco(record: IngestRecord | None, images: Sequence[Document], path: str) -> dict[str, Any]:
    """Images of one split and their boxes as COCO.

    Args:
        record: what is known of the split; None where ``ingest_dataset`` did not make it.
        images: with ``EXPORTED`` and, at the path, boxes with ``EXPORTED_OF_BOX``.
        path: of the boxes.

    Returns:
        The content of the file. What has no number in its catalog gets the next ones.
    """
    boxes = [(image, box) for image in images for box in columns.boxes_in(image, path)]
    image_ids = _numbers(image.get("image_id") for image in images)
    # Boxes that are not among these may have the numbers up to the catalog's own count.
    taken = record.boxes if record else 0
    box_ids = _numbers((box.get(ANNOTATION_ID) for _, box in boxes), taken)
    number_of = {str(image["_id"]): id_ for image, id_ in zip(images, image_ids, strict=True)}
    categories = dict(record.categories) if record else {}
    known: dict[str | None, int] = {name: id_ for id_, name in reversed(categories.items())}
    for name in sorted({box["label"] for _, box in boxes if box.get("label")} - known.keys()):
        known[name] = max(categories, default=0) + 1
        categories[known[name]] = name
    licensed = record.licensed if record else ()
    licence_of = {id_: one.licence_id for one in licensed for id_ in in_ranges(one.image_ids)}
    used = {licence_of.get(id_) for id_ in image_ids}
    kept = record.licences.statements if record and record.licences else ()
    return {
        "info": dict(kept),
        "licenses": [
            {"id": one.licence_id, "name": one.name, "url": one.url}
            for one in licensed
            if one.licence_id in used and (one.name or one.url)
        ],
        "images": [
            _image(image, id_) | ({"license": licence_of[id_]} if id_ in licence_of else {})
            for image, id_ in zip(images, image_ids, strict=True)
        ],
        "annotations": [
            {
                "id": id_,
                "image_id": number_of[str(image["_id"])],
                "category_id": known.get(box.get("label")),
                "bbox": pixels_of(box["bounding_box"], *_size(image)),
                **{name: box[name] for name in ("area", "iscrowd") if box.get(name) is not None},
            }
            for (image, box), id_ in zip(boxes, box_ids, strict=True)
        ],
        "categories": [{"id": id_, "name": name} for id_, name in categories.items()],
    }


def _numbers(known: Any, taken: int = 0) -> list[int]:
    """The number of each thing: its own, or the next that none has, above those that are taken."""
    numbers: list[int | None] = list(known)
    following = max(taken, *(one for one in numbers if one is not None), 0) + 1
    found = []
    for one in numbers:
        found.append(following if one is None else one)
        following += one is None
    return found


def _size(image: Document) -> tuple[int, int]:
    size = image.get("metadata") or {}
    return size.get("width") or 1, size.get("height") or 1


def name_of(image: Document) -> str:
    """The name of an image's file in its catalog, or of the file itself."""
    return str(image.get("file_name") or Path(image["filepath"]).name)


def _image(image: Document, id_: int) -> dict[str, Any]:
    width, height = _size(image)
    captured = image.get("date_captured")
    values = {
        "id": id_,
        "file_name": name_of(image),
        "width": width,
        "height": height,
        "coco_url": image.get("source_url"),
        "date_captured": captured.isoformat(" ") if isinstance(captured, datetime) else captured,
    }
    return {name: value for name, value in values.items() if value is not None}


def pixels_of(bounding_box: Sequence[float], width: int, height: int) -> list[float]:
    """A rectangle in pixels, such that divided by the image's size it is the same again.

    Examples:
        >>> pixels_of((1042 / 1920, 0.25, 0.5, 1 / 3), width=1920, height=1080)
        [1042.0, 270.0, 960.0, 360.0]
    """
    sides = (width, height, width, height)
    return [_pixels(share, side) for share, side in zip(bounding_box, sides, strict=True)]


def _pixels(share: float, side: int) -> float:
    exact = share * side
    near = (exact, math.nextafter(exact, -math.inf), math.nextafter(exact, math.inf))
    candidates = (*(round(exact, digits) for digits in range(9)), *near)
    return next((value for value in candidates if value / side == share), exact)
