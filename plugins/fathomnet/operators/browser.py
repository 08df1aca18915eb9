"""Small files that a person's browser brings or takes, beside those that the server can reach.

In the App a path is one of the server's. Who has no access to its folders or to a bucket can upload
a file from a form, and be sent what is written.
"""

import base64
import binascii
import contextlib
import hashlib
import mimetypes
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from fiftyone.operators import types

from ..errors import Fault, InputError
from ..files.places import place
from ..files.writing import write_whole
from ..parameters import Parameters, Widget, title, widget
from ..resources import kept_in

UPLOAD: Final = "_upload_"
"""What the name of a field begins with that takes a file in place of a path."""
UPLOADS: Final = "_uploads"
DOWNLOAD: Final = "_download"

LARGEST: Final = 5 << 20
"""Bytes of a file: two of them, in base64, fit into one document of the queue."""
UPLOADS_VARIABLE: Final = "FATHOMNET_UPLOADS"
KEPT_DAYS: Final = 30
"""Uploads that nobody has asked for as long are deleted when the next one comes."""
DOWNLOADS_VARIABLE: Final = "FATHOMNET_DOWNLOADS"

_FOLDER: Final = re.compile("[0-9a-f]{16}")
_TOO_LARGE: Final = (
    f"More than {LARGEST >> 20} MB: put it where the server can read it, or into a bucket"
)


def add_uploads(inputs: Any, model: type[Parameters], values: Mapping[str, Any]) -> None:
    """Adds to a form the fields that take a file each, once these are asked for."""
    files = {name: info for name, info in model.model_fields.items() if widget(info) is Widget.FILE}
    if not files or not hasattr(types, "UploadedFile"):
        return
    inputs.bool(UPLOADS, label="Upload from my computer", default=False, view=types.CheckboxView())
    for name, info in files.items() if values.get(UPLOADS) else ():
        words = {
            "label": f"{title(info, name)}, uploaded",
            "description": f"Taken in place of the path above; at most {LARGEST >> 20} MB",
        }
        view = types.FileView(max_size=LARGEST, max_size_error_message=_TOO_LARGE, **words)
        # Not types.UploadedFile: its time of change comes back from the queue as another kind of
        # number, which FiftyOne refuses.
        upload = types.Object()
        upload.str("name")
        upload.str("content")
        inputs.define_property(f"{UPLOAD}{name}", upload, view=view, **words)


def add_download(inputs: Any, ctx: Any) -> None:
    """Adds to a form the choice to be sent what is written, where the App can."""
    if hasattr(ctx.ops, "browser_download"):
        words = "Send the files to my browser, if it is run now and not scheduled"
        inputs.bool(DOWNLOAD, label=words, default=False, view=types.CheckboxView())


def given(values: Mapping[str, Any], writes_to: str, dataset: Any) -> dict[str, Any]:
    """What a form holds, with a path on this machine for each uploaded file.

    Args:
        values: of the form.
        writes_to: the parameter that names where files are written, if there is one; where it is
            empty and they are only to be sent, a folder of this machine's own is named.
        dataset: the dataset that is open, or None.

    Raises:
        InputError: an upload is too large, or is no file.
    """
    paths = {}
    for key, upload in values.items():
        if not key.startswith(UPLOAD) or not isinstance(upload, Mapping):
            continue
        parameter = key.removeprefix(UPLOAD)
        try:
            content = base64.b64decode(upload.get("content") or "", validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise InputError("upload", [Fault(parameter, "the upload cannot be read")]) from None
        if len(content) > LARGEST:
            raise InputError("upload", [Fault(parameter, _TOO_LARGE[:1].lower() + _TOO_LARGE[1:])])
        # By its content, so that a form that is drawn again keeps it once.
        uploads = kept_in("uploads", UPLOADS_VARIABLE)
        folder = uploads / hashlib.sha256(content).hexdigest()[:16]
        name = re.sub(r"[^\w.-]", "_", str(upload.get("name") or ""))[-80:].lstrip(".")
        file = folder / (name or "file")
        if file.exists():
            file.touch()
        else:
            _delete_old(uploads)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(file, content)
        paths[parameter] = str(file)
    if values.get(DOWNLOAD) and writes_to and not values.get(writes_to) and dataset is not None:
        own = re.sub(r"[^\w.-]", "_", dataset.name)
        paths[writes_to] = str(kept_in("downloads", DOWNLOADS_VARIABLE) / own)
    return {**values, **paths}


def _delete_old(uploads: Path) -> None:
    """Deletes uploads that nobody has asked for in ``KEPT_DAYS``; whatever else is there stays."""
    oldest = time.time() - KEPT_DAYS * 24 * 3600
    for folder in uploads.glob("*"):
        if _FOLDER.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            # Another process may be doing the same.
            with contextlib.suppress(OSError):
                if max(file.stat().st_mtime for file in (folder, *folder.iterdir())) < oldest:
                    shutil.rmtree(folder)


def send(ctx: Any, files: Iterable[str]) -> None:
    """Sends files to the browser of whoever runs an operator."""
    for file in files:
        content = place(file).read_bytes()
        name = PurePosixPath(file).name
        if len(content) > LARGEST:
            ctx.ops.notify(f"{name} is too large to be sent; it is {file}", variant="warning")
            continue
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        letters = base64.b64encode(content).decode()
        ctx.ops.browser_download(f"data:{kind};base64,{letters}", filename=name)
