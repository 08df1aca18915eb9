"""Finds labels that are probably wrong: suspects, what they may be, and what they look like."""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from ..dataset.columns import dataset_of
from ..dataset.label_map import taxonomy_of
from ..dataset.records import Basis, bring_up_to_date, reload_known
from ..errors import Fault, InputError
from ..names import GROUND_TRUTH, LOOK_ALIKE_PAIRS, MODEL_PREDICTIONS, SUSPECTS, view_of
from ..progress import Progress, portion, silent
from ..taxonomy import Taxonomy
from ..text import counted
from .record import Findings, LabelErrorsRecord, LabelErrorsResult, keep
from .signals import (
    Sources,
    concepts_of_probabilities,
    find_sources,
    no_signal_found,
    read_known,
    read_labelled,
    read_looks,
)
from .weighing import Case, partners_of, weigh_labels

THRESHOLD: Final = 0.5
"""More probably wrong than right."""


def find_label_errors(
    dataset: Any,
    pred_field: str = MODEL_PREDICTIONS,
    gt_field: str = GROUND_TRUTH,
    index_key: str = "",
    threshold: float = THRESHOLD,
    taxonomy: Taxonomy | None = None,
    progress: Progress = silent,
) -> LabelErrorsResult:
    """Scores every label by the probability that it is wrong, and saves the suspects as views.

    The score is a probability by Bayes' rule, from the predictions for the same boxes and from the
    labels of the boxes that look most alike, if there are any; ``posterior`` explains how. What the
    predicted names say of the labels is measured first (``information``): where that is hardly more
    than chance, the result notes it, and labels are judged as without predictions. A label that a
    person has said is right has no score, until it changes, and one that was rejected has the score
    1; ``weigh_labels`` says what both teach about the others. A repeat replaces scores and views.

    Args:
        dataset: a FiftyOne dataset.
        pred_field: the predicted boxes; empty to do without. The default field may be absent.
        gt_field: the boxes whose labels are scored.
        index_key: key of a similarity index of these boxes; empty for that of the default model,
            or for the only one, if there is any.
        threshold: the score from which a box is a suspect, 0 to 1.
        taxonomy: the tree of concepts; None for that of the dataset.
        progress: called with the share done and a label.

    Raises:
        InputError: there is no signal by which to judge labels, no such index, or a parameter is
            wrong; nothing was written.
        DatasetError: a field holds no boxes or no labels.
    """
    bring_up_to_date(dataset)
    sources = check_label_errors(dataset, pred_field, gt_field, index_key, threshold)
    progress(0.0, "reading boxes")
    asked = {"gt_field": gt_field, "pred_field": sources.pred_field, "index_key": index_key}
    compared = [one for one in (gt_field, sources.pred_field) if one]
    tree = taxonomy or taxonomy_of(dataset)
    others = concepts_of_probabilities(dataset, sources.pred_field)
    basis = Basis.now(dataset, "suspects", gt_field, compared, asked, taxonomy=tree, others=others)
    labelled = read_labelled(dataset, sources, tree)
    information = labelled.information()
    notes: tuple[str, ...] = ()
    if information is not None and not information.is_enough:
        # As if there were no predictions: their names would count among those that may be true.
        notes = (information.in_words(sources.pred_field),)
        labelled = read_labelled(dataset, replace(sources, pred_field=""), tree)
    looks = read_looks(dataset, sources, labelled)
    known = read_known(dataset, labelled, gt_field)
    case = Case(labelled.given, labelled.names, labelled.opinions, looks, known)
    doubts = weigh_labels(case, threshold, portion(progress, 0.1, 0.6)).without(known.right)
    scored, suspects = int((~np.isnan(doubts.score)).sum()), len(doubts.suspects)
    if not scored and not notes and not known.right.any():
        raise no_signal_found(sources)
    partners = partners_of(case, doubts)
    signals = (labelled.kind, "" if looks is None else "neighbours")
    result = LabelErrorsResult(
        scored=scored,
        suspects=suspects,
        view=view_of(SUSPECTS, gt_field) if suspects else "",
        pairs_view=view_of(LOOK_ALIKE_PAIRS, gt_field) if partners else "",
        expected_errors=round(float(np.nansum(doubts.score)), 1),
        unlabelled_boxes=len(labelled.boxes) - len(labelled.rows),
        boxes_without_signal=len(labelled.rows) - scored - int(known.right.sum()),
        confirmed_labels=int(known.right.sum()),
        rejected_labels=int(known.wrong.sum()),
        signals=tuple(signal for signal in signals if signal),
        index_key=sources.index_key,
        information=information,
        notes=notes,
    )
    findings = Findings(sources, labelled, doubts, partners, threshold)
    keep(dataset, findings, result, portion(progress, 0.6, 1.0))
    basis.write(dataset_of(dataset))
    labels = counted(scored, "label", "labels")
    progress(1.0, f"{counted(suspects, 'suspect', 'suspects')} among {labels}")
    return result


def check_label_errors(
    dataset: Any,
    pred_field: str = MODEL_PREDICTIONS,
    gt_field: str = GROUND_TRUTH,
    index_key: str = "",
    threshold: float = THRESHOLD,
) -> Sources:
    """Says what ``find_label_errors`` would use; writes nothing, and raises the same errors."""
    if not 0 <= threshold <= 1:
        problem = f"should be from 0 to 1, not {threshold}"
        raise InputError(LabelErrorsRecord.METHOD, [Fault("threshold", problem)])
    reload_known(dataset)
    return find_sources(dataset, pred_field, gt_field, index_key)
