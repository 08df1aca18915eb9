"""Checks the rows of a predictions file against the names and boxes of a dataset.

Annotation ids are reused by splits, versions and exports, so a number that is there proves nothing
where the file also gives the image, the rectangle or the hash of the annotations it was made for.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..catalog import Catalog
from ..catalog.crops import EXTERNAL_ID
from ..catalog.values import clip_to_image, number_for
from ..dataset import columns
from ..dataset.ingest_record import in_ranges, read_ingest_record, read_ingest_records
from ..dataset.label_map import special_names
from ..dataset.label_pipelines import is_list
from ..errors import Fault, InputError
from ..files.faults import FaultList
from ..files.reading import SourceFile
from ..files.safe_values import folded_name
from ..names import ANNOTATION_ID
from ..prediction_files import Predictions, read_predictions
from ..prediction_files.detections import (
    TABLE,
    DetectedBoxes,
    detections_form,
    read_detections,
)
from ..prediction_files.layout import NAMED_BOX, NAMED_IMAGE, number_or_nan, numbers_in
from ..taxonomy import Taxonomy
from ..taxonomy.table import folded
from ..text import counted, listed, shortened

DETECTIONS: Final = "detections"
NAMES: Final = "names"
KINDS: Final = ("auto", NAMES, DETECTIONS)
"""Whether a file names annotated boxes, or brings boxes of its own."""


def known_concepts(dataset: Any, path: str) -> set[str]:
    """The names that a dataset knows: on its boxes, in the files it was made from, no taxa.

    Args:
        dataset: a FiftyOne dataset.
        path: of its boxes.
    """
    concepts = set(dataset.distinct(f"{path}.label"))
    for record in read_ingest_records(dataset).values():
        concepts.update(record.concepts)
    return concepts | special_names(dataset)


def known_categories(dataset: Any, split: str) -> dict[int, str]:
    """The names of a catalog's categories by their ids.

    They are those of the split. A file of images to predict may list none: then they are those of
    the other splits, if these agree.
    """
    records = read_ingest_records(dataset)
    own = records.pop(split, None)
    if own is not None and own.categories:
        return dict(own.categories)
    others = {record.categories for record in records.values() if record.categories}
    return dict(others.pop()) if len(others) == 1 else {}


def crops_by_name(dataset: Any, path: str, split: str) -> dict[str, int]:
    """The number of each crop of a split by all that a row may call it.

    Args:
        dataset: a FiftyOne dataset.
        path: of the labels.
        split: the split.

    Returns:
        Numbers by sample and label id, external id, path, and file name with and without its
        ending; what two crops have in common is not among them.
    """
    from fiftyone import ViewField

    view = dataset.match(ViewField("split") == split)
    numbers: dict[str, int] = {}
    twice: set[str] = set()
    fields = ("file_name", "filepath", EXTERNAL_ID)
    for image in columns.read_images(view, fields, {path: (ANNOTATION_ID,)}):
        for label in columns.boxes_in(image, path):
            number = label.get(ANNOTATION_ID)
            if number is None:
                continue
            paths = [str(image.get(name) or "") for name in fields[:2]]
            names = {re.split(r"[\\/]", one)[-1] for one in map(folded_name, paths)}
            external = str(image.get(EXTERNAL_ID) or "")
            known = {str(image["_id"]), str(label["_id"]), external, *paths, *names}
            for name in (known | {_stem(one) for one in paths}) - {""}:
                if numbers.setdefault(name, number) != number:
                    twice.add(name)
    return {name: number for name, number in numbers.items() if name not in twice}


def read_rows(
    predictions: str | SourceFile,
    concepts: Collection[str],
    categories: Mapping[int, str],
    taxonomy: Taxonomy,
    crops: Callable[[], Mapping[str, int]] | None = None,
    boxes: Set[int] = frozenset(),
) -> Predictions:
    """Reads the rows of a file; faulty ones are in ``rejected``.

    Args:
        predictions: the file or its path; ``predictions.read_predictions`` says what it raises.
        concepts: names that are known in addition to those of the taxonomy.
        categories: names of the catalog's categories by their ids.
        taxonomy: the tree of concepts.
        crops: gives the number of each crop by its names, and is asked where rows name crops by
            more than their numbers; None where the rows are about boxes.
        boxes: the numbers of the boxes that there are, made of texts where their file has those.
    """

    def box(written: str) -> int | None:
        number = number_for(written)
        return number if number in boxes and not written.isdigit() else None

    known: dict[str, int] = {}

    def crop(written: str) -> int | None:
        if crops and not known:
            known.update(crops())
        exact = known.get(written.strip())
        if exact is not None:
            return exact
        name = re.split(r"[\\/]", folded_name(written.strip()))[-1]
        return known.get(name, known.get(_stem(name)))

    return read_predictions(
        predictions,
        *_spellings(concepts, taxonomy),
        True,
        categories,
        crop if crops else None,
        box if boxes else None,
    )


def read_boxes(
    predictions: str | SourceFile,
    concepts: Collection[str],
    categories: Mapping[int, str],
    taxonomy: Taxonomy,
) -> DetectedBoxes:
    """Reads a detector's boxes; faulty ones are in ``rejected``.

    Args:
        predictions: the file, or its path or that of a folder; ``detections.read_detections`` says
            what it raises.
        concepts: names that are known in addition to those of the taxonomy.
        categories: names of the catalog's categories by their ids.
        taxonomy: the tree of concepts.
    """
    return read_detections(predictions, *_spellings(concepts, taxonomy), True, categories)


def _spellings(
    concepts: Collection[str], taxonomy: Taxonomy
) -> tuple[Callable[[str], str | None], Callable[[str], str | None]]:
    """What gives the canonical spelling of a name, and what gives the one closest to it."""
    spelling = {folded(name): name for name in concepts}

    def canonical(name: str) -> str | None:
        return taxonomy.canonical(name) or spelling.get(folded(name))

    def suggest(name: str) -> str | None:
        return taxonomy.suggest(name, concepts)

    return canonical, suggest


def left_out_boxes(dataset: Any, split: str) -> set[int]:
    """The annotation ids of the catalog's boxes that a limit left out when it was ingested."""
    record = read_ingest_record(dataset, split)
    return in_ranges(record.left_out) if record else set()


