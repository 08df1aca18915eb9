"""From image files to pixels."""

from .ahead import parts_ahead
from .decoding import (
    PictureError,
    decode_picture,
    depth_note,
    faults_in_words,
    of_size,
    read_picture,
    shown_size,
    without_texts,
)

__all__ = [
    "PictureError",
    "decode_picture",
    "depth_note",
    "faults_in_words",
    "of_size",
    "parts_ahead",
    "read_picture",
    "shown_size",
    "without_texts",
]
