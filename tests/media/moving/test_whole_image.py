"""Only a whole PNG or JPEG passes, however its bytes are cut on the way."""

from __future__ import annotations

import base64
import io
import json
import zlib
from itertools import pairwise

import pytest
from fathomnet_voxel51.media.moving.whole_image import ImageCheck
from fathomnet_voxel51.media.outcomes import RejectedError
from fathomnet_voxel51.media.store import Digest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.media.origin import jpeg, png


def check(image: bytes, pieces: list[bytes] | None = None, announced: int | None = None) -> Digest:
    following = ImageCheck(len(image) if announced is None else announced)
    for piece in [image] if pieces is None else pieces:
        following.feed(piece)
    return following.finish()


def crc32c(data: bytes) -> str:
    """CRC-32C bit by bit, after RFC 3720, appendix B.4."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return base64.b64encode((register ^ 0xFFFFFFFF).to_bytes(4, "big")).decode()


def drawn(kind: str, colours: str, **options: object) -> bytes:
    encoded = io.BytesIO()
    Image.linear_gradient("L").resize((37, 23)).convert(colours).save(encoded, kind, **options)
    return encoded.getvalue()


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    parts = len(content).to_bytes(4, "big"), kind, content
    return b"".join((*parts, zlib.crc32(kind + content).to_bytes(4, "big")))


SIGNATURE = b"\x89PNG\r\n\x1a\n"
IHDR, IDAT, IEND = chunk(b"IHDR", bytes(13)), chunk(b"IDAT", b"pixels"), chunk(b"IEND")

IMAGES = {
    "grey png": png(700, seed=1),
    "colour png": drawn("PNG", "RGB"),
    "palette png": drawn("PNG", "P", dpi=(72, 72)),
    "jpeg": jpeg(16),
    "colour jpeg": drawn("JPEG", "RGB", quality=80),
    "progressive jpeg": drawn("JPEG", "RGB", progressive=True, comment=b"rov"),
}
images = st.sampled_from(sorted(IMAGES)).map(IMAGES.__getitem__)


def test_the_checksum_of_these_tests_is_crc32c() -> None:
    assert base64.b64decode(crc32c(b"123456789")).hex() == "e3069283"  # the check value of CRC-32C


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES.keys())
def test_the_digest_is_what_cloud_storage_would_say(image: bytes) -> None:
    Image.open(io.BytesIO(image)).load()
    assert check(image) == Digest(size=len(image), crc32c=crc32c(image))


@pytest.mark.parametrize("size", [150, 151, 199, 4096, 100_003, 2_600_000])
def test_the_images_of_these_tests_have_the_size_that_was_asked_for(size: int) -> None:
    image = png(size, seed=size)
    Image.open(io.BytesIO(image)).load()
    assert check(image).size == len(image) == size


@settings(deadline=None)
@given(image=images, data=st.data())
def test_how_the_bytes_are_cut_changes_nothing(image: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(image)), max_size=20))
    edges = [0, *sorted(cuts), len(image)]
    assert check(image, [image[start:end] for start, end in pairwise(edges)]) == check(image)


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES.keys())
def test_the_type_is_known_as_soon_as_the_signature_is(image: bytes) -> None:
    following = ImageCheck(len(image))
    types = []
    for at in range(len(image)):
        following.feed(image[at : at + 1])
        types.append(following.content_type)
    before, kind = (7, "image/png") if image.startswith(b"\x89") else (2, "image/jpeg")
    assert types == [None] * before + [kind] * (len(image) - before)
    assert following.finish() == check(image)


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES.keys())
def test_no_beginning_of_an_image_passes_for_a_whole_one(image: bytes) -> None:
    for end in range(len(image)):
        with pytest.raises(RejectedError):
            check(image[:end])
        with pytest.raises(RejectedError, match=rf"only {end:,} of {len(image):,} announced|cut"):
            check(image[:end], announced=len(image))


@settings(deadline=None)
@given(image=images, more=st.binary(min_size=1, max_size=30))
def test_what_follows_the_end_belongs_to_the_file_and_is_noted(image: bytes, more: bytes) -> None:
    with pytest.raises(RejectedError, match=f"more bytes than the {len(image):,}"):
        check(image + more, announced=len(image))
    kind = "PNG" if image.startswith(b"\x89") else "JPEG"
    for pieces in ([image, more], [image + more], [image[:-1], image[-1:] + more]):
        following = ImageCheck(len(image + more))
        for piece in pieces:
            following.feed(piece)
        assert following.finish() == Digest(len(image + more), crc32c(image + more))
        if not more.endswith(b"\xff\xd9"):
            assert following.note == f"{len(more)} bytes follow the end of the {kind} image"


@pytest.mark.parametrize(
    "trailer", [b"\n", bytes(4096), b"<x:xmpmeta/>", jpeg(64, seed=2)], ids=len
)
@pytest.mark.parametrize("progressive", [False, True])
def test_an_end_inside_a_thumbnail_is_none(trailer: bytes, progressive: bool) -> None:
    """A camera's JPEG: a thumbnail with an end of its own before the pixels, a trailer after."""
    buffer = io.BytesIO()
    photograph = Image.effect_noise((80, 60), 90)
    photograph.save(buffer, "JPEG", progressive=progressive)
    thumbnail = jpeg(32, seed=1)
    segment = b"\xff\xe1" + (2 + len(thumbnail)).to_bytes(2, "big") + thumbnail
    image = buffer.getvalue()[:2] + segment + buffer.getvalue()[2:]
    Image.open(io.BytesIO(image)).load()
    assert check(image + trailer).size == len(image + trailer)
    for end in range(len(image) - 2, 2 + len(segment), -97):
        if image[:end].endswith(b"\xff\xd9"):
            continue
        with pytest.raises(RejectedError, match="without its end"):
            check(image[:end] + b"\0")