def bad_rows(
    table: Predictions, known: Set[int], split: str, left_out: Set[int] = frozenset()
) -> list[Fault]:
    """The rows that cannot be imported, in the order of the file.

    Args:
        table: the rows that were read.
        known: the annotation ids of the split's boxes.
        split: its name.
        left_out: the annotation ids of the catalog's boxes that a limit left out. Rows about
            them are faults only where no row is about a box that is there.
    """
    span = counted(len(known), "box", "boxes") + (
        f", ids {min(known)}..{max(known)}" if known else ""
    )
    problem = f"is not a box of the {split} split ({span})"
    ids = table.annotation_id.tolist()
    excused = set(left_out) if not known.isdisjoint(ids) else set()
    unmatched = [
        Fault(
            f"{table.unit} {line}",
            f"annotation {id_} {problem}" + "; a limit left its image out" * (id_ in left_out),
        )
        for line, id_ in zip(table.lines.tolist(), ids, strict=True)
        if id_ not in known and id_ not in excused
    ]
    # A faulty row's place reads ``line 12`` or ``row 12``.
    return sorted([*table.rejected, *unmatched], key=lambda fault: int(fault.place.split()[1]))


def refuse_rows(table: Predictions, faults: Sequence[Fault], advice: str = "") -> None:
    """Refuses a file that has bad rows.

    Args:
        table: the rows that were read.
        faults: of those that are bad.
        advice: what to do; empty where nothing better is known than to correct them.

    Raises:
        InputError: there are bad rows; the error lists every one.
    """
    if faults:
        advice = advice or "Correct these rows, or choose to skip bad rows."
        raise InputError(table.source, faults, advice)


