"""Indexes of stored vectors: search by text, by image and by example."""

from .index import SimilarityResult, build_similarity_index

__all__ = [
    "SimilarityResult",
    "build_similarity_index",
]
