"""Checks that bytes that stream by are one whole image, without holding them.

PNG and JPEG files are followed to their end; of TIFF, WebP and BMP files only the length is known.
Bytes after an image's end (padding, a phone's trailer) belong to the file, and are only noted.
"""

import codecs
import struct
import sys
from contextlib import suppress
from typing import Final, Literal

import google_crc32c
import numpy as np

from ..outcomes import RejectedError
from ..store import Digest

PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
TIFF: Final = "image/tiff"
WEBP: Final = "image/webp"
BMP: Final = "image/bmp"

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_BMP_HEADERS: Final = {size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124)}
_NAMES: Final = {PNG: "PNG", JPEG: "JPEG", TIFF: "TIFF", WEBP: "WebP", BMP: "BMP"}
_KINDS: Final = "PNG, JPEG, TIFF, WebP or BMP image"
_JPEG_END: Final = b"\xff\xd9"
_IEND_CHECKSUM: Final = b"\xaeB`\x82"
"""Of the empty chunk at a PNG's end, the same in every file."""
_HEADER: Final = struct.Struct(">I4s")
"""The header of a PNG chunk: its length and its type."""
_HEAD: Final = 64
"""Bytes that are examined to name what is not an image."""

_OTHER_KINDS: Final = (
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a RIFF file that is no WebP image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x89PNG", "a PNG image with a damaged signature"),
)
_PASSING_KINDS: Final = (
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<head", "an HTML page"),
    (b"<body", "an HTML page"),
    (b"<svg", "an SVG drawing"),
    (b"<", "an XML or HTML document"),
    (b"{", "a JSON document"),
    (b"[", "a JSON document"),
)


def kind_of(head: bytes) -> tuple[str | None, int]:
    """The kind of image that begins with these bytes, and the bytes that it says it has at least.

    Examples:
        >>> kind_of(b"RIFF" + bytes(4) + b"WEBP")
        ('image/webp', 8)
        >>> kind_of(b"GIF89a")
        (None, 0)
    """
    order: Literal["little", "big"] = "big" if head[:1] == b"M" else "little"
    kind, least = None, 0
    if head.startswith(_PNG_SIGNATURE):
        kind = PNG
    elif head.startswith(b"\xff\xd8\xff"):
        kind = JPEG
    elif head[:4] in (b"II*\0", b"MM\0*") and len(head) >= 8:
        kind, least = TIFF, int.from_bytes(head[4:8], order) + 1
    elif head[:4] in (b"II+\0", b"MM\0+") and len(head) >= 16:  # its larger form
        kind, least = TIFF, int.from_bytes(head[8:16], order) + 1
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        kind, least = WEBP, 8 + int.from_bytes(head[4:8], order)
    elif head[:2] == b"BM" and head[6:10] == bytes(4) and head[14:18] in _BMP_HEADERS:
        kind, least = BMP, int.from_bytes(head[2:6], order)
    return kind, least