TOLERANCE: Final = 2.0
"""Pixels by which the edges of one rectangle may differ: programs round, and some count from 1."""

_SIDES: Final = ("bbox_x", "bbox_y", "bbox_width", "bbox_height")


class KnownBox(NamedTuple):
    """What a dataset knows of a box; ``size`` is its image's width and height, 0 if unknown."""

    image_id: int | None
    file_name: str
    rectangle: tuple[float, ...]
    size: tuple[int, int]


Splits = Iterable[Mapping[int, KnownBox]]
"""The boxes of several splits, each read when it is asked for."""


def refuse_other_split(dataset: Any, table: Predictions, path: str, split: str) -> None:
    """Refuses a file whose rows are about other boxes than those of the same number.

    Args:
        dataset: a FiftyOne dataset.
        table: the rows of the file.
        path: of the dataset's boxes.
        split: the split whose boxes the rows would be put on.

    Raises:
        InputError: the run was made for another split's annotations, or rows contradict the
            image or the rectangle of their box; it says which split fits.
    """
    files = {
        name: (record.source, record.sha256)
        for name, record in read_ingest_records(dataset).items()
    }
    refuse_other_boxes(
        table,
        split,
        files,
        lambda: known_boxes(dataset, path, split),
        lambda: better_split(dataset, table, path, split),
    )


def refuse_other_boxes(
    table: Predictions,
    split: str,
    files: Mapping[str, tuple[str, str]],
    known: Callable[[], Mapping[int, KnownBox]],
    better: Callable[[], str],
) -> None:
    """As ``refuse_other_split``, wherever the boxes are known from.

    Args:
        table: the rows of the file.
        split: the split whose boxes the rows would be put on.
        files: by split, the name and the hash of its annotations file.
        known: gives the boxes of the split.
        better: gives the advice to choose another split, see ``better_split``.

    Raises:
        InputError: see there.
    """
    # The hash of the annotations that a run was made for, where its manifest gives one.
    annotations = (table.manifest or {}).get("annotations")
    written = annotations.get("sha256") if isinstance(annotations, dict) else annotations
    made_for = written if isinstance(written, str) else ""
    fitting = [name for name, (_, sha256) in files.items() if sha256 == made_for]
    if fitting and split not in fitting:
        problem = f"the run was made for {files[fitting[0]][0]}, the {fitting[0]} split"
        raise InputError(
            table.source,
            [Fault("manifest.json: annotations", f"{problem}, not for the {split} split")],
            f"Choose the {fitting[0]} split.",
        )
    contradictions = _contradictions(table, known()) if table.identity else []
    if not contradictions:
        return
    faults = FaultList()
    for line, problem in contradictions:
        faults.add(f"{table.unit} {line}", problem)
    raise InputError(
        table.source,
        faults.all(),
        better()
        or "An annotation id alone does not say which box is meant. Import the file that was made "
        "for these annotations. If the rows bring boxes of their own, import them as detections.",
    )


def kind_of(
    predictions: str, kind: str, categories: Mapping[int, str], known: Splits
) -> tuple[str, str | SourceFile]:
    """Whether a file is to be read as names of annotated boxes or as boxes of its own.

    A table that has annotation ids, rectangles and scores may be either: it names annotated boxes
    if each row is about the box of its number, of this split or of another one.

    Args:
        predictions: path of the file or folder.
        kind: ``auto``, or what somebody has chosen.
        categories: names of the catalog's categories by their ids.
        known: gives the boxes of each split by their annotation id.

    Returns:
        Also the file, where it had to be read to tell: it may be large, and come from a bucket.
        Its path otherwise.

    Raises:
        InputError: there is no such kind.
    """
    if kind not in KINDS:
        problem = f"{kind[:80]!r} is not {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        raise InputError("import_predictions", [Fault("kind", problem)])
    if kind != "auto":
        return kind, predictions
    form, source = detections_form(predictions)
    file = source or predictions
    if form != TABLE:
        return DETECTIONS if form else NAMES, file
    with suppress(InputError):
        table = read_predictions(file, lambda name: name, None, True, categories)
        ids = set(table.annotation_id.tolist())
        for there in known:
            if ids & there.keys() and not _contradictions(table, there):
                return NAMES, file
    return DETECTIONS, file


