"""Vectors of boxes and images, and their maps."""

from .compute import EmbeddingsResult, check_embeddings, compute_embeddings

__all__ = [
    "EmbeddingsResult",
    "check_embeddings",
    "compute_embeddings",
]
