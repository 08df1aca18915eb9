"""Embeds boxes and images as vectors in the dataset, and makes maps of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from ..dataset.columns import dataset_of, ids_in
from ..dataset.records import Basis, bring_up_to_date, read_record, reload_known
from ..dataset.schema import pictured
from ..dataset.vectors import EmbeddingRecord, vector_path
from ..errors import DatasetError, Fault, InputError
from ..models import ModelSpec, load_embedder, model_spec
from ..names import DEFAULT_MODEL, GROUND_TRUTH, embedding_field, embedding_run_key, map_key
from ..progress import Progress, portion, silent
from .maps import check_map, make_map
from .patches import Batcher, default_batch_size
from .run import EmbeddingRun

DEFAULT_METHOD: Final = "umap"
NO_MAP: Final = "none"

NOTES_TOLD: Final = 20

LOADED_BY: Final = 0.02
"""The share of a run's progress at which its model is loaded."""
EMBEDDED_BY: Final = 0.9
"""The share of a run's progress at which its map begins, if it makes one."""


@dataclass(frozen=True, slots=True)
class EmbeddingsResult:
    """The outcome of ``compute_embeddings``.

    Attributes:
        embedded: boxes or images that got a vector.
        present: those that already had one from the same model and the same box.
        skipped: those that could not get one.
        dimensions: the length of a vector.
        brain_key: the key of the map; empty if none was made.
        seconds: the duration of the whole run.
        notes: what was noticed of the images, and what could not be embedded, each with its
            reason: the first ``NOTES_TOLD``; the run's record lists more, and every reason with
            its number.
    """

    embedded: int
    present: int
    skipped: int
    dimensions: int
    brain_key: str
    seconds: float
    notes: tuple[str, ...] = ()


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
    """Gives every box or image the vector that a model makes of it, and draws a map of them.

    Every image is decoded once. Vectors are written batch by batch, as float32 and as the model's
    library returns them, together with a fingerprint of model and box. So a run that was killed
    continues where it stopped, and only boxes that changed, or have another model's vector, are
    embedded again. An image that has another size than the dataset says is turned as its EXIF data
    say, if that gives it this size, and else not used: its boxes lie elsewhere. Images whose media
    are missing or damaged, and boxes without a pixel in their image, are skipped and counted. The
    dataset's run ``names.embedding_run_key(model, patches_field)`` records what made the vectors.

    Args:
        dataset_or_view: a FiftyOne dataset or view; only what a view shows is embedded and mapped.
        model: a name or path that ``models.model_spec`` accepts.
        patches_field: the field of boxes; ``""`` for whole images, which a field of the labels of
            crops means too.
        brain_key: the map's key; empty derives it from model, method and field.
        method: ``umap``, ``pca`` or ``tsne``; ``none`` or ``""`` for no map.
        batch_size: patches that go through the model at once; None chooses by the device.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        progress: called with the share done and a label.

    Raises:
        InputError: a parameter is wrong; nothing was written.
        DatasetError: the field holds no labels, or a name is taken; nothing was written.
        SetupError: the model's weights, a library or a device is missing.
    """
    start = time.monotonic()
    view = dataset_or_view
    bring_up_to_date(view)
    plan = _plan(view, model, patches_field, brain_key, method, batch_size)
    patches_field = plan.patches_field
    asked = {"model": model, "patches_field": patches_field, "method": plan.method}
    basis = Basis.now(
        view, "map", plan.brain_key, (patches_field,), asked | {"brain_key": brain_key}
    )
    if not plan.spec.zoo_name:
        return _drawn_alone(view, plan, basis, progress)
    loading = portion(progress, 0.0, LOADED_BY)
    embedder = load_embedder(model, device=device, precision=precision, progress=loading)
    batcher = Batcher(embedder, batch_size or default_batch_size(embedder.device))
    run = EmbeddingRun(dataset_of(view), patches_field, plan.field, embedder, batcher)
    work = run.begin(view)
    run.embed(work, portion(progress, LOADED_BY, EMBEDDED_BY if plan.brain_key else 1.0))
    done = [f"{run.embedded:,} embedded, {work.present:,} there already"]
    if run.skips.items:
        common = run.skips.reasons.most_common(3)
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in common)
        done.append(f"{run.skips.items:,} skipped ({reasons})")
    made = None
    if plan.brain_key:
        drawing = portion(progress, EMBEDDED_BY, 1.0)
        made = make_map(view, patches_field, plan.field, plan.method, plan.brain_key, drawing)
        done.append(made.remark or f"{made.points:,} points on the map")
        if made.points:
            basis.write(dataset_of(view))
    run.record("complete", work, made)
    progress(1.0, ", ".join(done))
    return EmbeddingsResult(
        embedded=run.embedded,
        present=work.present,
        skipped=run.skips.items,
        dimensions=embedder.dimensions,
        brain_key=plan.brain_key if made is not None and made.points else "",
        seconds=time.monotonic() - start,
        notes=(*run.skips.notes, *run.skips.examples)[:NOTES_TOLD],
    )