def better_split(dataset: Any, table: Predictions, path: str, split: str) -> str:
    """The advice to choose another split, if one has the boxes of all rows; else "".

    Args:
        dataset: a FiftyOne dataset.
        table: the rows of the file.
        path: of the dataset's boxes.
        split: the split that they do not fit.
    """
    others = sorted(set(dataset.distinct("split")) - {split})
    return fitting_split(table, ((one, known_boxes(dataset, path, one)) for one in others))


def fitting_split(table: Predictions, splits: Iterable[tuple[str, Mapping[int, KnownBox]]]) -> str:
    """The advice to choose the first of some splits that has the boxes of all rows; else ""."""
    for other, known in splits:
        if set(table.annotation_id.tolist()) <= known.keys() and not _contradictions(table, known):
            rows = "Its row fits" if len(table) == 1 else f"All {len(table):,} rows fit"
            return f"{rows} the {other} split: choose that one."
    return ""


def boxes_of_catalog(catalog: Catalog) -> dict[int, KnownBox]:
    """The boxes of a catalog by their annotation id, as ``known_boxes``."""
    return {
        box.annotation_id: KnownBox(
            image.image_id, image.file_name, tuple(box.bounding_box), (image.width, image.height)
        )
        for image in catalog.images
        for box in image.boxes
    }


def known_boxes(dataset: Any, path: str, split: str) -> dict[int, KnownBox]:
    """The boxes of a split by their annotation id."""
    from fiftyone import ViewField

    view = dataset.match(ViewField("split") == split)
    fields = ("image_id", "file_name", "metadata.width", "metadata.height")
    known = {}
    for image in columns.read_images(view, fields, {path: (ANNOTATION_ID, "bounding_box")}):
        size = image.get("metadata") or {}
        if not is_list(path):
            # Rows tell of the image that the crop is from, which it does not know.
            size, image["image_id"] = {}, None
        for box in columns.boxes_in(image, path):
            if box.get(ANNOTATION_ID) is not None:
                known[box[ANNOTATION_ID]] = KnownBox(
                    image.get("image_id"),
                    image.get("file_name") or "",
                    tuple(box["bounding_box"]),
                    (size.get("width") or 0, size.get("height") or 0),
                )
    return known


def _contradictions(table: Predictions, known: Mapping[int, KnownBox]) -> list[tuple[int, str]]:
    """The lines of the rows that contradict the box of their number, and in what."""
    found: list[tuple[int, str]] = []
    if not table.identity:
        return found
    ids, lines = table.annotation_id.tolist(), table.lines.tolist()
    for row, (id_, line) in enumerate(zip(ids, lines, strict=True)):
        box = known.get(id_)
        cells = {name: column[row] for name, column in table.identity.items()}
        said = cells.get(NAMED_BOX)
        if said is not None and int(said) != id_:
            problem = f"is called annotation {said} in the file's name"
        else:
            problem = "" if box is None else _contradiction(cells, box, id_)
        if problem:
            found.append((line, f"annotation {id_} {problem}"))
    return found


