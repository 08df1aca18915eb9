"""Suggests values for the fields of a form: names that the project or the open dataset knows."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import fiftyone as fo
from fiftyone.operators import types

from ..dataset.ingest_record import labels_field
from ..dataset.label_map import special_names, taxonomy_of
from ..dataset.records import read_record
from ..dataset.schema import fields_holding
from ..dataset.vectors import EmbeddingRecord
from ..models import model_names, model_spec
from ..names import EMBEDDING_RUNS, GROUND_TRUTH, IMPORTED, MODEL_PREDICTIONS, PRIMARY_LABEL
from ..needles.find import prompt_indexes
from ..needles.packs import pack_names
from ..parameters import Widget
from ..relabelling.journal import journals_of
from ..similarity.index import backend_names
from ..taxonomy import load_taxonomy
from ..text import counted
from ..tiles import tile_grid

Choice = tuple[str, str]
"""A value and its description."""


def boxes_fields(dataset: Any) -> list[str]:
    """The dataset's fields of boxes (``Detections``)."""
    return fields_holding(dataset, fo.Detections)


def label_fields(dataset: Any) -> list[str]:
    """The dataset's fields that hold concepts: boxes and classifications."""
    return fields_holding(dataset, fo.Detections, fo.Classification)


def default_for(kind: Widget | None, dataset: Any, default: Any) -> Any:
    """What a field of a form begins with: what the dataset has, where it has one.

    Args:
        kind: the parameter's widget. Of models it is the one that has vectors; of indexes that know
            text the one of tiles, or else of images; of packs the one that suits what that holds.
        dataset: the dataset that is open, or None.
        default: of the parameter; it stays where the dataset has it, or nothing of its kind. In
            place of the usual field of labels comes the one that the dataset has.
    """
    if dataset is not None and kind is not Widget.INTO_BOXES:
        if default == GROUND_TRUTH:
            return _field_of_labels(dataset, boxes_only=kind is Widget.BOXES_FIELD)
        if default == (GROUND_TRUTH,):
            return (_field_of_labels(dataset, boxes_only=False),)
    if dataset is None or kind not in (Widget.MODEL, Widget.TEXT_INDEX, Widget.PACK):
        return default
    if kind is not Widget.MODEL:
        found = []
        for key in prompt_indexes(dataset):
            field = getattr(dataset.get_brain_info(key).config, "patches_field", None) or ""
            is_tiles = bool(field) and tile_grid(dataset, field) is not None
            found.append((bool(field) and not is_tiles, not is_tiles, key))
        is_of_boxes, _, key = min(found, default=(False, False, ""))
        if kind is Widget.TEXT_INDEX:
            return key or default
        # Debris lies in no annotated box: among these animals can be looked for.
        return "species" if is_of_boxes else default
    models = list(_models_with_vectors(dataset))
    return default if not models or default in models else models[-1]


def _field_of_labels(dataset: Any, boxes_only: bool) -> str:
    """The usual field of labels; where a dataset lacks it, its only one that could be meant."""
    known = boxes_fields(dataset) if boxes_only else label_fields(dataset)
    if GROUND_TRUTH in known or not known:
        return GROUND_TRUTH
    if (own := labels_field(dataset)) in known:
        return own
    others = [
        name
        for name in known
        if name not in (MODEL_PREDICTIONS, PRIMARY_LABEL) and tile_grid(dataset, name) is None
    ]
    return others[0] if len(others) == 1 else GROUND_TRUTH


def _models_with_vectors(dataset: Any) -> Iterable[str]:
    """The names of the models, and of the imports, whose vectors the dataset has."""
    for key in dataset.list_runs():
        if key.startswith(EMBEDDING_RUNS):
            record = read_record(dataset, key, EmbeddingRecord)
            if record is not None and record.embedded + record.present:
                yield record.model


def suggestions(kind: Widget | None, dataset: Any) -> Any:
    """The view of a field that accepts any text and suggests some; None without suggestions.

    Args:
        kind: the parameter's widget.
        dataset: the dataset that is open, or None.
    """
    choices = [*_KNOWN[kind]()] if kind in _KNOWN else []
    if kind is Widget.CONCEPT:
        tree = load_taxonomy() if dataset is None else taxonomy_of(dataset)
        choices += _plain(tree.offered)
    if dataset is not None and kind in _OF_DATASET:
        choices += _OF_DATASET[kind](dataset)
    if not choices:
        return None
    view = types.AutocompleteView()
    for value, words in choices:
        view.add_choice(value, label=value, description=words or None)
    return view


def _journals(dataset: Any) -> Iterable[Choice]:
    """The relabellings that can be undone, the last one first."""
    for journal in reversed(journals_of(dataset)):
        if journal.can_be_undone:
            boxes = counted(journal.boxes, "box", "boxes")
            what = f"{boxes} to {journal.label}" if journal.label else f"{boxes}: {journal.what}"
            note = f": {journal.note}" if journal.note else ""
            yield journal.key, f"{what}, {journal.when}{note}"


def _models(know_text: bool = False) -> Iterable[Choice]:
    for spec in map(model_spec, model_names()):
        if spec.supports_prompts or not know_text:
            yield spec.name, spec.title


def _plain(names: Iterable[str]) -> Iterable[Choice]:
    return ((name, "") for name in names)


_KNOWN: Final[dict[Widget | None, Callable[[], Iterable[Choice]]]] = {
    Widget.MODEL: _models,
    Widget.TEXT_MODEL: lambda: _models(know_text=True),
    Widget.BACKEND: lambda: _plain(backend_names()),
    Widget.PACK: lambda: _plain(pack_names()),
}
_OF_DATASET: Final[dict[Widget | None, Callable[[Any], Iterable[Choice]]]] = {
    Widget.MODEL: lambda dataset: (
        (name, model_spec(name).title)
        for name in dict.fromkeys(_models_with_vectors(dataset))
        if name.startswith(IMPORTED)
    ),
    Widget.PATCHES_FIELD: lambda dataset: _plain(boxes_fields(dataset)),
    Widget.INTO_BOXES: lambda dataset: _plain(boxes_fields(dataset)),
    Widget.BOXES_INDEX: lambda dataset: _plain(dataset.list_brain_runs(type="similarity")),
    Widget.TEXT_INDEX: lambda dataset: _plain(prompt_indexes(dataset)),
    Widget.JOURNAL: _journals,
    Widget.SPECIAL_NAME: lambda dataset: _plain(sorted(special_names(dataset))),
    Widget.SAVED_VIEW: lambda dataset: _plain(dataset.list_saved_views()),
}
