"""The similarity backends by name: the project's exact one, and all that FiftyOne knows."""

from copy import deepcopy
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, Final

import numpy as np
from eta.core.utils import get_class

from ..dataset.vectors import Vectors
from ..errors import Fault, InputError, SetupError
from ..names import EXACT_BACKEND

SKLEARN: Final = "sklearn"
EXACT_OF_THE_BRAIN: Final = "sklearn-brain"
LANCEDB: Final = "lancedb"
MONGODB: Final = "mongodb"

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


def backend_names() -> tuple[str, ...]:
    """The backends to choose from: ours first, then FiftyOne's as configured."""
    import fiftyone.brain as fob

    others = sorted(set(fob.brain_config.similarity_backends) - {SKLEARN})
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


def make_config(name: str, field: str, **settings: Any) -> Any:
    """The configuration of a run with one of FiftyOne's backends.

    Args:
        name: one of ``backend_names``, except for the exact one.
        field: the attribute or field of the vectors.
        **settings: of ``fiftyone.brain.similarity.SimilarityConfig``.
    """
    import fiftyone.brain as fob

    configured = deepcopy(
        fob.brain_config.similarity_backends[SKLEARN if name == EXACT_OF_THE_BRAIN else name]
    )
    config_cls = configured.pop("config_cls")
    if name == LANCEDB and "://" not in (configured.get("uri") or ""):
        from .lance import RememberedLanceDBSimilarityConfig, new_folder

        configured["uri"] = new_folder(configured.get("uri"))
        config_cls = RememberedLanceDBSimilarityConfig
    if name == MONGODB:
        # Atlas indexes lists of numbers, not FiftyOne's vectors: it gets a field of its own.
        settings["embeddings_field"] = f"{field}_list"
    if isinstance(config_cls, str):
        config_cls = get_class(config_cls)
    return config_cls(**configured, **settings)


def build_index(config: Any, dataset: Any, brain_key: str, vectors: Vectors) -> None:
    """Registers a run and gives its backend the vectors; if that fails, nothing is left.

    Raises:
        SetupError: the backend could not be reached or refused them; its error is the cause.
    """
    try:
        run = config.build()
        run.ensure_requirements()
        run.register_run(dataset, brain_key, overwrite=False)
        index = run.initialize(dataset, brain_key)
        labels = np.array(vectors.ids) if config.patches_field else None
        index.add_to_index(vectors.matrix, np.array(vectors.sample_ids), label_ids=labels)
        run.save_run_results(dataset, brain_key, index)
    except Exception as error:
        if dataset.has_brain_run(brain_key):
            dataset.delete_brain_run(brain_key)
        raise SetupError(
            f"backend {config.method!r} did not take the vectors: {error}\n"
            "How each one is configured: docs/operators/build_similarity_index.md"
        ) from error


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