def _contradiction(cells: Mapping[str, object], box: KnownBox, number: int) -> str:
    """What a row says of its box of this number that is not so; "" where nothing is."""
    image_id = number_or_nan(cells.get("image_id"))
    if not math.isnan(image_id) and box.image_id is not None and image_id != box.image_id:
        return f"is a box of image {box.image_id}, the row says image {image_id:.15g}"
    image = cells.get(NAMED_IMAGE)
    # The name of a crop that is an image itself has its image's and its own number in it.
    is_crop = folded_name(f"{image}_{number}") == _stem(box.file_name)
    if isinstance(image, str) and not is_crop and not _is_image(image, box):
        there = f"{box.image_id} ({shortened(box.file_name, 60)})"
        return f"is a box of image {there}, the name of its file says {shortened(image, 60)!r}"
    name = cells.get("file_name")
    named = isinstance(name, str) and name.strip() and box.file_name
    if named and _stem(str(name)) != _stem(box.file_name):
        there, said = shortened(box.file_name, 60), shortened(str(name), 60)
        return f"is a box of {there!r}, the row says {said!r}"
    rectangle = _rectangle(cells)
    if rectangle is None or 0 in box.size:
        return _unreadable_side(cells) if rectangle is None else ""
    width, height = box.size
    there_px = [part * side for part, side in zip(box.rectangle, box.size * 2, strict=True)]
    # A rectangle that is no box of this image stays as it is: its edges differ.
    with suppress(ValueError):
        rectangle = list(clip_to_image(rectangle, width, height)[0])
    differences = [
        abs(ours - theirs) for ours, theirs in zip(_edges(there_px), _edges(rectangle), strict=True)
    ]
    if max(differences) <= TOLERANCE:
        return ""
    ours, theirs = (", ".join(f"{value:.1f}" for value in box_) for box_ in (there_px, rectangle))
    return f"lies at {ours} (left, top, width, height), the row says {shortened(theirs, 80)}"


def _is_image(written: str, box: KnownBox) -> bool:
    """Whether the name of a crop means the image of a box: by its id, or by its file's name."""
    if box.image_id is None and not box.file_name:
        return True
    same_id = written.isdigit() and int(written) == box.image_id
    names = {_stem(box.file_name), folded_name(box.file_name.strip())}
    return same_id or bool({folded_name(written), _stem(written)} & names)


def _edges(box: list[float]) -> list[float]:
    return [box[0], box[1], box[0] + box[2], box[1] + box[3]]


def _stem(name: str) -> str:
    """A file's name without folders and without its ending, for comparing."""
    return folded_name(re.sub(r"\.\w{1,5}$", "", re.split(r"[\\/]", name.strip())[-1]))


def _rectangle(cells: Mapping[str, object]) -> list[float] | None:
    """The rectangle that a row gives, in pixels; None where it gives none that can be read."""
    written: object = cells.get("bbox")
    if isinstance(written, str):
        written = numbers_in(written)
    values = written if isinstance(written, list) else [cells.get(side) for side in _SIDES]
    numbers = list(map(number_or_nan, values))
    return None if len(numbers) != len(_SIDES) or any(map(math.isnan, numbers)) else numbers


def _unreadable_side(cells: Mapping[str, object]) -> str:
    """What is wrong with a rectangle of which some sides are numbers, and others are not."""
    sides = {name: cells.get(name) for name in _SIDES}
    there = {name: cell for name, cell in sides.items() if cell is not None and cell == cell}  # noqa: PLR0124  # NaN
    wrong = [name for name, cell in there.items() if math.isnan(number_or_nan(cell))]
    if len(there) < len(_SIDES) or not wrong or len(wrong) == len(_SIDES):
        return ""
    return f"has {wrong[0]} {shortened(repr(there[wrong[0]]), 40)}, which is no number of pixels"


