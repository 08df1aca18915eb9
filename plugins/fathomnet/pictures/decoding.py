"""Image files that somebody brought, read whole and decoded, or the reason why not."""

import io
import math
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base

FORMATS: Final = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
"""Pillow knows more formats, some of which start other programs (EPS)."""

MAX_PIXELS: Final = 89_478_485
"""Pillow warns of a decompression bomb above this; 350 MB of memory. An 8K frame has 33 M."""

_LONGEST_REASON: Final = 200
_NEARLY_BLACK: Final = 14
"""Bits of 16, at most, of which the high byte shows hardly anything."""


class PictureError(ValueError):
    """An image cannot be used; the message is the reason, without the path."""


def read_picture(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        PictureError: the file is missing, empty, not a regular file, or cannot be read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise PictureError("not a regular file")  # reading a pipe could wait for ever
        if not status.st_size:
            raise PictureError("the file is empty")
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError("no such file") from None
    except PictureError:
        raise
    except (OSError, ValueError) as error:
        raise PictureError(_reason("cannot be read", error)) from error


Size = tuple[int, int]
"""Width and height, in pixels."""

_TURNED: Final = (2, 3, 4, 5, 6, 7, 8)
"""Orientations of EXIF data that show the rows otherwise than they are stored."""
_SIDEWAYS: Final = (5, 6, 7, 8)
"""Those that make columns of the rows."""


def decode_picture(data: bytes, size: Size | None = None) -> Image.Image:
    """Decodes the picture in a file's bytes; of an animation, the first frame.

    Boxes count the pixels of the picture that whoever drew them has seen, and that the App shows.
    So the picture is turned or mirrored as its EXIF data say, where that gives it the size that the
    catalog says; otherwise these data are ignored. What has another size is not decoded: its header
    tells. Texts and colour profiles of a PNG that are larger than Pillow reads are left out: boxes
    need none.

    Args:
        data: the bytes.
        size: what the catalog says; None where nobody knows.

    Raises:
        PictureError: the bytes are damaged, too many pixels, or not an image, or the picture has
            another size, so that boxes lie elsewhere in it.
    """
    try:
        return _decoded(data, size)
    except PictureError:
        lean = without_texts(data)
        if len(lean) == len(data):
            raise
    return _decoded(lean, size)


def _decoded(data: bytes, size: Size | None) -> Image.Image:
    with faults_in_words(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            size_in_words = f"{image.width:,} x {image.height:,} pixels"
            raise PictureError(f"{size_in_words} are more than {MAX_PIXELS:,}")
        fitting = of_size(image, size)
        fitting.load()
        return fitting


_PNG: Final = b"\x89PNG\r\n\x1a\n"
_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


def without_texts(data: bytes) -> bytes:
    """A PNG without its texts and its colour profile, pixel for pixel the same; others as they are.

    Pillow refuses a file with a text of more than a megabyte, or 64 of them together, as a bomb.

    Examples:
        >>> picture = io.BytesIO()
        >>> Image.new("L", (1, 1)).save(picture, "PNG")
        >>> plain = picture.getvalue()
        >>> text = bytes([0, 0, 0, 3]) + b"tEXt" + b"a=b" + bytes(4)
        >>> without_texts(plain[:33] + text + plain[33:]) == plain == without_texts(plain)
        True
    """
    if not data.startswith(_PNG):
        return data
    kept, place = [_PNG], len(_PNG)
    while place < len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] not in _TEXTS:
            kept.append(data[place:end])
        place = end
    return b"".join(kept)


def of_size(image: Image.Image, size: Size | None) -> Image.Image:
    """The picture as the catalog means it, whose boxes count its pixels; see ``decode_picture``.

    Args:
        image: with its EXIF data; it need not be decoded.
        size: what the catalog says; None where nobody knows.

    Raises:
        PictureError: it has another size, turned or not.
    """
    if size is None:
        return image
    if shown_size(image) == size and _orientation(image) in _TURNED:
        image.load()  # of a TIFF this turns it already, and takes the orientation away
        turned = ImageOps.exif_transpose(image)
        if turned.size == size:
            return turned
    if image.size == size:
        return image
    (width, height), (wide, high) = image.size, size
    raise PictureError(f"is {width} x {height} pixels, but {wide} x {high} in the COCO file")


def shown_size(image: Image.Image) -> Size:
    """Width and height of an image as its EXIF data say that it is shown; it need not be decoded.

    Raises:
        ValueError: the texts of a PNG are larger than Pillow reads.
    """
    if _orientation(image) not in _SIDEWAYS:
        return image.size
    # Of a TIFF, some versions of Pillow give the size as it is shown.
    tags = getattr(image, "tag_v2", {})
    width, height = (tags.get(tag) for tag in (Base.ImageWidth, Base.ImageLength))
    return (height or image.height, width or image.width)


def _orientation(image: Image.Image) -> int | None:
    try:
        found = image.getexif().get(Base.Orientation)
    except (SyntaxError, struct.error):  # such data say nothing, and the picture may be sound
        return None
    return found if isinstance(found, int) else None


def depth_note(image: Image.Image, data: bytes, clips: bool) -> str:
    """What is to be known of a picture that has 16 bits a colour, before it is seen in 8.

    Cameras with 10, 12 or 14 bits leave the highest empty.

    Args:
        image: the decoded picture.
        data: the bytes of its file.
        clips: whether greys above 255 become white, as by Pillow; else the high byte is seen.

    Returns:
        In words; empty for most pictures.

    Examples:
        >>> depth_note(Image.fromarray(np.array([[0, 4095]], np.uint16)), b"", clips=False)
        '12-bit data in 16 bits, of which the high byte is seen: nearly black'
    """
    is_grey = image.mode.startswith("I")
    if is_grey:
        highest = max(int(np.asarray(image).max()), 0)
    elif data.startswith(_PNG_START) and data[24:25] == b"\x10":
        highest = (int(np.asarray(image).max()) << 8) + 255  # Pillow keeps the high bytes
    else:
        return ""
    bits = min(highest.bit_length(), 16)
    what = f"{bits}-bit data in 16 bits"
    if is_grey and clips:
        return f"{what}: all values above 255 are white; store 8 bits" if bits > 8 else ""
    return f"{what}, of which the high byte is seen: nearly black" if bits <= _NEARLY_BLACK else ""


@contextmanager
def faults_in_words() -> Iterator[None]:
    """Turns any error of decoding or converting an image into a PictureError."""
    try:
        yield
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(f"not an image of a known format ({', '.join(FORMATS)})") from None
    except Exception as error:  # a damaged file makes Pillow raise whatever its decoder hits
        raise PictureError(_reason("cannot be decoded", error)) from error


def _reason(what: str, error: Exception) -> str:
    # An OSError's own text repeats the path, which on a cluster says more than a report should.
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{what}: {text}"[:_LONGEST_REASON]


Pixels = npt.NDArray[np.uint8]
"""(height, width, 3): red, green and blue."""

_PNG_START: Final = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_EXIF_OF_PNG: Final = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")
_PLAIN_COLOURS: Final = (0, 2, 6)
"""Grey, RGB and RGBA, by their codes in a PNG's header."""


def open_picture(
    path: Path, size: Size | None = None, noted: Callable[[str], object] = str
) -> Pixels:
    """Reads and decodes a whole file, pixel for pixel as Pillow's ``convert("RGB")`` does.

    So transparency is dropped, palettes and 1-bit pictures become the colours they stand for, and
    16-bit grey becomes whatever Pillow makes of it. Of an animation, the first frame is taken.

    Args:
        path: the file.
        size: what the catalog says, by which ``decode_picture`` knows whether to turn the picture;
            None where nobody knows.
        noted: called with what is to be known of a picture that can be used.

    Raises:
        PictureError: the file is missing, too large, damaged, not an image, or of another size.
    """
    data = read_picture(path)
    pixels = _plain_png(data, size)
    return _by_pillow(data, size, noted) if pixels is None else pixels


def _plain_png(data: bytes, size: Size | None) -> Pixels | None:
    """The pixels of a PNG that libspng decodes as Pillow does, in about two thirds of the time.

    Returns:
        The pixels; None for any other file, for one of another size, and if libspng finds a fault,
        so that Pillow decides.
    """
    if not data.startswith(_PNG_START) or len(data) < 29:
        return None
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    is_plain = depth == 8 and colour in _PLAIN_COLOURS and not interlaced
    before, after = data.find(b"IDAT"), data.rfind(b"IDAT")
    is_animated = b"acTL" in data[:before]
    # Pillow reads these data from a chunk of their own, and from texts of other programs.
    may_be_turned = size is not None and any(
        data.find(mark, 0, before) >= 0 or data.find(mark, after) >= 0 for mark in _EXIF_OF_PNG
    )
    is_other = may_be_turned or size not in (None, (width, height))
    if not is_plain or is_animated or is_other or not 0 < width * height <= MAX_PIXELS:
        return None
    try:
        from imagecodecs import spng_decode
    except ImportError:
        return None
    try:
        decoded: Pixels = spng_decode(data)
    except Exception:  # whatever it is, Pillow reports it, or decodes the file after all
        return None
    if decoded.ndim == 2:
        return np.repeat(decoded[..., None], 3, axis=2)
    return decoded[..., :3]


def _by_pillow(data: bytes, size: Size | None, noted: Callable[[str], object]) -> Pixels:
    with faults_in_words():
        image = decode_picture(data, size)
        if note := depth_note(image, data, clips=True):
            noted(note)
        image.info.pop("transparency", None)  # Pillow would warn that it does not apply it
        return np.asarray(image.convert("RGB"))


CROP_RULE: Final = 1
"""Increased when the rule changes which pixels a box holds, so that vectors are made again."""

_LOST: Final = 1e-6
"""Far less than a pixel, but more than a division and a multiplication of floats lose."""

BoundingBox = Sequence[float]
"""FiftyOne's: left, top, width and height, relative to the image."""


class BoxError(ValueError):
    """A box holds no pixel; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole pixels inside an image, at least one of them."""

    left: int
    top: int
    right: int
    bottom: int


def window_of(bounding_box: BoundingBox, width: int, height: int) -> Window:
    """The pixels of a box, with each edge rounded down, as FiftyOne cuts its patches.

    Unlike in FiftyOne, an edge that was a whole pixel in the catalog stays one, although it has
    been divided by the image's size since; parts beyond the image are left out; and a box narrower
    than a pixel holds the pixel where it begins.

    Raises:
        BoxError: the box has no area, lies outside the image, or has a non-finite number.

    Examples:
        >>> window_of((0.25, 0.5, 0.5, 0.75), width=100, height=60)
        Window(left=25, top=30, right=75, bottom=60)
    """
    if len(bounding_box) != 4 or not all(map(math.isfinite, bounding_box)):
        raise BoxError("the box is no rectangle")
    x, y, wide, high = bounding_box
    if wide <= 0 or high <= 0:
        raise BoxError("the box has no area")
    left, right = _span(x, wide, width)
    top, bottom = _span(y, high, height)
    if left >= right or top >= bottom:
        raise BoxError("the box lies outside the image")
    return Window(left, top, right, bottom)


def _span(start: float, extent: float, length: int) -> tuple[int, int]:
    first = math.floor(start * length + _LOST)
    end = max(first + 1, math.floor((start + extent) * length + _LOST))
    return max(0, first), min(length, end)


def cut_patch(picture: Pixels, window: Window) -> Image.Image:
    """Cuts a patch out of an image, as a picture of its own."""
    rows, columns = slice(window.top, window.bottom), slice(window.left, window.right)
    return Image.fromarray(np.ascontiguousarray(picture[rows, columns]))


def small_jpeg(patch: Image.Image, largest: tuple[int, int]) -> bytes:
    """A patch as a JPEG file of so many pixels at most; the patch itself is made smaller."""
    patch.thumbnail(largest, Image.Resampling.LANCZOS)
    patch.save(sink := io.BytesIO(), "JPEG", quality=80)
    return sink.getvalue()
