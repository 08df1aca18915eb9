"""Finds labels that are probably wrong: suspects, what they may be, and what they look like."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..dataset.records import bring_up_to_date, reload_known
from ..errors import Fault, InputError
from ..names import GROUND_TRUTH, LOOK_ALIKE_PAIRS, MODEL_PREDICTIONS, SUSPECTS, view_of
from ..progress import Progress, portion, silent
from ..taxonomy import Taxonomy, load_taxonomy
from ..text import counted
from .record import Findings, LabelErrorsRecord, LabelErrorsResult, keep
from .signals import Sources, find_sources, no_signal_found, read_labelled, read_looks
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
    labels of the boxes that look most alike, if there are any; ``posterior`` explains how. A repeat
    replaces scores and views.

    Args:
        dataset: a FiftyOne dataset.
        pred_field: the predicted boxes; empty to do without. The default field may be absent.
        gt_field: the boxes whose labels are scored.
        index_key: key of a similarity index of these boxes; empty for that of the default model,
            or for the only one, if there is any.
        threshold: the score from which a box is a suspect, 0 to 1.
        taxonomy: the tree of concepts; None for the project's own.
        progress: called with the share done and a label.

    Raises:
        InputError: there is no signal by which to judge labels, no such index, or a parameter is
            wrong; nothing was written.
        DatasetError: a field holds no boxes or no labels.
    """
    bring_up_to_date(dataset)
    sources = _checked(dataset, pred_field, gt_field, index_key, threshold)
    progress(0.0, "reading boxes")
    labelled = read_labelled(dataset, sources, taxonomy or load_taxonomy())
    looks = read_looks(dataset, sources, labelled)
    case = Case(labelled.given, labelled.names, labelled.opinions, looks)
    doubts = weigh_labels(case, threshold, portion(progress, 0.1, 0.6))
    if np.isnan(doubts.score).all():
        raise no_signal_found(sources)
    findings = Findings(sources, labelled, doubts, partners_of(case, doubts), threshold)
    result = _result(findings, has_looks=looks is not None)
    keep(dataset, findings, result, portion(progress, 0.6, 1.0))
    suspects = counted(result.suspects, "suspect", "suspects")
    progress(1.0, f"{suspects} among {counted(result.scored, 'label', 'labels')}")
    return result


def check_label_errors(
    dataset: Any,
    pred_field: str = MODEL_PREDICTIONS,
    gt_field: str = GROUND_TRUTH,
    index_key: str = "",
    threshold: float = THRESHOLD,
) -> Sources:
    """Says what ``find_label_errors`` would use; writes nothing, and raises the same errors."""
    return _checked(dataset, pred_field, gt_field, index_key, threshold)


def _checked(
    dataset: Any, pred_field: str, gt_field: str, index_key: str, threshold: float
) -> Sources:
    if not 0 <= threshold <= 1:
        problem = f"should be from 0 to 1, not {threshold}"
        raise InputError(LabelErrorsRecord.METHOD, [Fault("threshold", problem)])
    reload_known(dataset)
    return find_sources(dataset, pred_field, gt_field, index_key)


def _result(findings: Findings, has_looks: bool) -> LabelErrorsResult:
    sources, labelled, doubts = findings.sources, findings.labelled, findings.doubts
    scored = int((~np.isnan(doubts.score)).sum())
    signals = (labelled.kind, "neighbours" if has_looks else "")
    return LabelErrorsResult(
        scored=scored,
        suspects=len(doubts.suspects),
        view=view_of(SUSPECTS, sources.gt_field) if len(doubts.suspects) else "",
        pairs_view=view_of(LOOK_ALIKE_PAIRS, sources.gt_field) if findings.partners else "",
        expected_errors=round(float(np.nansum(doubts.score)), 1),
        unlabelled_boxes=len(labelled.boxes) - len(labelled.rows),
        boxes_without_signal=len(labelled.rows) - scored,
        signals=tuple(signal for signal in signals if signal),
        index_key=sources.index_key,
    )