class ImageCheck:
    """Follows one image as it streams by, and vouches for it at the end.

    It checks lengths, the order of a PNG's chunks, the segments of a JPEG and both ends, but
    decodes no pixel. Damage inside that does not change the length is left to the checksums of both
    sides.

    Args:
        size: bytes that the source announced.

    Attributes:
        content_type: such as ``image/png``; None until the signature has been seen.
        note: what is to be known of the image; empty until its end, and for most.
    """

    def __init__(self, size: int) -> None:
        self.content_type: str | None = None
        self.note = ""
        self._size = size
        self._received = 0
        self._crc32c = 0
        self._head = b""
        self._tail = b""
        self._parts: _PngChunks | _JpegSegments | None = None

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes.

        Raises:
            RejectedError: they cannot be part of a whole image of the announced size.
        """
        start = self._received
        self._received += len(chunk)
        if self._received > self._size:
            raise self._rejected(f"more bytes than the {self._size:,} that were announced")
        self._crc32c = google_crc32c.extend(self._crc32c, chunk)
        self._tail = (self._tail + chunk[-2:])[-2:]
        if self.content_type is None:
            # From the image's first byte on: it may come in small pieces.
            chunk, start = self._head + chunk, 0
            self._head = chunk[:_HEAD]
            # Once there is enough of it, what is no image is refused.
            kind, least = kind_of(self._head)
            if kind is not None and least > self._size:
                raise self._rejected(f"a {_NAMES[kind]} image that is cut off")
            if kind is None and len(self._head) == _HEAD:
                raise self._unknown()
            if kind in (PNG, JPEG):
                self._parts = _PngChunks(self._size) if kind == PNG else _JpegSegments()
            self.content_type = kind
        if self._parts is not None:
            try:
                self._parts.feed(chunk, start)
            except RejectedError as error:
                raise self._rejected(error.reason) from None

    def finish(self) -> Digest:
        """The digest of the image, once all of it has passed.

        Raises:
            RejectedError: it was not a whole image of the announced size.
        """
        checksum = self._crc32c.to_bytes(4, "big")
        if self._received != self._size:
            raise self._rejected(
                f"only {self._received:,} of {self._size:,} announced bytes", checksum
            )
        if self.content_type is None:
            raise self._unknown()
        if self._parts is not None:
            end = self._parts.end
            if self.content_type == JPEG and self._tail == _JPEG_END:
                end = self._size
            if end is None:
                what = f"a {_NAMES[self.content_type]} image without its end"
                raise self._rejected(what, checksum)
            if end < self._size:
                follow = f"{self._size - end:,} bytes follow"
                self.note = f"{follow} the end of the {_NAMES[self.content_type]} image"
        return Digest.of(self._received, checksum)

    def _unknown(self) -> RejectedError:
        described, may_change = _described(self._head)
        return self._rejected(f"{described}, not a {_KINDS}", again=may_change)

    def _rejected(self, reason: str, checksum: bytes = b"", again: bool = True) -> RejectedError:
        seen = f"{reason} {self._size} ".encode() + self._head + checksum
        return RejectedError(reason, again=again, seen=seen)


class _PngChunks:
    """Steps from one chunk header of a PNG to the next, skipping everything in between.

    Attributes:
        end: where the image ends; None until that is known.
    """

    def __init__(self, size: int) -> None:
        self.end: int | None = None
        self._size = size
        self._header_at = len(_PNG_SIGNATURE)
        self._header = b""
        self._has_pixels = False
        self._closing_at: int | None = None
        self._closing = b""

    def feed(self, piece: bytes, start: int) -> None:
        """Takes the piece of the file that begins at byte ``start``."""
        end = start + len(piece)
        while self._closing_at is None and self._header_at < end:
            if self._has_pixels and not self._header and self._skip_pixels(piece, start):
                continue
            at = max(self._header_at - start, 0)
            self._header += piece[at : at + 8 - len(self._header)]
            if len(self._header) < 8:
                return
            self._step(int.from_bytes(self._header[:4], "big"), self._header[4:])
            self._header = b""
        if self._closing_at is not None and len(self._closing) < len(_IEND_CHECKSUM):
            at = max(self._closing_at + len(self._closing) - start, 0)
            self._closing += piece[at : at + len(_IEND_CHECKSUM) - len(self._closing)]
            if self._closing == _IEND_CHECKSUM:
                self.end = self._closing_at + len(_IEND_CHECKSUM)

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
            self._closing_at = after - len(_IEND_CHECKSUM)
        self._has_pixels = self._has_pixels or kind == b"IDAT"
        self._header_at = after


class _JpegSegments:
    """Finds where a JPEG ends: at the first end marker after its pixels have begun.

    The segments before the pixels are stepped over, because a thumbnail in one of them has an end
    of its own.

    Attributes:
        end: where the image ends; None until that is known.
    """

    def __init__(self) -> None:
        self.end: int | None = None
        self._marker_at = 2
        self._marker = b""
        self._pixels_at: int | None = None
        self._last = b""

    def feed(self, piece: bytes, start: int) -> None:
        """Takes the piece of the file that begins at byte ``start``."""
        end = start + len(piece)
        while self._pixels_at is None and self._marker_at < end:
            at = max(self._marker_at + len(self._marker) - start, 0)
            self._marker += piece[at : at + 4 - len(self._marker)]
            if len(self._marker) < 4:
                return
            self._step()
        if self.end is None and self._pixels_at is not None and self._pixels_at < end:
            # An end marker may be cut in two.
            piece, start = self._last + piece, start - len(self._last)
            offset = max(self._pixels_at - start, 0)
            # Three times as fast as bytes.find, which stops at every 0xFF, one byte of 256.
            pixels = np.frombuffer(piece, np.uint8, offset=offset)
            if ((pixels[:-1] == _JPEG_END[0]) & (pixels[1:] == _JPEG_END[1])).any():
                self.end = start + piece.index(_JPEG_END, offset) + len(_JPEG_END)
            self._last = piece[-1:]

    def _step(self) -> None:
        """From a marker, of which four bytes are known, to the next."""
        first, kind, *length = self._marker
        if first == kind == 0xFF:  # one that fills up
            self._marker_at += 1
            self._marker = self._marker[1:]
            return
        self._marker_at += 2 + int.from_bytes(length, "big")
        self._marker = b""
        if first != 0xFF:
            # The way is lost: only an end marker at the very end is believed.
            self._marker_at = sys.maxsize
        elif kind == 0xDA:
            self._pixels_at = self._marker_at


def _described(head: bytes) -> tuple[str, bool]:
    """What people would call a file that begins with these bytes.

    Returns:
        and whether something else may come another time: a server's page may give way to an image.
    """
    if not head:
        return "nothing at all", True
    for signature, kind in _OTHER_KINDS:
        if head.startswith(signature):
            return kind, False
    if head[4:8] == b"ftyp":
        return "an AVIF or HEIC image or a video", False
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, kind in _PASSING_KINDS:
        if text.startswith(beginning):
            return kind, True
    with suppress(UnicodeDecodeError):
        # Unlike bytes.decode, it minds no character that the end of the head cuts in two.
        decoded = codecs.getincrementaldecoder("utf-8")().decode(head)
        if all(character.isprintable() or character.isspace() for character in decoded):
            return "a text", True
    return f"data that begins with the bytes {head[:8].hex(' ')}", True
