"""Vectors of boxes and images, and their maps."""

from .compute import EmbeddingsResult, check_embeddings, compute_embeddings
from .importing import (
    ExportedEmbeddings,
    ImportedEmbeddings,
    check_embeddings_export,
    check_embeddings_import,
    export_embeddings,
    import_embeddings,
)

__all__ = [
    "EmbeddingsResult",
    "ExportedEmbeddings",
    "ImportedEmbeddings",
    "check_embeddings",
    "check_embeddings_export",
    "check_embeddings_import",
    "compute_embeddings",
    "export_embeddings",
    "import_embeddings",
]
