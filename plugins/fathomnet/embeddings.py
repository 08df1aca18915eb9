"""Boxes and images to vectors in the dataset, and maps of them."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from .dataset.collection import write_overlapped
from .dataset.run_records import write_record
from .dataset.schema_version import bring_up_to_date, reload_known
from .dataset.vectors import (
    VectorRows,
    dataset_of,
    declare_vectors,
    ids_in,
    vector_path,
    write_vectors,
)
from .embedding.batches import Batcher, default_batch_size, full_batches
from .embedding.fingerprints import Fingerprints
from .embedding.maps import MapMade, check_map, make_map
from .embedding.media import local_file
from .embedding.pace import Pace
from .embedding.patches import Patch, read_ahead
from .embedding.skips import Skips
from .embedding.work import ImageWork, Work, find_work
from .errors import Fault, InputError
from .fields import DEFAULT_MODEL, GROUND_TRUTH, embedding_field, embedding_run_key, map_key
from .models import Embedder, ModelSpec, load_embedder, model_spec
from .progress import Progress, portion, silent

METHOD: Final = "compute_embeddings"
DEFAULT_METHOD: Final = "umap"
NO_MAP: Final = "none"

NOT_FINITE: Final = "the model gave numbers that are not finite"
EMBEDDED_BY: Final = 0.9
"""Share of a run's progress at which its map begins, where it makes one."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddingsResult:
    """What ``compute_embeddings`` did.

    Attributes:
        embedded: boxes or images that got a vector.
        present: those that had theirs, of the same model and the same box.
        skipped: those that got none; the run's record lists the reasons.
        dimensions: of a vector.
        brain_key: of the map; empty where none was made.
        seconds: of the whole run.
    """

    embedded: int
    present: int
    skipped: int
    dimensions: int
    brain_key: str
    seconds: float


def compute_embeddings(  # noqa: PLR0913, PLR0917  # the parameters of the operator
    dataset_or_view: Any,
    model: str = DEFAULT_MODEL,
    patches_field: str = GROUND_TRUTH,
    brain_key: str = "",
    method: str = DEFAULT_METHOD,
    batch_size: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
) -> EmbeddingsResult:
    """Gives every box, or every image, the vector that a model makes of it, and draws their map.

    Every image is decoded once. Vectors are written batch by batch, as float32 and as the model's
    library gives them, with a fingerprint of model and box beside them: a run that was killed goes
    on where it was, and only boxes that changed, or whose vector is another model's, are embedded
    again. What cannot be embedded is skipped and counted: images whose media are missing or
    damaged, and boxes without a pixel in their image. The run
    ``fields.embedding_run_key(model, patches_field)`` of the dataset says what made the vectors.

    Args:
        dataset_or_view: a FiftyOne dataset, or a view: only what it shows is embedded and mapped.
        model: a name or path that ``models.model_spec`` knows.
        patches_field: the field of boxes; ``""`` for whole images.
        brain_key: the map's key; empty for one made of model, method and field.
        method: ``umap``, ``pca`` or ``tsne``; ``none`` or ``""`` for no map.
        batch_size: patches that go through the model at once; None for what suits the device.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        progress: hears how far it is.

    Raises:
        InputError: a parameter is wrong; nothing was written.
        DatasetError: the field holds no boxes, or a name is taken; nothing was written.
        SetupError: the model's weights, a library or a device is missing.
    """
    start = time.monotonic()
    view = dataset_or_view
    bring_up_to_date(view)
    plan = check_embeddings(view, model, patches_field, brain_key, method, batch_size)
    dataset, field, key = dataset_of(view), plan.field, plan.brain_key
    progress(0.0, f"loading {plan.spec.title}")
    embedder = load_embedder(model, device=device, precision=precision)
    batcher = Batcher(embedder, batch_size or default_batch_size(embedder.device))
    run = _Run(dataset, patches_field, field, embedder, batcher)

    declare_vectors(dataset, patches_field, field)
    work = find_work(view, patches_field, field, Fingerprints(embedder.settings))
    run.record("writing", work, None)
    run.embed(work, portion(progress, 0.0, EMBEDDED_BY if key else 1.0))
    made = None
    if key:
        progress(EMBEDDED_BY, f"drawing the map by {method}")
        made = make_map(view, patches_field, field, method, key)
    run.record("complete", work, made)
    progress(1.0, _summary(run, work, made))
    return EmbeddingsResult(
        embedded=run.embedded,
        present=work.present,
        skipped=run.skips.items,
        dimensions=embedder.dimensions,
        brain_key=key if made is not None and made.points else "",
        seconds=time.monotonic() - start,
    )


@dataclass(frozen=True, slots=True)
class EmbeddingsPlan:
    """What ``compute_embeddings`` would do.

    Attributes:
        spec: the model.
        field: what holds its vectors.
        items: boxes or images that are looked at.
        with_vector: those that have a vector, of whatever settings of the model.
        brain_key: of the map; empty for none.
        replaces: whether a map of this key is there.
    """

    spec: ModelSpec
    field: str
    items: int
    with_vector: int
    brain_key: str
    replaces: bool


