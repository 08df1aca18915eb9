"""COCO files that are wrong or odd.

Each is a small sound file with a single change, so that the change is what a refusal must name.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import pickle
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from tests.support.malformed_file import MalformedFile

URL = "https://database.fathomnet.org/static/m3/framegrabs/Ventana/images/3980/08_10_20_27.png"
SOUND_COCO: dict[str, Any] = {
    "info": {"year": 2025},
    "images": [
        {"id": 1, "file_name": "a.png", "width": 100, "height": 50, "coco_url": URL},
        {"id": 2, "file_name": "b.png", "width": 200, "height": 80, "coco_url": URL},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 30], "area": 600.0},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [0, 0, 100, 50], "area": 5000.0},
        {"id": 3, "image_id": 2, "category_id": 1, "bbox": [5, 5, 5, 5], "area": 25.0},
    ],
    "categories": [{"id": 1, "name": "Funiculina"}, {"id": 2, "name": "Porifera"}],
}
HUGE = 200_000_000


def coco_bytes(
    change: Callable[[dict[str, Any]], object] = lambda coco: None, indent: int | None = 1
) -> bytes:
    """The sound COCO file after a change to it."""
    coco = deepcopy(SOUND_COCO)
    change(coco)
    return json.dumps(coco, indent=indent).encode()


def _coco(name: str, *places: str, raw: bytes | None = None, **how: Any) -> MalformedFile:
    """A COCO file of these raw bytes, or the sound one after one of these changes.

    ``image``, ``box`` or ``category`` update the second record of their list, ``without`` deletes
    a member of it; ``top`` updates the top level, ``dropped`` deletes members of that.
    """
    content = raw if raw is not None else coco_bytes(lambda coco: _change(coco, **how))
    return MalformedFile(name, "annotations.json", content, places, accepted=not places)


def _change(coco: dict[str, Any], **how: Any) -> None:
    lists = {"image": "images", "box": "annotations", "category": "categories"}
    for kind, section in lists.items():
        coco[section][1].update(how.get(kind, {}))
    for section, member in how.get("without", ()):
        del coco[section][1][member]
    coco.update(how.get("top", {}))
    for member in how.get("dropped", ()):
        del coco[member]


def _huge_coco(path: Path) -> None:
    """A sound file of 200 MB, nearly all of it one run-length segmentation that is ignored."""
    before, after = coco_bytes(
        lambda coco: coco["annotations"][1].update(segmentation={"counts": "@"})
    ).split(b"@")
    with path.open("wb") as file:
        file.write(before)
        for _ in range(HUGE // 1_000_000):
            file.write(b"Pa01" * 250_000)
        file.write(after)


_SOUND = coco_bytes()
_LATIN_1 = _SOUND.replace(b"Porifera", "Porifér".encode("latin-1"))

MALFORMED_COCO: list[MalformedFile] = [
    # the file as a whole
    _coco("0 bytes", "annotations.json", "empty (0 bytes)", raw=b""),
    _coco("white space only", "line 3, column 1", "cut off", raw=b" \n\n"),
    _coco("cut off between records", "line", "the file looks cut off", raw=_SOUND[:300]),
    _coco("cut off inside a name", "cut off", raw=_SOUND[: _SOUND.index(b"Porifera") + 3]),
    _coco("cut off before the last brace", "cut off", raw=_SOUND[:-1]),
    _coco("text after the end", "more text follows", raw=_SOUND + b'{"id": 1}'),
    _coco("a comma too many", "line 3, column 1", raw=b'{"images": [\n1,\n]}'),
    _coco("single quotes", "line 1, column 2", "double quotes", raw=b"{'images': []}"),
    _coco("Latin-1", "byte", "0xe9", "UTF-8", raw=_LATIN_1),
    _coco("UTF-16 without a mark", "line 1", "UTF-16", raw=_SOUND.decode().encode("utf-16-le")),
    _coco("a ZIP archive", "ZIP archive", "Unpack it", raw=b"PK\x03\x04" + bytes(60)),
    _coco("compressed with bzip2", "bzip2", "Unpack it", raw=bz2.compress(_SOUND)),
    _coco("compressed with xz", "xz", "Unpack it", raw=lzma.compress(_SOUND)),
    _coco("a pickle", "a pickle of Python", raw=pickle.dumps({})),
    _coco("a line of text", "line 1", "is no JSON", raw=b"404: Not Found"),
    _coco("neither list", "top level", "1 other member", raw=b'{"error": {"code": 404}}'),
    _coco("compressed with gzip", "gzip", raw=gzip.compress(_SOUND)),
    _coco("a list at the top", "top level", "a list of 2", raw=b"[1, 2]"),
    _coco("text at the top", "top level", raw=b'"images"'),
    _coco("nested too deeply", "too deeply", raw=b'{"info": ' + b"[" * 200_000),
    _coco("an endless number", "endless number", raw=b'{"info": ' + b"9" * 5_000 + b"}"),
    _coco("images twice", "images: stands in the file twice", raw=b'{"images":[],"images":[]}'),
    # the lists
    _coco("no images member", "images: is missing", dropped=["images"]),
    _coco("no annotations member", "annotations: is missing", dropped=["annotations"]),
    _coco("images empty", "images: is empty", top={"images": [], "annotations": []}),
    _coco("images an object", "images: should be a list, not an object", top={"images": {}}),
    _coco("annotations null", "annotations: should be a list, not null", top={"annotations": None}),
    _coco(
        "categories missing but named", "categories: is missing", "3 boxes", dropped=["categories"]
    ),
    _coco("categories empty but named", "categories: is missing or empty", top={"categories": []}),
    # images
    _coco(
        "image not an object", "images[0]: should be an object, not null", top={"images": [None]}
    ),
    _coco("image id with a fraction", "images[1].id", "not 2.5", image={"id": 2.5}),
    _coco("image id an empty text", "images[1].id: should be a whole number", image={"id": " "}),
    _coco("image id true", "images[1].id", "not true", image={"id": True}),
    _coco("image id null", "images[1].id", "not null", image={"id": None}),
    _coco("image id missing", "images[1].id: is missing", without=[("images", "id")]),
    _coco("image id negative", "images[1] (id -1).id: should be at least 0", image={"id": -1}),
    _coco("image id beyond 64 bits", "images[1]", "at most", image={"id": 2**64}),
    _coco("image id twice", "images[1] (id 1).id", "images[0]", image={"id": 1}),
    _coco("width missing", "images[1] (id 2).width: is missing", without=[("images", "width")]),
    _coco("width zero", "images[1] (id 2).width: should be at least 1", image={"width": 0}),
    _coco("width a word", "images[1] (id 2).width", "'wide'", image={"width": "wide"}),
    _coco(
        "height of no camera", "images[1] (id 2).height: should be at most", image={"height": 10**9}
    ),
    _coco("file name empty", "images[1] (id 2).file_name", "empty", image={"file_name": ""}),
    _coco("file name a number", "images[1] (id 2).file_name", image={"file_name": 7}),
    _coco(
        "file name climbs out",
        "images[1] (id 2).file_name",
        "'..'",
        image={"file_name": "../b.png"},
    ),
    _coco(
        "file name climbs out inside", "(id 2).file_name", "'..'", image={"file_name": "a/../../b"}
    ),
    _coco("file name absolute", "(id 2).file_name", "absolute", image={"file_name": "/etc/b.png"}),
    _coco("file name with a drive", "(id 2).file_name", "absolute", image={"file_name": "C:b.png"}),
    _coco(
        "file name that climbs out by backslashes",
        "(id 2).file_name",
        "'..'",
        image={"file_name": "..\\b.png"},
    ),
    _coco(
        "file name in a bucket",
        "(id 2).file_name",
        "s3://",
        "media_root",
        image={"file_name": "s3://reef/b.png"},
    ),
    _coco(
        "file name of a Label Studio server",
        "(id 2).file_name",
        "Label Studio",
        "'reef/b.png'",
        image={"file_name": "/data/local-files/?d=reef/b.png"},
    ),
    _coco("file name with NUL", "(id 2).file_name", "printed", image={"file_name": "b\0.png"}),
    _coco("file name with odd space", "(id 2).file_name", "space", image={"file_name": "b.png "}),
    _coco("file name too long", "(id 2).file_name", "255 bytes", image={"file_name": "b" * 256}),
    _coco(
        "file name half a character", "(id 2).file_name", "printed", image={"file_name": "\ud800"}
    ),
    _coco("file name twice", "(id 2).file_name", "images[0]", image={"file_name": "a.png"}),
    _coco(
        "file name twice but for case",
        "(id 2).file_name",
        "images[0]",
        image={"file_name": "A.PNG"},
    ),
    _coco("URL of a script", "(id 2).coco_url", "http", image={"coco_url": "javascript:alert(1)"}),
    _coco(
        "URL of a local file", "(id 2).coco_url", "http", image={"coco_url": "file:///etc/passwd"}
    ),
    _coco(
        "URL with a password", "(id 2).coco_url", image={"coco_url": "https://me:secret@host/b.png"}
    ),
    _coco("URL a number", "(id 2).coco_url: should be text, not 3", image={"coco_url": 3}),
    # annotations
    _coco("annotation id twice", "annotations[1] (id 1).id", "annotations[0]", box={"id": 1}),
    _coco("image id dangling", "annotations[1] (id 2).image_id", "999", box={"image_id": 999}),
    _coco(
        "category id dangling", "annotations[1] (id 2).category_id", "99", box={"category_id": 99}
    ),
    _coco("category id a word", "annotations[1] (id 2)", "'squid'", box={"category_id": "squid"}),
    _coco(
        "bbox missing", "annotations[1] (id 2).bbox: is missing", without=[("annotations", "bbox")]
    ),
    _coco("bbox of three", "(id 2).bbox: should be a list of 4 numbers", box={"bbox": [1, 2, 3]}),
    _coco(
        "bbox of five", "(id 2).bbox: should be a list of 4 numbers", box={"bbox": [1, 2, 3, 4, 5]}
    ),
    _coco("bbox of words", "(id 2).bbox[2]: should be a number", box={"bbox": [1, 2, "3,5", 4]}),
    _coco("bbox of booleans", "(id 2).bbox[3]: should be a number", box={"bbox": [1, 2, 3, True]}),
    _coco(
        "bbox with NaN", "(id 2).bbox[0]: should be a finite", box={"bbox": [float("nan"), 2, 3, 4]}
    ),
    _coco(
        "bbox infinite", "(id 2).bbox[3]: should be a finite", box={"bbox": [1, 2, 3, float("inf")]}
    ),
    _coco("bbox without width", "(id 2).bbox: has no area", box={"bbox": [1, 2, 0, 4]}),
    _coco("bbox that is nothing", "(id 2).bbox: has no area", box={"bbox": [1, 2, 3, 5e-324]}),
    _coco("bbox of negative height", "(id 2).bbox: has no area", box={"bbox": [1, 2, 3, -4]}),
    _coco(
        "bbox right of its image", "(id 2).bbox: lies wholly outside", box={"bbox": [100, 0, 9, 9]}
    ),
    _coco("bbox above its image", "(id 2).bbox: lies wholly outside", box={"bbox": [0, -9, 9, 9]}),
    _coco("iscrowd two", "annotations[1] (id 2).iscrowd", box={"iscrowd": 2}),
    # categories
    _coco("category id twice", "categories[1] (id 1).id", "categories[0]", category={"id": 1}),
    _coco("category name null", "categories[1] (id 2).name", category={"name": None}),
    _coco("category name blank", "categories[1] (id 2).name: is empty", category={"name": " \t"}),
    # odd, and read all the same
    _coco("image id a text", image={"id": "2"}),
    _coco("image id with a decimal point", image={"id": 2.0}),
    _coco("width a text", image={"width": "200"}),
    _coco("annotation id a text", box={"id": "2"}),
    _coco("category id a text", box={"category_id": "2"}),
    _coco("bbox of text", box={"bbox": [1, 2, "3", 4]}),
    _coco("area negative", box={"area": -1.0}),
    _coco("area NaN", box={"area": float("nan")}),
    _coco("category id NaN", box={"category_id": float("nan")}),
    _coco("URL NaN", image={"coco_url": float("nan")}),
    _coco("URL that is a path", image={"coco_url": "./images/b.png"}),
    _coco("a file name below this folder", image={"file_name": "./b.png"}),
    _coco("a byte order mark", raw=b"\xef\xbb\xbf" + _SOUND),
    _coco("UTF-16 with a mark", raw=_SOUND.decode().encode("utf-16")),
    _coco("Windows line ends", raw=_SOUND.replace(b"\n", b"\r\n")),
    _coco("no category on a box", box={"category_id": None}),
    _coco("category name with odd space and case", category={"name": " pori\u0046era\u00a0\n"}),
    _coco("bbox less than a pixel outside", box={"bbox": [-0.4, 0, 100.8, 50]}),
    _coco("bbox partly outside", box={"bbox": [90, -10, 20, 30]}),
    _coco("no area and no iscrowd", box={"area": None, "iscrowd": None}),
    _coco("a date that is none", image={"date_captured": "yesterday"}),
    _coco("no URL at all", image={"coco_url": "", "flickr_url": None}),
    _coco("licences and info of no use", top={"info": float("nan"), "licenses": "none"}),
    _coco("licences that are none", top={"licenses": [None, 3, {}, {"id": [1], "name": "x"}]}),
    _coco("a licence of half a character", top={"licenses": [{"id": 1, "name": "\ud800 \0"}]}),
    _coco("an image's licence a list", image={"license": [1]}),
    _coco("an image's licence beyond 64 bits", image={"license": 2**64}),
    _coco("info with a number of 4,000 digits", top={"info": {"year": 10**3_999}}),
    MalformedFile("200 MB", "annotations.json", _huge_coco, accepted=True),
]
