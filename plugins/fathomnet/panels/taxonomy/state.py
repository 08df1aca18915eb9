"""What the panel ``taxonomy`` is about: read from the App, counted by the database.

Which taxon is chosen is not remembered beside the view: it is read from the stage that the panel
added, so that the panel is right after a reload, after "back", and in a saved view.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fiftyone.operators import execution_cache

from ...dataset.label_map import taxonomy_of
from ...errors import DatasetError
from ...evaluation.finished import (
    FinishedEvaluation,
    evaluation_version,
    finished_evaluations,
    read_evaluation,
)
from ...labels.ranks import mend_ranks, wrong_ranks
from ...names import GROUND_TRUTH
from ...parameters.dataset import AddTaxonomyRanks
from ...seen import require_permission
from ...taxonomy import Taxonomy
from .page import Example, Mistakes, examples_of, mistakes_of
from .tree import (
    ALL,
    OTHERS,
    UNLABELLED,
    Node,
    TaxonTree,
    build_tree,
    condition,
    count_labels,
    has_labels,
    labels_in,
    other_key,
    taxon_key,
)

NO_EVALUATION: Final = "none"
"""The choice to show none."""
REMEMBERED: Final = 32
"""Trees that are kept, each of a state of a view."""
LISTS: Final = 1_000
"""Lists whose rows are remembered."""
MOST_MENDED: Final = 1_000
"""Labels whose ranks are written while the panel is drawn: as many as somebody names by hand."""

_CHOICES: Final = "choices"
"""The part of the panel that holds the fields."""
_DRAWN: Final = "fathomnet-taxonomy-panel"
"""FiftyOne's store of which fields were drawn before a taxon was chosen, by panel."""
_KEPT: Final = 30 * 24 * 3600
"""Seconds for which they are."""
_COMING: Final = "view_that_comes"
_TOLD: Final = "tells_of_view"
_AGAIN: Final = 10.0
"""Seconds within which the App, in a busy browser too, tells of one change more than once."""
_latest: dict[str, tuple[float, tuple[Any, ...]]] = {}
"""When each panel was last drawn, and of what."""
_listed: dict[str, tuple[str, ...]] = {}
"""Of each list that was drawn by this process the keys of its rows, by its name."""
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the panel is about.

    Attributes:
        field: the field of labels.
        eval_key: the evaluation that is shown along; empty where there is none.
        base: what the App shows, less the panel's own choice of a taxon.
        key: of the node that is chosen.
        tree: the labels of ``base``.
    """

    field: str
    eval_key: str
    base: Any
    key: str
    tree: TaxonTree

    @property
    def node(self) -> Node | None:
        """The chosen node; None where ``base`` has no box of it."""
        return self.tree.nodes.get(self.key)

    @property
    def is_whole(self) -> bool:
        """Whether ``base`` is the whole dataset."""
        return not self.base._stages


def look(ctx: Any, field: str = "") -> Shown:
    """Reads what the App shows.

    Args:
        ctx: of a panel's event, in a dataset that has labels.
        field: the field of labels; empty for the one that is chosen in the panel.
    """
    view = ctx.params.get(_COMING) or ctx.view
    field = field or _field(ctx)
    known = evaluations(ctx.dataset, field)
    wanted = typed(ctx, "evaluation") or next(iter(known), "")
    eval_key = wanted if wanted in known else ""
    base, key = chosen(view, field, taxonomy_of(ctx.dataset))
    return Shown(field, eval_key, base, key, _tree(ctx, base, field, eval_key))


def set_view(ctx: Any, view: Any) -> None:
    """Makes the App show a view.

    Where that is another than before, the App tells of it, and the panel is drawn then.
    """
    import fiftyone as fo

    shown = fo.DatasetView._build(ctx.dataset, ctx.request_params.get("view") or [])
    ctx.params[_TOLD] = _stages(view) != _stages(shown)
    expect(ctx, view)
    ctx.ops.set_view(view)


def _stages(view: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = view._serialize(include_uuids=False)
    return found


def draws(ctx: Any) -> bool:
    """Whether there is something new to draw after an event.

    Where the view has changed, the App tells of it, and then of the sidebar's filters and of the
    stages that extend it, which it has emptied: what is empty is no news soon after the same was
    drawn. All else is drawn, whatever was drawn last: the App may be open in several tabs, which
    share the name of the panel.
    """
    if ctx.params.get(_TOLD):
        return False
    if ctx.dataset is None:
        return True
    now, panel, state = time.monotonic(), ctx.panel.id, _state(ctx.view)
    value = ctx.params.get("value", ...)
    emptied = ctx.params["__method__"] == "on_change_view" and value in ({}, None)
    with _lock:
        seconds, latest = _latest.get(panel, (-_AGAIN, ()))
        if emptied and latest == state and now - seconds < _AGAIN:
            return False
        _latest[panel] = now, state
        while len(_latest) > REMEMBERED:
            del _latest[next(iter(_latest))]
    return True


def keep_list(name: str, keys: tuple[str, ...]) -> None:
    """Remembers the rows of a list that is drawn under a name that no other list has."""
    with _lock:
        _listed.pop(name, None)
        _listed[name] = keys
        while len(_listed) > LISTS:
            del _listed[next(iter(_listed))]


def kept_list(name: str) -> tuple[str, ...]:
    """The keys of the rows of a list that was drawn; empty where that is not known any more."""
    return _listed.get(name, ())


def expect(ctx: Any, view: Any) -> None:
    """Has the panel look at a view in place of the one that the App shows."""
    ctx.params[_COMING] = view


def draw_only(ctx: Any, field: str) -> None:
    """Has the App draw labels of one field only: boxes of another would hide those of a taxon.

    Args:
        ctx: of a panel's event.
        field: the field; empty for those that were drawn before a taxon was chosen.
    """
    drawn, store = ctx.request_params.get("active_fields"), ctx.store(_DRAWN)
    if drawn is None:
        return
    before = store.get(ctx.panel.id)
    if field:
        if before is None:
            store.set(ctx.panel.id, drawn, ttl=_KEPT)
        others = set(labels_in(ctx.dataset)) - {field}
        kept = [one for one in drawn if one not in others]
        wanted = kept if field in kept else [*kept, field]
    else:
        store.delete(ctx.panel.id)
        wanted = drawn if before is None else before
    if wanted != drawn:
        ctx.ops.set_active_fields(wanted)


def mistakes(ctx: Any, eval_key: str, name: str) -> Mistakes | None:
    """What an evaluation says of a taxon; None where it cannot be read any more."""
    evaluation = read(ctx, eval_key)
    if evaluation is None:
        return None
    found: Mistakes = _mistakes(ctx, evaluation, evaluation_version(ctx.dataset, eval_key), name)
    return found


def read(ctx: Any, eval_key: str) -> FinishedEvaluation | None:
    """An evaluation with all its pairs; None where it cannot be read any more."""
    try:
        found: FinishedEvaluation = _evaluation(
            ctx, eval_key, evaluation_version(ctx.dataset, eval_key)
        )
    except DatasetError:
        return None
    return found


@execution_cache(  # type: ignore[untyped-decorator]
    residency="ephemeral",
    key_fn=lambda ctx, eval_key, version: (_named_so(ctx), eval_key, version),
    max_size=2,
    deserialize=lambda value: value,
)
def _evaluation(ctx: Any, eval_key: str, version: str) -> FinishedEvaluation:
    return read_evaluation(ctx.dataset, eval_key, taxonomy_of(ctx.dataset))


@execution_cache(  # type: ignore[untyped-decorator]
    residency="ephemeral",
    key_fn=lambda ctx, evaluation, version, name: (
        _named_so(ctx),
        evaluation.eval_key,
        version,
        name,
    ),
    max_size=REMEMBERED,
    deserialize=lambda value: value,
)
def _mistakes(ctx: Any, evaluation: FinishedEvaluation, version: str, name: str) -> Mistakes:
    return mistakes_of(name, evaluation.pairs, taxonomy_of(ctx.dataset))


@execution_cache(  # type: ignore[untyped-decorator]
    residency="ephemeral",
    key_fn=lambda ctx, field, key: (*_state(ctx.dataset), field, key),
    max_size=REMEMBERED,
    deserialize=lambda value: value,
)
def _examples(ctx: Any, field: str, key: str) -> list[Example]:
    return examples_of(ctx.dataset, field, key, taxonomy_of(ctx.dataset))


def _named_so(ctx: Any) -> str:
    """Names the dataset and the tree of its names."""
    return f"{ctx.dataset._doc.id} {taxonomy_of(ctx.dataset).sha256}"


def examples(ctx: Any, field: str, key: str) -> list[Example]:
    """Pictures of the labels at and below a node; kept until a label changes."""
    found: list[Example] = _examples(ctx, field, key)
    return found


def typed(ctx: Any, name: str) -> Any:
    """What one of the panel's fields holds."""
    return (ctx.panel.get_state(_CHOICES) or {}).get(name)