def check_embeddings(
    dataset_or_view: Any,
    model: str = DEFAULT_MODEL,
    patches_field: str = GROUND_TRUTH,
    brain_key: str = "",
    method: str = DEFAULT_METHOD,
    batch_size: int | None = None,
) -> EmbeddingsPlan:
    """What ``compute_embeddings`` would do, without loading the model. Nothing is written.

    The same errors are raised, but for those of the model's weights and of the device.
    """
    if batch_size is not None and batch_size < 1:
        raise InputError(METHOD, [Fault("batch_size", "take at least one patch at once")])
    reload_known(dataset_or_view)
    dataset_or_view.reload()
    dataset = dataset_of(dataset_or_view)
    spec = model_spec(model)
    method = method or NO_MAP
    key = "" if method == NO_MAP else brain_key or map_key(spec.name, method, patches_field)
    check_map(dataset, method, key)
    field = embedding_field(spec.name)
    path = vector_path(dataset, patches_field, field)
    shown = ids_in(dataset_or_view, patches_field)[1]
    return EmbeddingsPlan(
        spec=spec,
        field=field,
        items=sum(map(len, shown)),
        with_vector=dataset_or_view.count(path) if dataset_or_view.has_field(path) else 0,
        brain_key=key,
        replaces=bool(key) and dataset.has_brain_run(key),
    )


class _Run:
    """One run: what it has done, and what it could not do."""

    def __init__(
        self, dataset: Any, patches_field: str, field: str, embedder: Embedder, batcher: Batcher
    ) -> None:
        self._dataset = dataset
        self._patches_field = patches_field
        self._field = field
        self._embedder = embedder
        self._batcher = batcher
        self.embedded = 0
        self.skips = Skips()

    def embed(self, work: Work, progress: Progress) -> None:
        """Embeds what there is to embed; every batch is written while the next one is made."""
        pace = Pace(work.items, "boxes" if self._patches_field else "images")
        for written in write_overlapped(self._batches(work), self._write):
            self.embedded += written
            progress(*pace.report(self.embedded, self.skips))
        for example in self.skips.examples:
            _log.warning("not embedded: %s", example)

    def _batches(self, work: Work) -> Iterator[VectorRows]:
        for batch in full_batches(self._patches(work), self._batcher):
            matrix = self._batcher.embed(batch)
            finite = [bool(np.isfinite(row).all()) for row in matrix]
            kept = [patch for patch, is_finite in zip(batch, finite, strict=True) if is_finite]
            for patch, is_finite in zip(batch, finite, strict=True):
                if not is_finite:
                    self.skips.box(patch.filepath, patch.item.id, NOT_FINITE)
            if kept:
                yield VectorRows(
                    ids=[patch.item.id for patch in kept],
                    sample_ids=[patch.sample_id for patch in kept],
                    fingerprints=[patch.item.fingerprint for patch in kept],
                    matrix=matrix[finite],
                )

    def _patches(self, work: Work) -> Iterator[Patch]:
        """The patches of the work; what is unusable is counted on the way."""
        on_processor = self._embedder.device == "cpu"
        workers = _processors()
        parts = read_ahead(
            work.images,
            self._locate,
            self._embedder.prepare,
            workers=workers,
            ahead=2 * self._batcher.size + 4 * workers,
            give_way=on_processor,
        )
        for part in parts:
            for one in part:
                if isinstance(one, Patch):
                    yield one
                elif one.id:
                    self.skips.box(one.filepath, one.id, one.reason)
                else:
                    self.skips.image(one.filepath, one.items, one.reason)

    def _locate(self, image: ImageWork) -> Path:
        return local_file(self._dataset, image.sample_id, image.filepath)

    def _write(self, rows: VectorRows) -> int:
        write_vectors(self._dataset, self._patches_field, self._field, rows)
        return len(rows.ids)

    def record(self, state: str, work: Work, made: MapMade | None) -> None:
        """Keeps what made the vectors, and what became of the run so far, on the dataset."""
        spec = self._embedder.spec
        values = {
            "state": state,
            "model": spec.name,
            "zoo_name": spec.zoo_name,
            "patches_field": self._patches_field,
            "field": self._field,
            "dimensions": self._embedder.dimensions,
            "device": self._embedder.device,
            "settings": dict(self._embedder.settings),
            "batch_size": self._batcher.size,
            "embedded": self.embedded,
            "present": work.present,
            "map": None if made is None else [made.method, made.points, made.remark],
            **self.skips.record(),
        }
        write_record(
            self._dataset, embedding_run_key(spec.name, self._patches_field), METHOD, values
        )


def _summary(run: _Run, work: Work, made: MapMade | None) -> str:
    skips = run.skips
    words = [f"{run.embedded:,} embedded, {work.present:,} there already"]
    if skips.items:
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in skips.reasons.most_common(3))
        words.append(f"{skips.items:,} skipped ({reasons})")
    if made is not None:
        words.append(made.remark or f"{made.points:,} points on the map")
    return ", ".join(words)


def _processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
