"""COCO JSON, read and checked: the records that everything else starts from."""

from __future__ import annotations

from .catalog import BoxRecord, Catalog, ImageRecord, read_catalog

__all__ = [
    "BoxRecord",
    "Catalog",
    "ImageRecord",
    "read_catalog",
]
