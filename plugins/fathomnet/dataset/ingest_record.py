"""Where the images of a split came from: what ``ingest_dataset`` keeps, and who reads it."""

import base64
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pydantic_core import from_json, to_json

from ..catalog import Catalog, ImageRecord
from ..catalog.licences import LicenceId
from ..garbage_collector import collector_paused
from ..names import GROUND_TRUTH, SPLITS, ingest_run_key
from .documents import id_prefix, lasting_id
from .records import read_record, write_record

SHOWN: Final = 20
"""The most ids of undescribed licences that are kept."""

LONGEST_RANGES: Final = 4 << 20
"""Characters; the database holds 16 MB a document."""


@dataclass(frozen=True, slots=True)
class LicenceCount:
    """A licence that the file describes, and the number of the split's images that have it.

    Either ``name`` or ``url`` may be empty, but not both.
    """

    name: str
    url: str
    images: int


@dataclass(frozen=True, slots=True)
class SplitLicences:
    """The licences of a split's images.

    Attributes:
        described: the licences that the file lists, in its order.
        undescribed: images whose licence the file names but does not list.
        undescribed_ids: the ids of these licences, sorted, the first ``SHOWN``.
        unnamed: images for which the file names no licence.
        statements: names and values of what the file says about itself, in its order.
    """

    described: tuple[LicenceCount, ...]
    undescribed: int
    undescribed_ids: tuple[str, ...]
    unnamed: int
    statements: tuple[tuple[str, str], ...]

    @property
    def images(self) -> int:
        """The number of images that were counted."""
        return sum(one.images for one in self.described) + self.undescribed + self.unnamed


def count_licences(catalog: Catalog) -> SplitLicences:
    """Counts the images of a catalog by their licences."""
    counts = Counter(image.licence for image in catalog.images)
    unnamed = counts.pop(None, 0)
    described = tuple(
        LicenceCount(one.name, one.url, counts.pop(one.licence_id, 0)) for one in catalog.licences
    )
    return SplitLicences(
        described=described,
        undescribed=counts.total(),
        undescribed_ids=tuple(sorted(map(str, counts))[:SHOWN]),
        unnamed=unnamed,
        statements=tuple((one.name, one.value) for one in catalog.statements),
    )


@dataclass(frozen=True, slots=True)
class LicensedImages:
    """The images of a split that name one licence.

    Attributes:
        licence_id: what they call it.
        name: empty where the file does not list it, or gives it none.
        url: likewise.
        image_ids: theirs, by ``as_ranges``.
    """

    licence_id: LicenceId
    name: str
    url: str
    image_ids: str


def licensed_images(catalog: Catalog) -> tuple[LicensedImages, ...]:
    """Which images of a catalog have which licence."""
    listed = {one.licence_id: one for one in catalog.licences}
    images: dict[LicenceId, list[int]] = {}
    for image in catalog.images:
        if image.licence is not None:
            images.setdefault(image.licence, []).append(image.image_id)
    return tuple(
        LicensedImages(
            id_,
            listed[id_].name if id_ in listed else "",
            listed[id_].url if id_ in listed else "",
            as_ranges(ids),
        )
        for id_, ids in images.items()
    )


def left_out_boxes(catalog: Catalog, limit: int | None) -> str:
    """The annotation ids of the boxes whose images a limit leaves out, by ``as_ranges``."""
    beyond = () if limit is None else catalog.images[limit:]
    return as_ranges(box.annotation_id for image in beyond for box in image.boxes)


def as_ranges(ids: Iterable[int]) -> str:
    """Whole numbers as a short text; empty if even that would be too long to keep.

    Examples:
        >>> as_ranges([7, 1, 2, 3, 9, 10])
        '1-3,7,9-10'
    """
    ranges: list[list[int]] = []
    for id_ in sorted(ids):
        if ranges and id_ <= ranges[-1][1] + 1:
            ranges[-1][1] = id_
        else:
            ranges.append([id_, id_])
    text = ",".join(f"{a}-{b}" if a < b else str(a) for a, b in ranges)
    return text if len(text) <= LONGEST_RANGES else ""


def in_ranges(text: str) -> set[int]:
    """The whole numbers of a text by ``as_ranges``.

    Examples:
        >>> sorted(in_ranges("1-3,7"))
        [1, 2, 3, 7]
    """
    bounds = [one.split("-") for one in text.split(",") if one]
    return {id_ for pair in bounds for id_ in range(int(pair[0]), int(pair[-1]) + 1)}