def _drawn_alone(
    view: Any, plan: EmbeddingsPlan, basis: Basis, progress: Progress
) -> EmbeddingsResult:
    """Draws a map of vectors from a file, of which no model here makes more."""
    start = time.monotonic()
    dataset = dataset_of(view)
    key = embedding_run_key(plan.spec.name, plan.patches_field)
    record = read_record(dataset, key, EmbeddingRecord)
    if record is None:
        raise DatasetError(
            f"dataset {dataset.name!r} has no vectors of {plan.spec.name}; run import_embeddings"
        )
    made = None
    if plan.brain_key:
        field, key = plan.patches_field, plan.brain_key
        made = make_map(view, field, plan.field, plan.method, key, progress)
        if made.points:
            basis.write(dataset)
    progress(1.0, f"{plan.with_vector:,} vectors of {plan.spec.title} are there already")
    return EmbeddingsResult(
        embedded=0,
        present=plan.with_vector,
        skipped=plan.items - plan.with_vector,
        dimensions=record.dimensions,
        brain_key=plan.brain_key if made is not None and made.points else "",
        seconds=time.monotonic() - start,
    )


@dataclass(frozen=True, slots=True)
class EmbeddingsPlan:
    """What ``compute_embeddings`` would do.

    Attributes:
        spec: the model.
        patches_field: the field of the boxes that are cut out; ``""`` for whole images.
        field: the field or attribute that holds its vectors.
        items: boxes or images to consider.
        with_vector: those that have a vector, whatever the model's settings were.
        brain_key: the key of the map; empty for none.
        replaces: whether a map with this key exists.
        method: that of the map; ``none`` for no map.
    """

    spec: ModelSpec
    patches_field: str
    field: str
    items: int
    with_vector: int
    brain_key: str
    replaces: bool
    method: str


def check_embeddings(
    dataset_or_view: Any,
    model: str = DEFAULT_MODEL,
    patches_field: str = GROUND_TRUTH,
    brain_key: str = "",
    method: str = DEFAULT_METHOD,
    batch_size: int | None = None,
) -> EmbeddingsPlan:
    """Says what ``compute_embeddings`` would do, without loading the model or writing anything.

    Raises the same errors, except for those about the model's weights and the device.
    """
    reload_known(dataset_or_view)
    return _plan(dataset_or_view, model, patches_field, brain_key, method, batch_size)


def _plan(
    dataset_or_view: Any,
    model: str,
    patches_field: str,
    brain_key: str,
    method: str,
    batch_size: int | None,
) -> EmbeddingsPlan:
    """The plan for a dataset whose document has just been read."""
    if batch_size is not None and batch_size < 1:
        raise InputError(
            EmbeddingRecord.METHOD, [Fault("batch_size", "take at least one patch at once")]
        )
    dataset = dataset_of(dataset_or_view)
    if dataset_or_view is not dataset:
        dataset_or_view.reload()
    spec = model_spec(model)
    patches_field = pictured(dataset, patches_field)
    method = method or NO_MAP
    key = "" if method == NO_MAP else brain_key or map_key(spec.name, method, patches_field)
    check_map(dataset, method, key)
    field = embedding_field(spec.name)
    path = vector_path(dataset, patches_field, field)
    shown = ids_in(dataset_or_view, patches_field)[1]
    return EmbeddingsPlan(
        spec=spec,
        patches_field=patches_field,
        field=field,
        items=sum(map(len, shown)),
        with_vector=dataset_or_view.count(path) if dataset_or_view.has_field(path) else 0,
        brain_key=key,
        replaces=bool(key) and dataset.has_brain_run(key),
        method=method,
    )
