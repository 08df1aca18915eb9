"""Builds and opens indexes of stored vectors, for search by text, by image and by example."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..dataset.columns import dataset_of
from ..dataset.records import Basis, bring_up_to_date, read_record
from ..dataset.schema import pictured
from ..dataset.vectors import EmbeddingRecord, vector_path
from ..errors import DatasetError, Fault, InputError, SetupError
from ..models import ModelSpec, model_spec
from ..names import (
    DEFAULT_MODEL,
    EXACT_BACKEND,
    EXACT_OF_THE_BRAIN,
    GROUND_TRUTH,
    LANCEDB,
    MONGODB,
    embedding_field,
    embedding_run_key,
    similarity_key,
)
from ..progress import Progress, silent
from .mapped import Rows, to_bytes, to_text
from .neighbours import cosines

_CLIENTS: Final = {
    "elasticsearch": ("elasticsearch",),
    LANCEDB: ("lancedb",),
    "milvus": ("pymilvus",),
    "mosaic": ("databricks-ai-search",),
    "pgvector": ("psycopg2-binary", "psycopg2"),
    "pinecone": ("pinecone-client",),
    "qdrant": ("qdrant-client",),
    "redis": ("redis",),
}
"""The distributions of which a backend needs one, by the names that FiftyOne itself uses."""


@dataclass(frozen=True, slots=True)
class SimilarityResult:
    """The outcome of ``build_similarity_index``.

    Attributes:
        indexed: boxes or images that can be found.
        supports_prompts: whether they can be found by text.
        brain_key: the index's key.
    """

    indexed: int
    supports_prompts: bool
    brain_key: str


@dataclass(frozen=True, slots=True)
class SearchIndex:
    """An index that was opened to score all its members.

    Attributes:
        ids: ids of the boxes or, for an index of whole images, of the images.
        sample_ids: ids of their images, of the same length.
        model: the name of the model that made the vectors, see ``models``.
        patches_field: the field of boxes; ``""`` for whole images.
        rows: the vectors as they are stored, memory-mapped.
    """

    ids: Sequence[str]
    sample_ids: Sequence[str]
    model: str
    patches_field: str
    rows: Rows

    def member(self, sample_id: str, label_id: str) -> str:
        """The id under which a label is here: of its box or, if that is a crop, of its image."""
        return label_id if self.patches_field else sample_id

    @property
    def matrix(self) -> npt.NDArray[np.float32]:
        """The vectors scaled to length 1, (N, D) float32; a copy in memory."""
        return self.rows.matrix * self.rows.inverse[:, None]

    def scores(self, vectors: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """The cosine of every member with every vector.

        Args:
            vectors: (Q, D), of any length.

        Returns:
            (Q, N); a vector's scores do not depend on the other vectors.
        """
        return cosines(self.rows.matrix, np.atleast_2d(np.asarray(vectors, dtype=np.float64)))


def build_similarity_index(
    dataset_or_view: Any,
    model: str = DEFAULT_MODEL,
    patches_field: str = GROUND_TRUTH,
    brain_key: str = "",
    backend: str = EXACT_BACKEND,
    progress: Progress = silent,
) -> SimilarityResult:
    """Makes an index of the vectors that ``compute_embeddings`` stored, or remakes it.

    Nothing is embedded and no model is loaded. The index remembers the model by its name in
    FiftyOne's zoo, so the App and later sessions embed queries with the same model.

    Args:
        dataset_or_view: a FiftyOne dataset or view; only what a view shows is indexed.
        model: the model that made the vectors; ``imported/<key>`` for those of a file.
        patches_field: the field of boxes; ``""`` for whole images, which a field of the labels of
            crops means too.
        brain_key: the index's key; empty derives it from model and field.
        backend: ``sklearn`` for exact search on one machine; see the operator's page for others.
        progress: called with the share done and a label.

    Raises:
        InputError: the model or the backend is unknown, or the key cannot be used.
        DatasetError: there are no vectors of this model.
        SetupError: the backend's client is not installed, or its server cannot be reached.
    """
    from .backends import RunSettings, build_elsewhere, build_exact
    from .rows import know_model

    dataset = dataset_of(dataset_or_view)
    bring_up_to_date(dataset)
    key = checked_key(dataset, model, patches_field, brain_key, backend)
    patches_field = pictured(dataset, patches_field)
    spec = spec_of_vectors(dataset, model, patches_field)
    know_model(spec.name)
    progress(0.0, "reading the vectors")
    asked = {"model": model, "patches_field": patches_field, "backend": backend}
    basis = Basis.now(dataset_or_view, "index", key, (patches_field,), asked | {"brain_key": key})
    field = embedding_field(model_spec(model).name)
    settings = RunSettings(spec, field, patches_field, key, backend)
    build = build_exact if backend == EXACT_BACKEND else build_elsewhere
    indexed = build(dataset_or_view, dataset, settings, progress)
    if not indexed:
        raise _not_embedded(dataset_or_view, model_spec(model), patches_field)
    basis.write(dataset)
    noun = "boxes" if patches_field else "images"
    progress(1.0, f"{indexed:,} {noun} can be searched as {key}")
    return SimilarityResult(indexed, spec.supports_prompts, key)


def spec_of_vectors(dataset: Any, model: str, patches_field: str) -> ModelSpec:
    """The model that embeds what vectors are searched by.

    Args:
        dataset: a FiftyOne dataset.
        model: whose the vectors are; of imported ones ``imported/`` and their key.
        patches_field: the field of boxes; ``""`` for whole images.

    Returns:
        The model itself; for imported vectors the one whose texts lie in the same space, if the
        import named one.
    """
    spec = model_spec(model)
    record = read_record(dataset, embedding_run_key(spec.name, patches_field), EmbeddingRecord)
    return model_spec(record.text_model) if record is not None and record.text_model else spec


def checked_key(dataset: Any, model: str, patches_field: str, brain_key: str, backend: str) -> str:
    """The key that an index would get; raises the errors of ``build_similarity_index``.

    Args:
        dataset: a FiftyOne dataset.
        model: see ``build_similarity_index``.
        patches_field: likewise.
        brain_key: likewise.
        backend: likewise.
    """
    spec, patches_field = model_spec(model), pictured(dataset, patches_field)
    key = brain_key or similarity_key(spec.name, patches_field)
    problem = None
    if not key.isidentifier():
        problem = f"{key!r} is no key: a letter, then letters, digits and _"
    elif dataset.has_brain_run(key):
        kind = dataset.get_brain_info(key).config.type
        if kind != "similarity":
            problem = f"{key!r} is the key of a {kind} run; choose another, or delete that run"
    if problem:
        raise InputError("build_similarity_index", [Fault("brain_key", problem)])
    check_backend(backend, patches_field)
    path = vector_path(dataset, patches_field, embedding_field(spec.name))
    if dataset.get_field(path) is None:
        raise _not_embedded(dataset, spec, patches_field)
    return key


def backend_names() -> tuple[str, ...]:
    """The backends to choose from: ours first, then FiftyOne's as configured."""
    import fiftyone.brain as fob

    others = sorted(set(fob.brain_config.similarity_backends) - {EXACT_BACKEND})
    return (EXACT_BACKEND, EXACT_OF_THE_BRAIN, *others)


