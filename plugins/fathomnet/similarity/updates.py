"""Adds boxes or images to an index or removes them, by the rules of FiftyOne's interface."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dataset.vectors import VectorRows, declare_vectors, write_vectors
from .mapped import Members
from .rows import RowsOfRun

logger = logging.getLogger(__name__)


def add_vectors(
    copies: RowsOfRun,
    vectors: npt.NDArray[np.float32],
    sample_ids: Any,
    label_ids: Any,
    overwrite: bool,
    allow_existing: bool,
    warn_existing: bool,
) -> Members:
    """Writes vectors to boxes or images.

    Returns:
        The members, including the new ones.

    Raises:
        ValueError: some are members already, and that is not allowed.
    """
    samples = np.asarray(sample_ids, dtype=str)
    ids = np.asarray(label_ids, dtype=str) if copies.patches_field else samples
    there = np.isin(ids, copies.ids)
    if there.any() and not overwrite:
        if not allow_existing:
            raise ValueError(
                f"{there.sum():,} ids are in the index already, for example {ids[there][0]}"
            )
        if warn_existing:
            logger.warning("%d ids are in the index already and are left as they are", there.sum())
        vectors, samples, ids = vectors[~there], samples[~there], ids[~there]
    if not len(ids):
        return copies.members
    order = np.argsort(samples, kind="stable")
    rows = VectorRows(
        ids=ids[order].tolist(),
        sample_ids=samples[order].tolist(),
        # Whoever gave the vectors did not say what they were made from.
        fingerprints=[{}] * len(ids),
        matrix=np.ascontiguousarray(vectors[order]),
    )
    declare_vectors(copies.dataset, copies.patches_field, copies.field)
    write_vectors(copies.dataset, copies.patches_field, copies.field, rows)
    return copies.members.with_others(Members.of(ids.tolist(), samples.tolist()))


def remove_members(
    copies: RowsOfRun, sample_ids: Any, label_ids: Any, allow_missing: bool, warn_missing: bool
) -> Members:
    """The members without those of given samples and labels.

    Raises:
        ValueError: an id is not in the index, and that is not allowed.
    """
    leaving = np.zeros(len(copies.ids), dtype=bool)
    for wanted, there in ((sample_ids, copies.sample_ids), (label_ids, copies.ids)):
        if wanted is not None:
            names = _names(wanted)
            _report(names, there, allow_missing, warn_missing)
            leaving |= np.isin(there, names)
    left = copies.ids[~leaving].tolist()
    return Members.of(left, copies.sample_ids[~leaving].tolist())


def select_rows(
    copies: RowsOfRun, sample_ids: Any, label_ids: Any, allow_missing: bool, warn_missing: bool
) -> npt.NDArray[np.intp]:
    """The rows of labels, in the given order, or of samples; all rows if neither is given.

    Raises:
        ValueError: an id is not in the index, and that is not allowed; or labels are requested
            from an index of whole images.
    """
    if label_ids is not None and not copies.patches_field:
        raise ValueError("this index is of whole images: it has no labels")
    wanted = sample_ids if label_ids is None else label_ids
    if wanted is None:
        return np.arange(len(copies.ids))
    names = _names(wanted)
    if label_ids is None and copies.patches_field:
        _report(names, copies.sample_ids, allow_missing, warn_missing)
        return np.flatnonzero(np.isin(copies.sample_ids, names))
    _report(names, copies.ids, allow_missing, warn_missing)
    places = [copies.row_of(one) for one in names]
    return np.array([place for place in places if place is not None], dtype=np.intp)


def _names(ids: Any) -> list[str]:
    return [ids] if isinstance(ids, str) else [str(one) for one in ids]


def _report(
    names: Sequence[str], known: npt.NDArray[Any], allow_missing: bool, warn_missing: bool
) -> None:
    """Raises or warns about ids that are not in the index, as the caller wishes."""
    if allow_missing and not warn_missing:
        return
    missing = sorted(set(names).difference(known.tolist()))
    if not missing:
        return
    problem = f"{len(missing):,} ids are not in the index, such as {missing[0]}"
    if not allow_missing:
        raise ValueError(problem)
    logger.warning("%s", problem)