@dataclass(frozen=True, slots=True)
class IngestRecord:
    """What a dataset keeps of the ingest of a split.

    Attributes:
        split: the split.
        source: name of the annotations file, without its folder.
        sha256: hash of its bytes.
        images: of the file.
        boxes: of the file.
        concepts: names of its categories.
        limit: how many images of it were to be taken; None for all.
        media_root: where the images are stored.
        filepath_root: what the samples' file paths begin with.
        complete: whether all of them were written.
        licences: of the images that were taken; None where an older version kept none.
        categories: id and name of each category of the file, in the order of the ids.
        licensed: which of the images that were taken have which licence.
        left_out: the annotation ids of the boxes that ``limit`` left out, by ``as_ranges``.
        notes: what of the file was read differently from how it is written, a sentence a kind with
            a count and the first; None where an older version kept none.
        skipped_boxes: boxes with faults that were left out.
        boxes_kept: whether ``read_kept_boxes`` has the file's boxes; an older version kept none.
        crops_field: has the one label of each sample; empty where samples have boxes.
    """

    METHOD: ClassVar[str] = "ingest_dataset"

    split: str
    source: str
    sha256: str
    images: int
    boxes: int
    concepts: tuple[str, ...]
    limit: int | None
    media_root: str
    filepath_root: str
    complete: bool
    licences: SplitLicences | None = None
    categories: tuple[tuple[int, str], ...] = ()
    licensed: tuple[LicensedImages, ...] = ()
    left_out: str = ""
    notes: tuple[str, ...] | None = None
    skipped_boxes: int = 0
    boxes_kept: bool = False
    crops_field: str = ""

    @property
    def labels_field(self) -> str:
        """The field that took the labels."""
        return self.crops_field or GROUND_TRUTH

    def write(self, dataset: Any) -> None:
        """Keeps it on a dataset, in place of an earlier one of the same split."""
        write_record(dataset, ingest_run_key(self.split), self)


def read_ingest_record(dataset: Any, split: str) -> IngestRecord | None:
    """What is known of a split; None where ``ingest_dataset`` did not make it."""
    return read_record(dataset, ingest_run_key(split), IngestRecord)


def read_ingest_records(dataset: Any) -> dict[str, IngestRecord]:
    """What is known of each split that ``ingest_dataset`` made."""
    records = {split: read_ingest_record(dataset, split) for split in SPLITS}
    return {split: record for split, record in records.items() if record is not None}


def labels_field(dataset: Any) -> str:
    """The field of labels that a dataset was made with: of boxes, or of crops as it was named."""
    records = read_ingest_records(dataset).values()
    return next((one.crops_field for one in records if one.crops_field), GROUND_TRUTH)


@dataclass(frozen=True, slots=True)
class IngestedBox:
    """A box as the annotations file has it.

    Attributes:
        sample_id: id of its image.
        annotation_id: its number in the file.
        label: None where the file gives none.
        bounding_box: relative to the image.
    """

    sample_id: str
    annotation_id: int
    label: str | None
    bounding_box: tuple[float, ...]


@collector_paused()
def keep_boxes(dataset: Any, split: str, images: Iterable[ImageRecord]) -> None:
    """Keeps on the dataset the boxes of a split as its file has them, beside its record.

    By them it can be told later what was edited, whoever did it and with what.

    Args:
        dataset: a FiftyOne dataset, which has the split's record.
        split: the split.
        images: those of the file that were taken.
    """
    numbers: dict[str | None, int] = {}
    rows = [
        [
            image.image_id,
            [
                [
                    box.annotation_id,
                    numbers.setdefault(box.label, len(numbers)),
                    *box.bounding_box,
                ]
                for box in image.boxes
            ],
        ]
        for image in images
        if image.boxes
    ]
    content = to_json({"labels": list(numbers), "images": rows})
    # FiftyOne looks at every value of a result before it saves it: one text is one look.
    text = base64.b64encode(zlib.compress(content, 1)).decode()
    key = ingest_run_key(split)
    results = dataset.init_run_results(key, boxes=text)
    dataset.save_run_results(key, results, overwrite=True, cache=False)


def read_kept_boxes(dataset: Any, split: str) -> dict[str, IngestedBox] | None:
    """The boxes of a split as its file had them, by the ids that they got.

    Returns:
        None where they were not kept: an earlier version ingested the split, or nobody did.
    """
    key = ingest_run_key(split)
    results = dataset.load_run_results(key, cache=False) if dataset.has_run(key) else None
    text = getattr(results, "boxes", None)
    if text is None:
        return None
    content = from_json(zlib.decompress(base64.b64decode(text)))
    labels, of_sample, of_box = (
        content["labels"],
        id_prefix("sample", split),
        id_prefix("box", split),
    )
    kept = {}
    for image, boxes in content["images"]:
        sample_id = str(lasting_id(of_sample, image))
        for number, label, *rectangle in boxes:
            box = IngestedBox(sample_id, number, labels[label], tuple(rectangle))
            kept[str(lasting_id(of_box, number))] = box
    return kept
