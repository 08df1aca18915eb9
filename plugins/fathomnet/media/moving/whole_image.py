"""Checks that bytes that stream by are one whole PNG or JPEG, without holding them."""

from __future__ import annotations

import base64
import codecs
import struct
from typing import Final

import google_crc32c

from ..outcomes import RejectedError
from ..store import Digest

PNG: Final = "image/png"
JPEG: Final = "image/jpeg"

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE: Final = b"\xff\xd8\xff"
# A PNG ends with an empty IEND chunk, whose checksum is the same in every file.
_ENDINGS: Final = {PNG: b"\0\0\0\0IEND\xaeB`\x82", JPEG: b"\xff\xd9"}
_NAMES: Final = {PNG: "PNG", JPEG: "JPEG"}
_LONGEST_ENDING: Final = 12
_HEADER: Final = struct.Struct(">I4s")
"""The header of a PNG chunk: its length and its type."""
_HEAD: Final = 64
"""Bytes that are examined to name what is not an image."""

_OTHER_KINDS: Final = (
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"BM", "a BMP image"),
    (b"RIFF", "a WebP image or another RIFF file"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"\x89PNG", "a PNG image with a damaged signature"),
)
_TEXT_KINDS: Final = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<head", "an HTML page"),
    (b"<body", "an HTML page"),
    (b"<svg", "an SVG drawing"),
    (b"<", "an XML or HTML document"),
    (b"{", "a JSON document"),
    (b"[", "a JSON document"),
)


class ImageCheck:
    """Follows one image as it streams by, and vouches for it at the end.

    It checks lengths, the order of a PNG's chunks and both ends, but decodes no pixel. Damage
    inside that does not change the length is left to the checksums of both sides.

    Args:
        size: bytes that the source announced.

    Attributes:
        content_type: ``image/png`` or ``image/jpeg``; None until the signature has been seen.
    """

    def __init__(self, size: int) -> None:
        self.content_type: str | None = None
        self._size = size
        self._received = 0
        self._crc32c = 0
        self._head = b""
        self._tail = b""
        self._chunks = _PngChunks(size)

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes.

        Raises:
            RejectedError: they cannot be part of a whole image of the announced size.
        """
        start = self._received
        self._received += len(chunk)
        if self._received > self._size:
            raise RejectedError(f"more bytes than the {self._size:,} that were announced")
        self._crc32c = google_crc32c.extend(self._crc32c, chunk)
        self._tail = (self._tail + chunk[-_LONGEST_ENDING:])[-_LONGEST_ENDING:]
        if self.content_type is None:
            self._head += chunk[: _HEAD - len(self._head)]
            if self._head.startswith(_PNG_SIGNATURE):
                self.content_type = PNG
            elif self._head.startswith(_JPEG_SIGNATURE):
                self.content_type = JPEG
            elif len(self._head) == _HEAD:
                raise RejectedError(f"{_described(self._head)}, not a PNG or JPEG image")
        if self.content_type == PNG:
            self._chunks.feed(chunk, start)

    def finish(self) -> Digest:
        """The digest of the image, once all of it has passed.

        Raises:
            RejectedError: it was not a whole image of the announced size.
        """
        if self._received != self._size:
            raise RejectedError(f"only {self._received:,} of {self._size:,} announced bytes")
        if self.content_type is None:
            raise RejectedError(f"{_described(self._head)}, not a PNG or JPEG image")
        ended = self._tail.endswith(_ENDINGS[self.content_type])
        if not ended or (self.content_type == PNG and not self._chunks.ended):
            raise RejectedError(f"a {_NAMES[self.content_type]} image without its end")
        checksum = base64.b64encode(self._crc32c.to_bytes(4, "big")).decode()
        return Digest(size=self._received, crc32c=checksum)


class _PngChunks:
    """Steps from one chunk header of a PNG to the next, skipping everything in between."""

    def __init__(self, size: int) -> None:
        self.ended = False
        self._size = size
        self._header_at = len(_PNG_SIGNATURE)
        self._header = b""
        self._has_pixels = False

    def feed(self, piece: bytes, start: int) -> None:
        """Takes the piece of the file that begins at byte ``start``."""
        end = start + len(piece)
        while self._header_at < end:
            if self._has_pixels and not self._header and self._skip_pixels(piece, start):
                continue
            at = max(self._header_at - start, 0)
            self._header += piece[at : at + 8 - len(self._header)]
            if len(self._header) < 8:
                return
            self._step(int.from_bytes(self._header[:4], "big"), self._header[4:])
            self._header = b""

    def _skip_pixels(self, piece: bytes, start: int) -> bool:
        """Skips the pixel chunks whose headers are in a piece; libpng writes one every 8 KiB.

        Returns:
            Whether there were any.
        """
        before = at = self._header_at - start
        while at <= len(piece) - _HEADER.size:
            length, kind = _HEADER.unpack_from(piece, at)
            if kind != b"IDAT":
                break
            at += length + 12
        self._header_at = start + at
        if self._header_at > self._size:
            raise RejectedError("a PNG image that is cut off: it is longer than its announced size")
        return at > before

    def _step(self, length: int, kind: bytes) -> None:
        after = self._header_at + length + 12  # the header, the content, its checksum
        first = self._header_at == len(_PNG_SIGNATURE)
        if not kind.isalpha() or first != (kind == b"IHDR") or (first and length != 13):
            raise RejectedError(f"a PNG image that is damaged at byte {self._header_at:,}")
        if after > self._size:
            raise RejectedError("a PNG image that is cut off: it is longer than its announced size")
        if kind == b"IEND":
            if length or not self._has_pixels:
                raise RejectedError(f"a PNG image that is damaged at byte {self._header_at:,}")
            if after != self._size:
                early = f"{self._size - after:,} bytes before the announced length"
                raise RejectedError(f"a PNG image that ends {early}")
            self.ended = True
        self._has_pixels = self._has_pixels or kind == b"IDAT"
        self._header_at = after


def _described(head: bytes) -> str:
    """What people would call a file that begins with these bytes."""
    if not head:
        return "nothing at all"
    for signature, kind in _OTHER_KINDS:
        if head.startswith(signature):
            return kind
    if head[4:8] == b"ftyp":
        return "an AVIF or HEIC image or a video"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, kind in _TEXT_KINDS:
        if text.startswith(beginning):
            return kind
    if _is_text(head):
        return "a text"
    return f"data that begins with the bytes {head[:8].hex(' ')}"


def _is_text(head: bytes) -> bool:
    try:
        # Unlike bytes.decode, it minds no character that the end of the head cuts in two.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)