@dataclass(frozen=True, slots=True)
class KnownImages:
    """The images on which boxes may have been detected; every column has one entry an image.

    Attributes:
        ids: in the catalog; None where an image is in none.
        names: of their files, with folders.
        sizes: width and height in pixels; 0 where they are unknown.
    """

    ids: Sequence[int | None]
    names: Sequence[str]
    sizes: Sequence[tuple[int, int]]

    @classmethod
    def of_catalog(cls, catalog: Catalog) -> "KnownImages":
        """The images of a catalog."""
        images = catalog.images
        return cls(
            [image.image_id for image in images],
            [image.file_name for image in images],
            [(image.width, image.height) for image in images],
        )


@dataclass(frozen=True, slots=True)
class PlacedBoxes:
    """A detector's boxes on the images that they are of.

    Attributes:
        rows: for each image, the positions of its boxes in the file's columns.
        rectangles: (boxes, 4) left, top, width, height, relative to the image and inside it; NaN
            for a box that is on none.
        named: for each image, whether the file names it, with boxes or without.
        elsewhere: boxes of images that are not there, as faults.
        faulty: boxes that cannot be on their image, as faults; and rows that could not be read.
        notes: what was noticed.
    """

    rows: list[list[int]]
    rectangles: npt.NDArray[np.float64]
    named: list[bool]
    elsewhere: tuple[Fault, ...]
    faulty: tuple[Fault, ...]
    notes: tuple[str, ...]


ELSEWHERE_TOLD: Final = 5
"""Images that a note lists by name."""


def place_boxes(boxes: DetectedBoxes, images: KnownImages, split: str) -> PlacedBoxes:
    """Finds the image of each box, by its id, the name of its file, or that without its ending.

    Boxes that reach beyond their image stay as the file has them, since their scores are to be
    those that any other scorer of the file gives.

    Args:
        boxes: what was read.
        images: those of the split.
        split: its name, for messages.
    """
    find = _image_finder(images)
    found = {image: find(image) for image in dict.fromkeys((*boxes.images, *boxes.looked_at))}
    elsewhere = [
        Fault(where, f"image {_told(image)} {found[image][1]} of the {split} split")
        for image, where in zip(boxes.images, boxes.places, strict=True)
        if found[image][1]
    ]
    owners = np.array([found[image][0] for image in boxes.images], np.intp)
    sizes = np.array([*images.sizes, (0, 0)], np.float64)[owners]
    placed, excess, is_outside = _relative(boxes, sizes)
    there = owners >= 0
    unmeasured = there & ~np.isfinite(excess)
    outside = there & ~unmeasured & is_outside

    faulty = list(boxes.rejected)
    for row in np.flatnonzero(unmeasured | outside).tolist():
        box = ", ".join(f"{side:g}" for side in boxes.rectangles[row].tolist())
        image = f"image {_told(boxes.images[row])} of {sizes[row, 0]:g} x {sizes[row, 1]:g} pixels"
        problem = f"the box ({box}) lies wholly outside {image}"
        if unmeasured[row]:
            problem = "the box is in pixels, and the size of its image is not known"
            problem += ": compute the metadata of the dataset first"
        faulty.append(Fault(boxes.places[row], problem))
    sound = there & ~unmeasured & ~outside
    rows: list[list[int]] = [[] for _ in images.ids]
    for row in np.flatnonzero(sound).tolist():
        rows[owners[row]].append(row)
    named = {place for place, _ in found.values() if place >= 0}
    notes = list(boxes.notes)
    # Some programs round: what reaches out by less than a thousandth is not worth a word.
    if far := int((sound & (excess > 1e-3)).sum()):
        reach = ("box reaches", "boxes reach")
        notes.append(f"{counted(far, *reach)} beyond the image, and stay as the file has them")
    absent = [_told(image) for image, (place, _) in found.items() if place < 0]
    if absent:
        none = f"{counted(len(absent), 'image', 'images')} of the file could not be matched"
        notes.append(f"{none}: {listed(absent, ELSEWHERE_TOLD, 60)}")
    return PlacedBoxes(
        rows,
        placed,
        [place in named for place in range(len(images.ids))],
        tuple(elsewhere),
        tuple(faulty),
        tuple(notes),
    )