def forget(ctx: Any, *names: str) -> None:
    """Empties fields of the panel; all where none is named."""
    names = names or ("field", "evaluation", "search")
    if some := [name for name in names if typed(ctx, name)]:
        ctx.panel.set_state({f"{_CHOICES}.{name}": None for name in some})


def label_fields(ctx: Any) -> dict[str, bool]:
    """The fields whose labels can be counted, each with whether the dataset has any."""
    found: dict[str, bool] = _label_fields(ctx, ctx.view)
    return found


def evaluations(dataset: Any, field: str) -> list[str]:
    """The runs of ``evaluate_predictions`` that marked the boxes of a field, newest first."""
    configs = {
        key: dataset.get_evaluation_info(key).config for key in finished_evaluations(dataset)
    }
    return [key for key, one in configs.items() if field in (one.gt_field, one.pred_field)]


def _field(ctx: Any) -> str:
    """The chosen field; else the annotated boxes, else the first one that has labels."""
    labelled = [name for name, has_some in label_fields(ctx).items() if has_some]
    for wanted in (typed(ctx, "field"), GROUND_TRUTH):
        if wanted in labelled:
            return str(wanted)
    return labelled[0]


def _state(view: Any) -> tuple[Any, ...]:
    """Differs whenever a dataset or view may hold other labels than before, or names others."""
    samples = view._dataset
    newest = samples.sort_by("last_modified_at", reverse=True).limit(1).values("last_modified_at")
    stages = view._serialize(include_uuids=False) if view is not samples else []
    names = taxonomy_of(samples).sha256
    return str(samples._doc.id), len(samples), str(newest), names, str(stages)


