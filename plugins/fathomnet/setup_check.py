"""What is installed, connected and reachable; each line with a fix."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from .dataset.collection import is_enterprise
from .fields import PLUGIN_NAME
from .progress import Progress, silent

Status = Literal["ok", "warn", "fail"]

DISK_WARN_BYTES = 30 * 1024**3
"""The whole dataset's images take 24.15 GiB; below this free space a full mirror does not fit."""
DISK_FAIL_BYTES = 1024**3
OLDEST_MONGODB = (6, 0)
"""FiftyOne 1.22's minimum; older servers lack the aggregation stages that labels use."""
BUCKET_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    Attributes:
        name: what was looked at.
        status: ``ok``, ``warn`` (works, with a limit) or ``fail``.
        detail: what was found.
        fix: what to do about it; empty when nothing needs doing.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class SetupReport:
    checks: tuple[Check, ...]


def check_setup(media_root: str = "", progress: Progress = silent) -> SetupReport:
    """Looks at everything the stages rely on; never raises for what it finds.

    Args:
        media_root: ``gs://bucket/prefix`` or a folder to try; empty to skip it.
        progress: told which check runs.
    """
    steps: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("Python", _python),
        ("FiftyOne", _fiftyone),
        ("plugin", _plugin),
        ("database", _database),
        ("credentials", lambda: _credentials(media_root)),
        ("media root", lambda: _media_root(media_root)),
        ("disk", _disk),
        ("models", _models),
    )
    checks: list[Check] = []
    for number, (name, step) in enumerate(steps):
        progress(number / len(steps), f"checking {name}")
        checks.extend(_safely(name, step))
    progress(1.0, f"{len(checks)} checks done")
    return SetupReport(tuple(checks))


def _safely(name: str, step: Callable[[], Iterator[Check]]) -> list[Check]:
    """A check that itself breaks is a finding too: the report must always come."""
    try:
        return list(step())
    except Exception as error:  # whatever a broken installation raises
        return [Check(name, "fail", f"{type(error).__name__}: {error}", "see the message")]


def _python() -> Iterator[Check]:
    version = platform.python_version()
    yield Check("Python", "ok", f"{version} on {platform.system()} {platform.machine()}")


def _fiftyone() -> Iterator[Check]:
    version = metadata.version("fiftyone")
    edition = "Enterprise" if is_enterprise() else "open source"
    yield Check("FiftyOne", "ok", f"{version}, {edition}")


def _plugin() -> Iterator[Check]:
    import fiftyone.plugins as fop

    names = [plugin.name for plugin in fop.list_plugins()]
    if PLUGIN_NAME in names:
        yield Check("plugin", "ok", f"FiftyOne sees {PLUGIN_NAME}")
        return
    yield Check(
        "plugin",
        "warn",
        f"FiftyOne does not see {PLUGIN_NAME}: the App and delegated workers cannot run it",
        "fiftyone plugins download <repository url>, or set FIFTYONE_PLUGINS_DIR",
    )


def _database() -> Iterator[Check]:
    import fiftyone as fo
    import fiftyone.core.odm as foo

    started = time.perf_counter()
    version = foo.get_db_conn().client.server_info()["version"]
    milliseconds = 1000 * (time.perf_counter() - started)
    where = "the server of FIFTYONE_DATABASE_URI" if fo.config.database_uri else "embedded"
    detail = f"MongoDB {version}, {where}, answered in {milliseconds:.0f} ms"
    numbers = tuple(int(part) for part in version.split(".")[:2])
    if numbers < OLDEST_MONGODB:
        yield Check("database", "fail", detail, "use MongoDB 6.0 or newer")
    else:
        yield Check("database", "ok", detail)


def _credentials(media_root: str) -> Iterator[Check]:
    if not media_root.startswith("gs://"):
        yield Check("credentials", "ok", "not needed: no gs:// media root was named")
        return
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        yield Check("credentials", "ok", "a storage emulator is configured; none are needed")
        return
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        credentials, project = google.auth.default()
    except DefaultCredentialsError as error:
        fix = "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS"
        yield Check("credentials", "fail", str(error).splitlines()[0], fix)
        return
    account = getattr(credentials, "service_account_email", None) or "a user's credentials"
    if project is None:
        fix = "gcloud config set project NAME, or set GOOGLE_CLOUD_PROJECT"
        yield Check("credentials", "warn", f"{account}, no project found", fix)
        return
    yield Check("credentials", "ok", f"{account}, project {project}")


def _media_root(media_root: str) -> Iterator[Check]:
    if not media_root:
        yield Check("media root", "warn", "none named", "give media_root to have it checked")
    elif media_root.startswith("gs://"):
        yield _bucket(media_root)
    else:
        yield _folder(Path(media_root).expanduser())


def _bucket(media_root: str) -> Check:
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    name, _, prefix = media_root.removeprefix("gs://").partition("/")
    try:
        found = _first_objects(name, prefix)
    except (GoogleAPIError, GoogleAuthError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        fix = "check the bucket's name, and that your account may list it (Storage Object Viewer)"
        return Check("media root", "fail", f"bucket {name}: {reason}", fix)
    what = "objects are there" if found else "it is empty"
    return Check("media root", "ok", f"bucket {name} can be listed; under {prefix or '/'} {what}")


def _first_objects(bucket: str, prefix: str) -> list[Any]:
    from google.cloud import storage

    emulated = bool(os.environ.get("STORAGE_EMULATOR_HOST"))
    client = storage.Client.create_anonymous_client() if emulated else storage.Client()
    listing = client.list_blobs(
        bucket, prefix=prefix, max_results=1, timeout=BUCKET_TIMEOUT_SECONDS, retry=None
    )
    return list(listing)


def _folder(folder: Path) -> Check:
    if not folder.is_dir():
        return Check("media root", "fail", f"there is no folder {folder}", f"mkdir -p {folder}")
    if not os.access(folder, os.W_OK):
        return Check("media root", "warn", f"{folder} can be read but not written", "chmod u+w")
    splits = sorted(entry.name for entry in folder.glob("*_images") if entry.is_dir())
    return Check("media root", "ok", f"{folder} holds {', '.join(splits) or 'no images yet'}")


def _disk() -> Iterator[Check]:
    import fiftyone as fo

    places = {"disk for media": Path.home()}
    if not fo.config.database_uri and fo.config.database_dir:
        places["disk for the database"] = Path(fo.config.database_dir)
    for name, place in places.items():
        free = shutil.disk_usage(_existing(place)).free
        detail = f"{free / 1024**3:.1f} GiB free at {place}"
        if free < DISK_FAIL_BYTES:
            yield Check(name, "fail", detail, "free some space")
        elif name == "disk for media" and free < DISK_WARN_BYTES:
            yield Check(name, "warn", detail, "a full copy of the images needs 25 GiB")
        else:
            yield Check(name, "ok", detail)


def _existing(place: Path) -> Path:
    return next(parent for parent in (place, *place.parents) if parent.exists())


def _models() -> Iterator[Check]:
    needed = {"torch": "torch", "open_clip": "open-clip-torch", "transformers": "transformers"}
    absent = [pip for module, pip in needed.items() if importlib.util.find_spec(module) is None]
    if absent:
        fix = f"{Path(sys.executable).name} -m pip install 'fathomnet-voxel51[models]'"
        detail = f"not installed: {', '.join(absent)}; only embeddings need them"
        yield Check("models", "warn", detail, fix)
        return
    versions = ", ".join(f"{pip} {metadata.version(pip)}" for pip in needed.values())
    yield Check("models", "ok", versions)