def _relative(
    boxes: DetectedBoxes, sizes: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Rectangles relative to their images.

    Args:
        boxes: what was read.
        sizes: (boxes, 2) width and height of the image of each; 0 where they are unknown.

    Returns:
        (boxes, 4) the rectangles; (boxes,) how far each reaches out, as a share of the image, NaN
        where its size would be needed; and (boxes,) whether it lies wholly outside.
    """
    sides = np.tile(np.where(sizes > 0, sizes, np.nan), 2)
    relative = boxes.rectangles if boxes.is_relative else boxes.rectangles / sides
    first, last = relative[:, :2], relative[:, :2] + relative[:, 2:]
    excess = np.hstack([-first, last - 1]).max(axis=1, initial=-np.inf)
    return relative, excess, np.hstack([first - 1, -last]).max(axis=1, initial=-np.inf) >= 0


def refuse_boxes(
    boxes: DetectedBoxes,
    placed: PlacedBoxes,
    skip_bad_rows: bool,
    others: Mapping[str, KnownImages],
) -> None:
    """Refuses a detector's boxes that cannot be imported.

    Args:
        boxes: what was read.
        placed: on which images they are.
        skip_bad_rows: whether faulty boxes are left out.
        others: the images of the dataset's other splits, to say which of them fits.

    Raises:
        InputError: no box is of an image that is there, or some are faulty and not to be left out.
    """
    if len(placed.elsewhere) == len(boxes) and not any(placed.named):
        advice = "Images are matched by their ids, or by the names of their files."
        for split, images in others.items():
            if len(boxes) and not place_boxes(boxes, images, split).elsewhere:
                rows = counted(len(boxes), "box fits", "boxes fit")
                advice = f"All {rows} images of the {split} split: choose that one."
        faults = placed.elsewhere or (Fault("file", "names no image of the split"),)
        raise InputError(boxes.source, (*placed.faulty, *faults), advice)
    if placed.faulty and not (skip_bad_rows and any(placed.rows)):
        advice = "Correct these rows, or choose to skip bad rows."
        raise InputError(boxes.source, placed.faulty, advice)


def _image_finder(images: KnownImages) -> Callable[[int | str], tuple[int, str]]:
    """What gives the place of an image among those that are known, or -1 and why it has none."""
    by_id = {id_: place for place, id_ in enumerate(images.ids) if id_ is not None}
    by_name: dict[str, list[int]] = {}
    for place, name in enumerate(images.names):
        whole = _parts(name)
        for parts in (whole, (*whole[:-1], _stem(whole[-1]))):
            for begin in range(len(parts)):
                places = by_name.setdefault("/".join(parts[begin:]), [])
                places += [place] if place not in places[-1:] else []

    def find(image: int | str) -> tuple[int, str]:
        if isinstance(image, int) and image in by_id:
            return by_id[image], ""
        whole = _parts(str(image))
        for parts in (whole, (*whole[:-1], _stem(whole[-1]))):
            for begin in range(len(parts)):
                places = by_name.get("/".join(parts[begin:]), [])
                if len(places) == 1:
                    return places[0], ""
                if places:
                    return -1, f"may be any of {len(places)} images"
        number = str(image).strip()
        if number.isascii() and number.isdigit() and len(number) < 20 and int(number) in by_id:
            return by_id[int(number)], ""
        # An id that is a text in the file of the images, too.
        place = by_id.get(number_for(number), -1)
        return place, "" if place >= 0 else "is none"

    return find


def _parts(name: str) -> tuple[str, ...]:
    """A path's folders and its file, for comparing."""
    parts = re.split(r"[\\/]+", folded_name(name.strip()))
    return tuple(part for part in parts if part) or ("",)


def _told(image: int | str) -> str:
    """An image as a message shows it."""
    return str(image) if isinstance(image, int) else repr(shortened(image[-60:], 60))
