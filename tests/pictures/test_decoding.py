"""Pixels equal Pillow's, and a damaged file is never a picture."""

from __future__ import annotations

import io
import os
import random
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from fathomnet_voxel51.ingest.media import measure_in
from fathomnet_voxel51.pictures import decoding as pictures
from fathomnet_voxel51.pictures.decoding import (
    PictureError,
    decode_picture,
    depth_note,
    open_picture,
)
from PIL import Image
from PIL.ExifTags import Base

from ..embeddings.tiny import picture


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def with_alpha(seed: int) -> Image.Image:
    image = picture(seed).convert("RGBA")
    image.putalpha(picture(seed + 1).convert("L"))
    return image


def grey_16(seed: int) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 1 << 16, (90, 160))
    return Image.fromarray(values.astype(np.uint16))


def rgb_16() -> bytes:
    values = np.random.default_rng(3).integers(0, 1 << 16, (90, 160, 3)).astype(np.uint16)
    return bytes(imagecodecs.png_encode(values))


FILES: dict[str, Callable[[], bytes]] = {
    "rgb": lambda: encoded(picture(0)),
    "rgb, one colour transparent": lambda: encoded(picture(0), transparency=(1, 2, 3)),
    "rgba": lambda: encoded(with_alpha(0)),
    "grey": lambda: encoded(picture(0).convert("L")),
    "grey, one level transparent": lambda: encoded(picture(0).convert("L"), transparency=7),
    "grey and alpha": lambda: encoded(with_alpha(0).convert("LA")),
    "palette": lambda: encoded(picture(0).quantize(32)),
    "palette, one colour transparent": lambda: encoded(picture(0).quantize(32), transparency=3),
    "1 bit": lambda: encoded(picture(0).convert("1")),
    "16-bit grey": lambda: encoded(grey_16(0)),
    "16-bit rgb": rgb_16,
    "animated png": lambda: encoded(
        picture(0), save_all=True, append_images=[picture(1)], default_image=True
    ),
    "one pixel": lambda: encoded(picture(0, 1, 1)),
    "jpeg": lambda: encoded(picture(0), "JPEG"),
    "grey jpeg": lambda: encoded(picture(0).convert("L"), "JPEG"),
    "cmyk jpeg": lambda: encoded(picture(0).convert("CMYK"), "JPEG"),
    "jpeg turned by exif": lambda: encoded(picture(0), "JPEG", exif=turned()),
    "webp": lambda: encoded(picture(0), "WEBP"),
    "tiff": lambda: encoded(picture(0), "TIFF"),
    "bmp": lambda: encoded(picture(0), "BMP"),
    "gif": lambda: encoded(picture(0), "GIF"),
}


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_pixels_are_those_of_pillow(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(FILES[kind]())
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(open_picture(path), expected, strict=True)


@pytest.mark.parametrize("kind", ["rgb", "rgba", "grey"])
def test_common_pictures_take_the_fast_way(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pillow(*_: object) -> pictures.Pixels:
        raise AssertionError("Pillow was asked")

    monkeypatch.setattr(pictures, "_by_pillow", pillow)
    path = tmp_path / "file.png"
    path.write_bytes(FILES[kind]())
    assert open_picture(path).shape == (90, 160, 3)


def camera(bits: int, colours: int = 0) -> bytes:
    """A picture of a camera with so many bits, stored in 16."""
    shape = (9, 16, colours) if colours else (9, 16)
    values = np.random.default_rng(bits).integers(0, 1 << bits, shape).astype(np.uint16)
    values.flat[0] = (1 << bits) - 1
    return bytes(imagecodecs.png_encode(values))


@pytest.mark.parametrize(
    ("content", "by_pillow", "by_high_byte"),
    [
        pytest.param(camera(8), "", "8-bit data.* nearly black", id="8"),
        pytest.param(camera(10), "10-bit data.* white; .*", "10-bit data.* nearly black", id="10"),
        pytest.param(camera(12), "12-bit data.* white; .*", "12-bit data.* nearly black", id="12"),
        pytest.param(camera(16), "16-bit data.* white; .*", "", id="16"),
        pytest.param(camera(12, 3), "12-bit.* nearly black", "12-bit.* nearly black", id="12, rgb"),
        pytest.param(camera(16, 3), "", "", id="16, rgb"),
        pytest.param(encoded(picture(0)), "", "", id="8 in 8"),
        pytest.param(encoded(Image.new("L", (9, 9))), "", "", id="black"),
    ],
)
def test_data_of_fewer_bits_than_they_are_stored_in_are_noted(
    content: bytes, by_pillow: str, by_high_byte: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.png"
    path.write_bytes(content)
    notes: list[str] = []
    seen = open_picture(path, noted=notes.append)
    assert re.fullmatch(by_pillow, " ".join(notes)), notes
    assert "nearly black" not in by_pillow or seen.max() < 16
    assert "white" not in by_pillow or (seen == 255).mean() > 0.7
    noted = depth_note(decode_picture(content), content, clips=False)
    assert re.fullmatch(by_high_byte, noted), noted


def outcome_of_pillow(data: bytes) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))
    except Exception:
        return None


@pytest.mark.parametrize("kind", ["rgb", "rgba", "grey", "palette", "jpeg"])
def test_a_damaged_file_is_judged_as_pillow_judges_it(kind: str, tmp_path: Path) -> None:
    whole = FILES[kind]()
    draw = random.Random(0)
    damaged = [whole[:cut] for cut in range(0, len(whole), len(whole) // 40 + 1)]
    damaged += [whole[:-cut] for cut in range(1, 20)]
    for _ in range(60):
        changed = bytearray(whole)
        changed[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        damaged.append(bytes(changed))
    path = tmp_path / "file"
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        expected = outcome_of_pillow(data)
        if expected is None:
            refused += 1
            with pytest.raises(PictureError):
                open_picture(path)
        else:
            np.testing.assert_array_equal(open_picture(path), expected)
    assert refused > 30


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_text("<html>404</html>"), "not an image of a known format"),
        (lambda path: path.mkdir(), "not a regular file"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.write_bytes(FILES["rgb"]()[:2000]), "cannot be decoded"),
    ],
)
def test_what_is_no_picture_is_named(
    make: Callable[[Path], object], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.png"
    make(path)
    with pytest.raises(PictureError, match=reason):
        open_picture(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_that_would_fill_the_memory_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("L", (30_000, 3_000)).save(path)
    with pytest.raises(PictureError, match="30,000 x 3,000 pixels are more than"):
        open_picture(path)


UNDONE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What turns a picture so that a viewer that obeys the orientation shows it as it was."""


def oriented(
    path: Path, orientation: int, form: str, size: tuple[int, int] = (60, 40)
) -> tuple[int, int]:
    """Writes a picture whose upper left quarter is red, if it is shown as its EXIF data say."""
    meant = Image.new("RGB", size, "blue")
    meant.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    meant.transpose(UNDONE[orientation]).save(path, form, exif=exif)
    return meant.size


def is_as_meant(pixels: np.ndarray) -> bool:
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    red = pixels[: height - 8, : width - 8].astype(int).mean(axis=(0, 1))
    others = (pixels[height + 8 :], pixels[:, width + 8 :])
    return bool(red[0] > 200 > 60 > red[2]) and all(
        blue.mean(axis=(0, 1))[2] > 200 > 60 > blue.mean(axis=(0, 1))[0] for blue in others
    )


FORMS = ["JPEG", "PNG", "TIFF", "WEBP"]


@pytest.mark.parametrize("size", [(60, 40), (60, 60)], ids=["oblong", "square"])
@pytest.mark.parametrize("orientation", UNDONE)
@pytest.mark.parametrize("form", FORMS)
def test_a_picture_is_turned_where_that_gives_it_the_size_of_the_catalog(
    tmp_path: Path, orientation: int, form: str, size: tuple[int, int]
) -> None:
    """Also where the size is the same either way: the App and whoever drew boxes see it turned."""
    path = tmp_path / "picture"
    width, height = oriented(path, orientation, form, size)
    pixels = open_picture(path, (width, height))
    assert pixels.shape == (height, width, 3) and is_as_meant(pixels)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("form", [form for form in FORMS if form != "TIFF"])  # turned by Pillow
def test_a_picture_whose_stored_size_is_the_catalog_s_is_not_turned(
    tmp_path: Path, orientation: int, form: str
) -> None:
    """Boxes that were drawn on the pixels as they are stored are cut from these."""
    path = tmp_path / "picture"
    width, height = oriented(path, orientation, form)
    assert open_picture(path, (height, width)).shape == (width, height, 3)
    assert open_picture(path).shape == (width, height, 3)


@pytest.mark.parametrize("mark", ["eXIf", "Raw profile type exif", "XML:com.adobe.xmp"])
def test_the_orientation_of_a_png_is_found_wherever_programs_write_it(
    tmp_path: Path, mark: str
) -> None:
    path = tmp_path / "picture.png"
    size = oriented(path, 3, "PNG")
    with Image.open(path) as image:
        exif = image.getexif().tobytes().removeprefix(b"Exif\0\0")
        turned = image.convert("RGB")
    plain = encoded(turned)
    held = {
        "eXIf": chunk(b"eXIf", exif),
        "Raw profile type exif": chunk(
            b"zTXt",
            b"Raw profile type exif\0\0"
            + zlib.compress(
                f"\nexif\n{len(exif) + 6:8}\n{(b'Exif' + bytes(2) + exif).hex()}\n".encode()
            ),
        ),
        "XML:com.adobe.xmp": chunk(
            b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="3"/>'
        ),
    }[mark]
    path.write_bytes(plain[:-12] + held + plain[-12:])
    assert is_as_meant(open_picture(path, size))


@pytest.mark.parametrize(
    ("name", "size"), [("a.png", (640, 480)), ("a.jpg", (40, 60)), ("a.bmp", (61, 40))]
)
def test_a_picture_of_another_size_is_refused_with_both_and_not_decoded(
    tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    path = tmp_path / name
    Image.new("RGB", (60, 40)).save(path)
    # Cut off in its pixels: whoever decoded it would find another fault.
    path.write_bytes(path.read_bytes()[:-12])
    said = f"is 60 x 40 pixels, but {size[0]} x {size[1]} in the COCO file"
    with pytest.raises(PictureError, match=f"^{said}$"):
        open_picture(path, size)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_LARGE = zlib.compress(b"x" * 3_000_000)
METADATA: dict[str, Callable[[], bytes]] = {
    "compressed text": lambda: chunk(b"zTXt", b"k\0\0" + _LARGE),
    "xmp": lambda: chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + _LARGE),
    "colour profile": lambda: chunk(b"iCCP", b"p\0\0" + _LARGE),
    "many texts": lambda: chunk(b"tEXt", b"k\0" + b"x" * 1000) * 68_000,
    "unreadable exif": lambda: chunk(b"eXIf", b"x" * 2_000),
}


@pytest.mark.parametrize("at_end", [False, True], ids=["before the pixels", "after them"])
@pytest.mark.parametrize("kind", METADATA)
def test_a_png_is_read_whatever_it_says_beside_its_pixels(
    kind: str, at_end: bool, tmp_path: Path
) -> None:
    plain = encoded(grey_16(0))
    place = len(plain) - 12 if at_end else 33
    path = tmp_path / "told.png"
    path.write_bytes(plain[:place] + METADATA[kind]() + plain[place:])
    (tmp_path / "plain.png").write_bytes(plain)
    assert np.array_equal(open_picture(path, (160, 90)), open_picture(tmp_path / "plain.png"))
    with pytest.raises(PictureError, match="is 160 x 90 pixels, but 90 x 160 in the COCO file"):
        open_picture(path, (90, 160))
    assert measure_in([str(tmp_path)])("told.png") == (160, 90)
