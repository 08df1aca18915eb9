"""Runs of a transfer, and what they left where."""

from __future__ import annotations

import json
from pathlib import Path

from fathomnet_voxel51.media.transfer import TransferResult, download_images, upload_images

from tests.media.jobs import QUICK
from tests.media.sink import BUCKET, Sink

ROOT = f"gs://{BUCKET}/fathomnet"
FOLDER = "fathomnet/train_images"


def upload(catalog: str, root: str = ROOT, **options: object) -> TransferResult:
    values = {"allow_private_hosts": True, "policy": QUICK} | options
    return upload_images(catalog, "train", root, **values)


def download(catalog: str, folder: Path, **options: object) -> TransferResult:
    values = {"allow_private_hosts": True, "policy": QUICK} | options
    return download_images(catalog, "train", str(folder), **values)


def counts(result: TransferResult) -> dict[str, int]:
    named = ("stored", "present", "missing", "rejected", "failed")
    found = {name: getattr(result, name) for name in named if getattr(result, name)}
    assert sum(found.values()) == result.total
    return found


def in_bucket(sink: Sink) -> dict[str, bytes]:
    return {name.removeprefix(f"{FOLDER}/"): sink.content(name) for name in sink.objects}


def in_folder(root: Path) -> dict[str, bytes]:
    folder = root / "train_images"
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def outcomes(result: TransferResult) -> dict[str, dict[str, object]]:
    lines = map(json.loads, Path(result.ledger).read_text().splitlines()[1:])
    return {line["name"]: line for line in lines}