@settings(deadline=None)
@given(noise=st.binary(max_size=300))
def test_noise_is_no_image(noise: bytes) -> None:
    for beginning in (b"", SIGNATURE, SIGNATURE + IHDR):
        with pytest.raises(RejectedError):
            check(beginning + noise)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (SIGNATURE + IDAT + IEND, "damaged at byte 8"),
        (SIGNATURE + chunk(b"IHDR", bytes(14)) + IDAT + IEND, "damaged at byte 8"),
        (SIGNATURE + IHDR + IEND, "damaged at byte 33"),
        (SIGNATURE + IHDR + IHDR + IDAT + IEND, "damaged at byte 33"),
        (SIGNATURE + IHDR + IDAT + chunk(b"IEND", b"x"), "damaged at byte 51"),
        (SIGNATURE + IHDR + chunk(b"ID4T", b"x") + IEND, "damaged at byte 33"),
        (SIGNATURE + IHDR + IDAT, "without its end"),
        (SIGNATURE + IHDR + IDAT + IEND[:-1] + b"x" + bytes(12), "without its end"),
        (SIGNATURE + IHDR + IDAT + IEND[:-1] + b"x", "without its end"),
        (SIGNATURE + IHDR + b"\x7f\xff\xff\xffIDAT" + IEND, "cut off"),
        (SIGNATURE + IHDR + chunk(b"IDAT", b"x" * 9 + IEND)[:-4], "cut off"),
    ],
)
def test_a_png_is_walked_chunk_by_chunk(content: bytes, reason: str) -> None:
    with pytest.raises(RejectedError, match=reason):
        check(content)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "nothing at all"),
        (b"<!DOCTYPE html>\n<html><body>Maintenance</body></html>", "an HTML page"),
        (b"\xef\xbb\xbf\r\n  <HTML lang='en'>" + b"x" * 5000, "an HTML page"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "an XML or HTML document"),
        (json.dumps({"error": "quota"}).encode(), "a JSON document"),
        (drawn("GIF", "P"), "a GIF image"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(20), "a RIFF file that is no WebP image"),
        (b"BM" + bytes(60), "data that begins with the bytes 42 4d"),
        (b"II*\0", "data that begins with the bytes 49 49 2a 00"),
        (b"\x89PNG\n\x1a\n" + IHDR + IDAT + IEND, "a PNG image with a damaged signature"),
        ("Datei nicht gefunden: \u00fcber".encode(), "a text"),
        (("x" * 63 + "\u00fc").encode(), "a text"),
        (b"\x00\x01\x02\xff" * 40, "data that begins with the bytes 00 01 02 ff 00 01 02 ff"),
    ],
)
def test_what_is_no_image_is_named(content: bytes, named: str) -> None:
    for pieces in ([content], [content[at : at + 1] for at in range(len(content))]):
        with pytest.raises(RejectedError, match=f"^{named}.*, not a PNG, JPEG, TIFF, "):
            check(content, pieces)


@pytest.mark.parametrize(
    ("form", "kind"), [("TIFF", "image/tiff"), ("BMP", "image/bmp"), ("WEBP", "image/webp")]
)
def test_other_stills_are_taken_by_their_length(form: str, kind: str) -> None:
    image = drawn(form, "RGB")
    following = ImageCheck(len(image))
    for at in range(len(image)):
        following.feed(image[at : at + 1])
    assert (following.finish(), following.content_type) == (check(image), kind)
    for end in range(len(image)):
        with pytest.raises(RejectedError, match=rf"only {end:,} of {len(image):,} announced"):
            check(image[:end], announced=len(image))
    if form != "TIFF":
        with pytest.raises(RejectedError, match="cut off"):
            check(image[:-9])


@pytest.mark.parametrize("name", ["GIF", "AVIF"])
def test_a_format_that_is_not_taken_does_not_change_by_asking_again(name: str) -> None:
    content = {"GIF": drawn("GIF", "P"), "AVIF": b"\0\0\0\x20ftypavif" + bytes(200)}[name]
    with pytest.raises(RejectedError, match=name) as caught:
        check(content)
    assert not caught.value.again


def test_a_rejection_may_heal_at_the_source() -> None:
    with pytest.raises(RejectedError) as caught:
        check(b"<html>")
    assert caught.value.outcome == "rejected"
    assert caught.value.again
