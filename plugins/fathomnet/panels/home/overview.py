"""What is in a dataset, what waits for a person in it, and what could be done next."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from ... import names
from ...dataset import columns
from ...dataset.label_fields import fields_holding, labels_path
from ...dataset.records import read_record
from ...errors import DatasetError
from ...evaluation.finished import finished_evaluations
from ...labels.verdicts import state_of
from ...needles.record import NeedlesRecord
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
        boxes: how many labels it has.
        unlabelled: how many of them have no name.
        concepts: the number of different names.
        states: their number by what people said of them, see ``labels.verdicts``.
        suspects: those that are suspected of a wrong name, and that nobody has reviewed.
        suspects_view: name of the saved view of suspects; empty where there is none.
        predictions: the fields of other boxes.
        evaluated: whether there is an evaluation.
        searched: whether somebody has searched for label errors.
        hits: what searches for needles found.
    """

    images: int
    splits: Mapping[str, int]
    field: str = ""
    boxes: int = 0
    unlabelled: int = 0
    concepts: int = 0
    states: Mapping[str, int] | None = None
    suspects: int = 0
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
        # Labels that are alike in all of this are counted together, so few are read.
        attributes = ("label", names.REVIEW_STATE, names.REVIEWED_LABEL, names.SUGGESTED_LABEL)
        labels: Counter[str | None] = Counter()
        states: Counter[str] = Counter()
        suspects = 0
        path = labels_path(dataset, field)
        for values, count in columns.count_alike(dataset, field, path, attributes):
            label = dict(zip(attributes, values, strict=True))
            labels[label["label"]] += count
            state = state_of(label)
            states[state] += count
            if label[names.SUGGESTED_LABEL] is not None and state == "unreviewed":
                suspects += count
        view = names.view_of(names.SUSPECTS, field)
        return cls(
            images,
            splits,
            field,
            boxes=labels.total(),
            unlabelled=labels[None],
            concepts=len(labels.keys() - {None}),
            states=states,
            suspects=suspects,
            suspects_view=view if dataset.has_saved_view(view) else "",
            predictions=tuple(name for name in boxes if name != field),
            evaluated=bool(finished_evaluations(dataset)),
            searched=dataset.has_run(names.label_errors_run_key(field)),
            hits=tuple(_hits(dataset)),
        )

    @property
    def reviewed(self) -> int:
        """How many labels a person has judged, and which are still what was judged."""
        return self.boxes - (self.states or {}).get("unreviewed", 0)

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
