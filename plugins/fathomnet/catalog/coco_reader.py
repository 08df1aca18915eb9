"""What the records of a COCO file mean beside one another, for whoever reads one.

The catalog makes a dataset of a file, the inference package predicts its boxes: both ask the same
of its ids, names and references, and each gives boxes and images a form of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from ..files.faults import FaultList
from ..files.safe_values import folded_name, safe_file_name
from ..text import counted
from .coco import CocoFile, RawBox, RawImage, Section, place_of
from .values import category_name, image_name

Measure = Callable[[str], tuple[int, int] | None]
"""Width and height of an image by its file name; None where it is not at hand."""

Record = TypeVar("Record")


class CocoReader:
    """Reads the lists of a COCO file and collects what is wrong with their references.

    Args:
        coco: the records, each sound by itself.
        faults: takes every fault, with its place.
        notes: takes what is read differently from how it is written.
        box_faults: takes the faults of single boxes; by default ``faults`` does.
    """

    def __init__(
        self,
        coco: CocoFile,
        faults: FaultList,
        notes: FaultList,
        box_faults: FaultList | None = None,
    ) -> None:
        self.coco = coco
        self.faults = faults
        self.notes = notes
        self.box_faults = faults if box_faults is None else box_faults
        self._read_names()

    def _read_names(self) -> None:
        """Gives every image the path of its file, and the URL that its name is."""
        urls = {}
        for index, raw in _sound(self.coco.images):
            written = raw.file_name
            try:
                raw.file_name, url = image_name(written)
            except ValueError:
                continue  # for sound_images to refuse
            if url:
                urls[index] = url
                raw.coco_url = raw.coco_url or url
            elif raw.file_name != written:
                problem = f"{written[:80]!r} was read as {raw.file_name[:80]!r}"
                self.notes.add(f"{self._place('images', index, raw.id)}.file_name", problem)
        if not urls:
            return
        images = {index: raw for index, raw in _sound(self.coco.images) if index in urls}
        if len({raw.file_name for raw in images.values()}) < len(images):
            # Files of equal names in several folders of the host keep these folders.
            for index, raw in images.items():
                raw.file_name = unquote(urlsplit(urls[index]).path).lstrip("/")
        first = next(iter(images))
        number = counted(len(urls), "name is a URL", "names are URLs")
        problem = (
            f"{number}, such as {urls[first][:80]!r}, read as {images[first].file_name[:80]!r}"
        )
        self.notes.add("images.file_name", problem)

    def _place(self, section: str, index: int, record_id: int) -> str:
        return place_of(section, index, self.coco.written(record_id))

    def check_lists(self, not_empty: Mapping[str, str]) -> None:
        """Finds lists that are missing or empty.

        Args:
            not_empty: by the name of a list that must hold something, what cannot be done else.
        """
        for name in ("images", "annotations"):
            section = getattr(self.coco, name)
            if not section.present:
                self.faults.add(name, "is missing from the file")
            elif name in not_empty and not section.records and not self.faults:
                self.faults.add(name, f"is empty: {not_empty[name]}")
        boxes = self.coco.annotations.records
        naming = sum(box is not None and box.category_id is not None for box in boxes)
        if naming and not self.coco.categories.records:
            self.faults.add("categories", f"is missing or empty, but {naming:,} boxes name one")

    def measure_images(self, measure: Measure | None) -> None:
        """Gives the images the sizes that the file does not give, where they can be looked at."""
        measured = 0
        for index, raw in enumerate(self.coco.images.records):
            if raw is None or (raw.width and raw.height):
                continue
            size = measure(raw.file_name) if measure else None
            if size is None:
                missing = "height" if raw.width else "width"
                problem = "is missing, and the image is not at hand to be measured"
                self.faults.add(f"{self._place('images', index, raw.id)}.{missing}", problem)
                continue
            raw.width, raw.height = raw.width or size[0], raw.height or size[1]
            measured += 1
        if measured:
            images = counted(measured, "image has", "images have")
            self.notes.add("images.width", f"{images} the size of the file itself: none is written")

    def read_concepts(
        self,
        known_concepts: Iterable[str] = (),
        canonical: Callable[[str], str | None] | None = None,
    ) -> dict[int, str]:
        """Gives the name of each category by its id, in the order of the ids.

        Args:
            known_concepts: names in their canonical spelling, which equal ones take.
            canonical: gives the spelling of other names that say just the same as a known one.

        Returns:
            The names; empty where a name is faulty.
        """
        known = {name.casefold(): name for name in known_concepts}
        ids = _Claims(self.coco, "categories", "id", self.faults)
        spellings: dict[str, str] = {}
        concepts: dict[int, str] = {}
        for index, category in _sound(self.coco.categories):
            ids.claim(category.id, index, category.id)
            concepts[category.id] = ""
            place = self._place("categories", index, category.id) + ".name"
            try:
                name = category_name(category.name)
            except ValueError as error:
                self.faults.add(place, str(error))
                continue
            name = known.get(name.casefold()) or (canonical and canonical(name)) or name
            is_new = name.casefold() not in spellings
            name = concepts[category.id] = spellings.setdefault(name.casefold(), name)
            same = "" if is_new else ", the same concept as an earlier category"
            if name != category.name or same:
                problem = f"{category.name[:80]!r} was read as {name[:80]!r}{same}"
                self.notes.add(place, problem)
        return dict(sorted(concepts.items()))

    def sound_boxes(self) -> Iterator[tuple[str, RawBox, RawImage | None]]:
        """Iterates over the boxes with their places and images, whose ids are checked.

        The image is None where it was refused or is not there, which is a fault already.
        """
        images = {image.id: image for _, image in _sound(self.coco.images)}
        ids = _Claims(self.coco, "annotations", "id", self.faults)
        for index, raw in _sound(self.coco.annotations):
            ids.claim(raw.id, index, raw.id)
            place = self._place("annotations", index, raw.id)
            image = images.get(raw.image_id)
            if image is None and self.coco.images.certainly_lacks(raw.image_id):
                problem = f"no image has the id {self.coco.written(raw.image_id)}"
                self.box_faults.add(f"{place}.image_id", problem)
            yield place, raw, image

    def sound_images(self) -> Iterator[tuple[str, RawImage]]:
        """Iterates over the images with their places, whose ids and file names are checked."""
        ids = _Claims(self.coco, "images", "id", self.faults)
        names = _Claims(self.coco, "images", "file_name", self.faults)
        for index, raw in _sound(self.coco.images):
            ids.claim(raw.id, index, raw.id)
            # A folder may lie on a file system that takes two such names for one file.
            names.claim(folded_name(raw.file_name), index, raw.id)
            place = self._place("images", index, raw.id)
            try:
                safe_file_name(image_name(raw.file_name)[0])
            except ValueError as error:
                self.faults.add(f"{place}.file_name", str(error))
            yield place, raw

    def label_of(self, place: str, raw: RawBox, concepts: dict[int, str]) -> str | None:
        """The concept that a box names; None where it names none, or none that is there."""
        if raw.category_id is None:
            return None
        label = concepts.get(raw.category_id)
        if label is None and self.coco.categories.certainly_lacks(raw.category_id):
            problem = f"no category has the id {self.coco.written(raw.category_id)}"
            self.box_faults.add(f"{place}.category_id", problem)
        return label


def _sound(section: Section[Record]) -> Iterator[tuple[int, Record]]:
    """The records of a list that were not refused, with their places in it."""
    return ((index, record) for index, record in enumerate(section.records) if record is not None)


class _Claims:
    """Values that may be used once in a list: who used each of them first."""

    def __init__(self, coco: CocoFile, section: str, member: str, faults: FaultList) -> None:
        self._coco = coco
        self._section = section
        self._member = member
        self._faults = faults
        self._first: dict[object, int] = {}

    def claim(self, value: object, index: int, record_id: int) -> None:
        first = self._first.setdefault(value, index)
        if first != index:
            place = place_of(self._section, index, self._coco.written(record_id))
            problem = f"is the same as that of {self._section}[{first}]"
            self._faults.add(f"{place}.{self._member}", problem)
