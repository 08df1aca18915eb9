"""Image files of every kind and condition: a picture, or a reason."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from fathomnet_inference.images import open_image
from fathomnet_voxel51.pictures.decoding import MAX_PIXELS, PictureError
from PIL import Image

COLOURS = np.random.default_rng(3).integers(0, 256, (20, 30, 3), np.uint8)


def write(path: Path, picture: Image.Image, **options: object) -> str:
    picture.save(path, **options)
    return path.name


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(COLOURS).save(file, kind)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it is large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


def reason(folder: Path, name: str) -> str:
    with pytest.raises(PictureError) as refused:
        open_image(folder, name)
    text = str(refused.value)
    assert str(folder) not in text
    assert len(text) <= 200
    return text


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_the_references_own_modes_stay(mode: str, tmp_path: Path) -> None:
    picture = Image.fromarray(COLOURS).convert(mode)
    found = open_image(tmp_path, write(tmp_path / "a.png", picture))
    assert found.mode == mode
    np.testing.assert_array_equal(np.asarray(found), np.asarray(picture))


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    found = open_image(tmp_path, write(tmp_path / "a.png", Image.fromarray(COLOURS[..., 0])))
    np.testing.assert_array_equal(np.asarray(found), COLOURS[..., :1].repeat(3, 2))


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    bits = COLOURS[..., 0] > 127
    found = open_image(tmp_path, write(tmp_path / "a.png", Image.fromarray(bits)))
    np.testing.assert_array_equal(np.asarray(found), (255 * bits[..., None]).repeat(3, 2))


def test_a_palette_becomes_its_colours_without_a_word_on_transparency(tmp_path: Path) -> None:
    indices = COLOURS[..., 0] % 4
    palette = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7]], np.uint8)
    picture = Image.fromarray(indices, "P")
    picture.putpalette(palette.tobytes())
    name = write(tmp_path / "a.png", picture, transparency=bytes([0, 255, 128, 255]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = open_image(tmp_path, name)
    np.testing.assert_array_equal(np.asarray(found), palette[indices])


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bit_grey_keeps_its_high_byte(suffix: str, tmp_path: Path) -> None:
    values = np.arange(0, 60000, 100, np.uint16).reshape(20, 30)
    found = open_image(tmp_path, write(tmp_path / f"a.{suffix}", Image.fromarray(values)))
    np.testing.assert_array_equal(np.asarray(found), (values // 256)[..., None].repeat(3, 2))


def test_thirty_two_bit_grey_is_clipped_to_sixteen(tmp_path: Path) -> None:
    values = np.array([[-5, 0, 255, 256, 65535, 70000]], np.int32)
    found = open_image(tmp_path, write(tmp_path / "a.tiff", Image.fromarray(values)))
    assert np.asarray(found)[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255]


def test_cmyk_is_converted(tmp_path: Path) -> None:
    picture = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    found = open_image(tmp_path, write(tmp_path / "a.tiff", picture))
    assert found.mode == "RGB"
    assert found.getpixel((1, 1)) == (0, 255, 255)


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    picture = Image.fromarray(np.zeros((4, 4), np.float32))
    assert "range" in reason(tmp_path, write(tmp_path / "a.tiff", picture))


def test_the_orientation_in_exif_is_ignored(tmp_path: Path) -> None:
    picture = Image.fromarray(COLOURS)
    exif = picture.getexif()
    exif[0x0112] = 6
    assert open_image(tmp_path, write(tmp_path / "a.png", picture, exif=exif)).size == (30, 20)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff", "gif", "bmp"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_file_is_refused(kind: str, kept: float, tmp_path: Path) -> None:
    whole = encoded(kind)
    (tmp_path / "a").write_bytes(whole[: int(kept * len(whole))])
    assert reason(tmp_path, "a")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "empty", id="no byte"),
        pytest.param(b"<html>404</html>", "known format", id="a web page"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", "known format", id="a program for Ghostscript"),
        pytest.param(encoded("png")[:20] + bytes(500), "", id="a PNG that turns to zeros"),
        pytest.param(bomb(9_460, 9_460), f"{MAX_PIXELS:,}", id="just too large"),
        pytest.param(bomb(60_000, 60_000), "", id="a bomb for Pillow too"),
        pytest.param(bomb(9_000, 9_000), "cannot be decoded", id="large, with nothing in it"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_no_whole_image_has_a_reason(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert words in reason(tmp_path, "a.png")


def test_a_missing_file_and_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    assert reason(tmp_path, "a.png") == "no such file"
    assert reason(tmp_path, "folder") == "not a regular file"
    assert reason(tmp_path, "pipe") == "not a regular file"
    assert "cannot be read" in reason(tmp_path, "loop")


@pytest.mark.parametrize(
    "name", ["../a.png", "sub/../../a.png", "{outside}/a.png", "", "a\0.png", "..", "x" * 300]
)
def test_a_name_does_not_leave_the_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    write(tmp_path / "a.png", Image.fromarray(COLOURS))
    assert reason(folder, name.format(outside=tmp_path)).startswith("file name")


def test_the_owners_links_are_followed(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    write(tmp_path / "a.png", Image.fromarray(COLOURS))
    (folder / "b.png").symlink_to(tmp_path / "a.png")
    assert open_image(folder, "b.png").size == (30, 20)