def check_backend(name: str, patches_field: str) -> None:
    """Refuses a backend that cannot be used for these vectors, before anything is read.

    Raises:
        InputError: there is no such backend, or it cannot hold vectors of boxes.
        SetupError: its client is not installed.
    """
    known = backend_names()
    if name not in known:
        problem = f"there is no backend {name!r}; known: {', '.join(known)}"
        raise InputError("build_similarity_index", [Fault("backend", problem)])
    if name == MONGODB and patches_field:
        problem = "MongoDB's vector search holds vectors of whole images only; choose another"
        raise InputError("build_similarity_index", [Fault("backend", problem)])
    clients = _CLIENTS.get(name, ())
    if clients and not any(_is_installed(client) for client in clients):
        raise SetupError(
            f"backend {name!r} needs its client, which is not installed: pip install {clients[0]}"
        )


def indexes_of(dataset: Any, field: str) -> list[str]:
    """The keys of the indexes of what shows the labels of a field, the usual one first.

    Args:
        dataset: a FiftyOne dataset.
        field: of boxes, or of the one label of each crop, which its whole image shows.

    Raises:
        DatasetError: the field holds no labels.
    """
    boxes = pictured(dataset, field)
    keys = dataset.list_brain_runs(type="similarity", patches_field=boxes or None)
    usual = similarity_key(DEFAULT_MODEL, boxes)
    return sorted(keys, key=lambda key: (key != usual, key))


def open_index(dataset: Any, brain_key: str) -> SearchIndex:
    """Opens an index to score all its members.

    Args:
        dataset: a FiftyOne dataset.
        brain_key: the key of a similarity index, with any backend.

    Raises:
        DatasetError: there is no such index.
    """
    if not dataset.has_brain_run(brain_key):
        known = ", ".join(dataset.list_brain_runs(type="similarity")) or "none"
        raise DatasetError(
            f"dataset {dataset.name!r} has no similarity index {brain_key!r} (it has: {known}); "
            "run build_similarity_index first"
        )
    index = dataset.load_brain_results(brain_key)
    config = None if index is None else index.config
    if config is None or config.type != "similarity":
        raise DatasetError(
            f"brain run {brain_key!r} of dataset {dataset.name!r} is no finished similarity "
            "index; run build_similarity_index again"
        )
    index.reload()
    patches_field = config.patches_field or ""
    model = getattr(config, "fathomnet_model", None) or config.model or ""
    if hasattr(index, "rows"):
        rows, ids, samples = index.rows, to_text(index.rows.ids), to_text(index.rows.sample_ids)
    else:
        matrix, samples, labels = index.get_embeddings()
        ids = labels if patches_field else samples
        vectors = np.asarray(matrix, dtype=np.float32)
        rows = Rows.of(vectors, to_bytes(ids.tolist()), to_bytes(samples.tolist()))
    return SearchIndex(ids.tolist(), samples.tolist(), model, patches_field, rows)


def _not_embedded(view: Any, spec: ModelSpec, patches_field: str) -> DatasetError:
    where = f"the boxes of {patches_field!r}" if patches_field else "the images"
    return DatasetError(
        f"there are no vectors of {spec.name!r} on {where} of this dataset or view "
        f"({dataset_of(view).name!r}); run compute_embeddings with model {spec.name!r} first"
    )


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
