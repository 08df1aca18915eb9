"""The embedding models by name, and what FiftyOne's model zoo sees of them."""

from .embedders import (
    IMAGE_PROCESSOR,
    Embedder,
    ModelSpec,
    find_weights,
    load_embedder,
    load_zoo_model,
    model_names,
    model_spec,
    register_zoo_models,
)

__all__ = [
    "IMAGE_PROCESSOR",
    "Embedder",
    "ModelSpec",
    "find_weights",
    "load_embedder",
    "load_zoo_model",
    "model_names",
    "model_spec",
    "register_zoo_models",
]