@execution_cache(  # type: ignore[untyped-decorator]
    residency="ephemeral",
    key_fn=lambda ctx, view: _state(view._dataset),
    max_size=REMEMBERED,
    deserialize=lambda value: value,
)
def _label_fields(ctx: Any, view: Any) -> Mapping[str, bool]:
    samples = view._dataset
    return {field: has_labels(samples, field) for field in labels_in(samples)}


@dataclass(frozen=True, slots=True)
class HandNamed:
    """Labels that were found to have the ranks of another name.

    Attributes:
        labels: how many.
        are_mended: whether they have their own ranks now.
    """

    labels: int
    are_mended: bool


def mend_ranks_in(ctx: Any, field: str) -> HandNamed:
    """Has ranks follow the names that somebody gave to labels by hand, if the person may edit.

    More labels than ``MOST_MENDED`` are left to the operator, which says how far it is.
    """
    wrong: int = _wrong_ranks(ctx, field)
    if not 0 < wrong <= MOST_MENDED:
        return HandNamed(wrong, False)
    try:
        require_permission(ctx, AddTaxonomyRanks)
    except DatasetError:
        return HandNamed(wrong, False)
    return HandNamed(mend_ranks(ctx.dataset, field, taxonomy_of(ctx.dataset)), True)


@execution_cache(  # type: ignore[untyped-decorator]
    residency="ephemeral",
    key_fn=lambda ctx, field: (*_state(ctx.dataset), field),
    max_size=REMEMBERED,
    deserialize=lambda value: value,
)
def _wrong_ranks(ctx: Any, field: str) -> int:
    return wrong_ranks(ctx.dataset, field, taxonomy_of(ctx.dataset)).total()


@execution_cache(  # type: ignore[untyped-decorator]
    residency="ephemeral",
    key_fn=lambda ctx, view, field, eval_key: (*_state(view), field, eval_key),
    max_size=REMEMBERED,
    deserialize=lambda value: value,
)
def _tree(ctx: Any, view: Any, field: str, eval_key: str) -> TaxonTree:
    return build_tree(count_labels(view, field, eval_key), taxonomy_of(ctx.dataset))


def show(view: Any, field: str, key: str, taxonomy: Taxonomy) -> Any:
    """A view of the boxes of a taxon and all below it, of those that a view shows.

    Args:
        view: a view in which no taxon is chosen, see ``chosen``.
        field: the field of labels.
        key: of the node, see ``tree``; ``ALL`` for the view as it is.
        taxonomy: the tree of concepts.
    """
    import fiftyone as fo

    if key == ALL:
        return view
    return view.add_stage(fo.FilterLabels(field, condition(key, taxonomy)))


def chosen(view: Any, field: str, taxonomy: Taxonomy) -> tuple[Any, str]:
    """The view without its choice of a taxon, and the key of that.

    Only a choice that nothing but filters follow can be taken from a view: to patches, or to the
    first ten images, it is part of what they are.

    Args:
        view: what the App shows.
        field: the field of labels.
        taxonomy: the tree of concepts.
    """
    import fiftyone as fo

    # Those of the App's sidebar may as well stand before a choice as after it.
    of_sidebar = (fo.FilterField, fo.Match, fo.MatchLabels, fo.MatchTags, fo.Select)
    stages = list(view._stages)
    for place in reversed(range(len(stages))):
        if isinstance(stages[place], fo.FilterLabels):
            key = _key(view, stages[place], field, taxonomy)
            if key is not None:
                whole = view._base_view  # of patches these very patches, else the whole dataset
                for stage in (*stages[:place], *stages[place + 1 :]):
                    whole = whole.add_stage(stage)
                return whole, key
        elif not isinstance(stages[place], of_sidebar):
            break
    return view, ALL


def _key(view: Any, stage: Any, field: str, taxonomy: Taxonomy) -> str | None:
    """The key of the choice that a stage is; None where it is another filter."""
    import fiftyone as fo

    arguments = dict(stage._kwargs())
    if arguments["field"] != field:
        return None
    keys = [UNLABELLED, OTHERS]
    if names := _names(arguments["filter"]):
        keys = [taxon_key(names[0]) if names[0] in taxonomy else other_key(names[0])]
    for key in keys:
        same = fo.FilterLabels(field, condition(key, taxonomy))
        same.validate(view)  # a condition is written down as the kind of the field wants it
        if dict(same._kwargs()) == arguments:
            return key
    return None


def _names(condition: Any) -> list[str]:
    """The names that a condition asks for, the chosen one first; empty where it asks otherwise."""
    try:
        names = condition["$in"][1]["$literal"]
    except (TypeError, KeyError, IndexError):
        return []
    return names if isinstance(names, list) else []
