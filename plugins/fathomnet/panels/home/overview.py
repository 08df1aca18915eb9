"""What is in a dataset, what waits for a person in it, and what could be done next."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from ... import names
from ...dataset.records import read_record
from ...dataset.schema import fields_holding
from ...errors import DatasetError
from ...evaluation.finished import finished_evaluations
from ...needles.record import NeedlesRecord
from ...review.progress import ReviewProgress, progress_of
from ...tiles import tile_grid
from ..base import Gap


@dataclass(frozen=True, slots=True)
class Hits:
    """What the last search for a pack of needles found.

    Attributes:
        pack: name of the pack.
        view: name of the saved view that shows the hits.
        hits: how many boxes or images they are.
    """

    pack: str
    view: str
    hits: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What a dataset holds.

    Attributes:
        images: the number of images.
        splits: their number by split; "" for those of none.
        field: the field of the labels that people work on; empty where there is none.
        review: how many labels it has, and what people said of them; None where it has none.
        suspects_view: name of the saved view of suspects; empty where there is none.
        predictions: the fields of other boxes.
        evaluated: whether there is an evaluation.
        searched: whether somebody has searched for label errors.
        hits: what searches for needles found.
    """

    images: int
    splits: Mapping[str, int]
    field: str = ""
    review: ReviewProgress | None = None
    suspects_view: str = ""
    predictions: tuple[str, ...] = ()
    evaluated: bool = False
    searched: bool = False
    hits: tuple[Hits, ...] = ()

    @classmethod
    def of(cls, dataset: Any) -> Self:
        """Counts what is in a dataset: images in one pass through the database, labels in one.

        Args:
            dataset: a FiftyOne dataset, of whatever fields.
        """
        import fiftyone as fo

        images, splits = len(dataset), {}
        # Somebody else's field of this name may hold anything.
        if isinstance(dataset.get_field("split"), fo.StringField):
            splits = {name or "": count for name, count in dataset.count_values("split").items()}
        detections = fields_holding(dataset, fo.Detections)
        boxes = [name for name in detections if tile_grid(dataset, name) is None]
        single = [
            name
            for name in fields_holding(dataset, fo.Classification)
            if name != names.PRIMARY_LABEL
        ]
        fields = [*boxes, *single]
        if not fields:
            return cls(images, splits)
        field = names.GROUND_TRUTH if names.GROUND_TRUTH in fields else fields[0]
        view = names.view_of(names.SUSPECTS, field)
        return cls(
            images,
            splits,
            field,
            review=progress_of(dataset, field),
            suspects_view=view if dataset.has_saved_view(view) else "",
            predictions=tuple(name for name in boxes if name != field),
            evaluated=bool(finished_evaluations(dataset)),
            searched=dataset.has_run(names.label_errors_run_key(field)),
            hits=tuple(_hits(dataset)),
        )

    @property
    def boxes(self) -> int:
        """How many labels there are."""
        return 0 if self.review is None else self.review.all.labels

    @property
    def unlabelled(self) -> int:
        """How many of them have no name."""
        unnamed = None if self.review is None else self.review.by_concept.get("")
        return 0 if unnamed is None else unnamed.labels

    @property
    def concepts(self) -> int:
        """The number of different names."""
        return 0 if self.review is None else len(self.review.by_concept.keys() - {""})

    def next_step(self) -> Gap:
        """What would be done next, as a rule."""
        if not self.field:
            return Gap(
                "Bring in images and boxes",
                "This dataset has no labels. Ingest a catalog: it becomes a dataset of its own.",
                "ingest_dataset",
                "Ingest a dataset",
            )
        if not self.predictions:
            return Gap(
                "Import predictions",
                "What a model says of the boxes is needed to evaluate it and to find wrong labels.",
                "import_predictions",
                "Import predictions",
            )
        if self.unlabelled < self.boxes and not self.evaluated:
            return Gap(
                "Evaluate the predictions",
                f"Compare them with {self.field}, at every rank of the tree of life.",
                "evaluate_predictions",
                "Evaluate predictions",
            )
        if self.unlabelled < self.boxes and not self.searched:
            return Gap(
                "Look for wrong labels",
                "Boxes whose label is doubted are gathered in a view, the most doubtful first.",
                "find_label_errors",
                "Find label errors",
            )
        return Gap(
            "Describe the dataset",
            "A data card tells counts, sources, leaks, suspects and scores.",
            "report_dataset",
            "Write the data card",
        )


def _hits(dataset: Any) -> list[Hits]:
    """What the last search for each pack in each index found, where its view is still there."""
    found = []
    for key in dataset.list_runs():
        record = None
        if key.startswith(names.NEEDLE_RUNS):
            # One that somebody has changed says nothing; the rest can be told all the same.
            with suppress(DatasetError):
                record = read_record(dataset, key, NeedlesRecord)
        if record is None:
            continue
        hits = {hit.id for needle in record.needles.values() for hit in needle.hits}
        view = f"{record.pack} ({record.brain_key})"
        if hits and dataset.has_saved_view(view):
            found.append(Hits(record.pack, view, len(hits)))
    return found
