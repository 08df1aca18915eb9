"""A stand-in for FiftyOne Enterprise, on open-source FiftyOne.

Enterprise itself cannot be had here. This imitates what its public documentation says of it
(docs.voxel51.com/enterprise: cloud-backed media, plugins, API connection), and no more: that a test
passes on it says that the project asks for nothing but what is documented, not that a deployment
behaves so. What it has:

- ``fiftyone.management``, by which the project tells the edition;
- ``gs://`` filepaths that FiftyOne keeps as they are;
- a cache of media: ``sample.local_path``, ``fo.media_cache``, and of collections
  ``download_media``, ``get_local_paths``, ``cache_stats`` and ``clear_media``;
- a user with a role and a permission on the dataset (``ctx.user``), and secrets that are in no
  environment (``ctx.secrets``);
- ``allow_distributed_execution``, and executors each of which is given a part of the target view;
- a database that is reached through a server only: see ``enterprise_database``.

Whatever is replaced is put back by the ``MonkeyPatch`` that was given.
"""

from __future__ import annotations

import contextlib
import enum
import importlib.machinery
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.storage as fos
import fiftyone.operators as foo
from fiftyone.core.sample import SampleView
from fiftyone.operators.executor import ExecutionContext
from google.cloud import storage
from pytest import MonkeyPatch

GCS: Final = "gs://"
SETTINGS: Final = "FATHOMNET_TEST_ENTERPRISE"
"""Environment variable by which a worker gets the deployment of the process that started it."""


class DatasetPermission(enum.Enum):
    """What a user may do with a dataset."""

    NO_ACCESS = "NO_ACCESS"
    VIEW = "VIEW"
    TAG = "TAG"
    EDIT = "EDIT"
    MANAGE = "MANAGE"


@dataclass(frozen=True)
class Deployment:
    """What a deployment gives to whoever uses it.

    Attributes:
        cache: the folder of the media cache.
        role: of the user.
        permission: of the user, on every dataset.
        secrets: of the plugins.
        cache_bytes: the largest size of the cache; negative for no limit.
        database: where the server is that answers for the database; empty for a direct connection.
        part: of an executor that does a part of a distributed run: which of how many, from 0 on.
    """

    cache: str
    role: str = "MEMBER"
    permission: str = "EDIT"
    secrets: Mapping[str, str] = field(default_factory=dict)
    cache_bytes: int = 32 << 30
    database: str = ""
    part: tuple[int, int] | None = None

    def settings(self) -> str:
        """What a worker is told of it."""
        return json.dumps({**vars(self), "secrets": dict(self.secrets)})

    @classmethod
    def of_environment(cls) -> Deployment:
        return cls(**json.loads(os.environ[SETTINGS]))


class MediaCache:
    """Copies of remote media on this machine; the ones that were used longest ago go first."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder / "media"
        self._size = size
        self._lock = threading.Lock()
        self.fetched: list[str] = []
        """Every URI that was downloaded, in order."""
        self.largest = 0
        """The most bytes that it ever held."""

    def place_of(self, uri: str) -> Path:
        return self.folder / "gs" / uri.removeprefix(GCS)

    def local_path(self, uri: str, update: bool = False) -> str:
        if not uri.startswith(GCS):
            return uri
        place = self.place_of(uri)
        if update or not place.exists():
            bucket, _, name = uri.removeprefix(GCS).partition("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            # Elsewhere, and of each thread its own: others look at the cache meanwhile.
            part = self.folder.with_name("parts") / token_hex(8)
            part.parent.mkdir(exist_ok=True)
            try:
                client = storage.Client.create_anonymous_client()
                client.bucket(bucket).blob(name).download_to_filename(str(part))
                part.replace(place)
            finally:
                part.unlink(missing_ok=True)
            with self._lock:
                self.fetched.append(uri)
                self._make_room(place)
        os.utime(place)
        return str(place)

    def _make_room(self, newest: Path) -> None:
        files = sorted(self._files(), key=lambda file: file.stat().st_mtime)
        total = sum(file.stat().st_size for file in files)
        for file in files:
            if self._size < 0 or total <= self._size or file == newest:
                break
            total -= file.stat().st_size
            file.unlink()
        self.largest = max(self.largest, total)

    def _files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def stats(self, uris: list[str] | None = None) -> dict[str, Any]:
        files = self._files()
        if uris is not None:
            files = [file for file in map(self.place_of, uris) if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        return {
            "cache_dir": str(self.folder.parent),
            "cache_size": self._size,
            "current_size": size,
            "current_count": len(files),
            "load_factor": size / self._size,
        }

    def clear(self, uris: list[str] | None = None) -> None:
        files = self._files() if uris is None else map(self.place_of, uris)
        for file in files:
            file.unlink(missing_ok=True)


def install(deployment: Deployment, patch: MonkeyPatch) -> MediaCache:
    """Makes this process one of a deployment's.

    Returns:
        its media cache, for tests to look at.
    """
    management = ModuleType("fiftyone.management")
    management.__spec__ = importlib.machinery.ModuleSpec("fiftyone.management", None)
    patch.setitem(sys.modules, "fiftyone.management", management)
    cache = MediaCache(Path(deployment.cache), deployment.cache_bytes)
    _cloud_media(cache, patch)
    _user_and_secrets(deployment, patch)
    _distribution(deployment, patch)
    if deployment.database:
        from tests.support.enterprise_database import connect

        connect(deployment.database, patch)
    return cache


def _cloud_media(cache: MediaCache, patch: MonkeyPatch) -> None:
    patch.setattr(fo, "media_cache", cache, raising=False)
    normalise = fos.normalize_path
    patch.setattr(
        fos,
        "normalize_path",
        lambda path: path if path.startswith(GCS) else normalise(path),
    )
    local = property(lambda sample: cache.local_path(sample.filepath))
    for kind in (fo.Sample, SampleView):
        patch.setattr(kind, "local_path", local, raising=False)

    def download_media(
        self: Any,
        media_fields: Any = None,
        group_slices: Any = None,
        include_assets: bool = True,
        update: bool = False,
        skip_failures: bool = True,
        progress: Any = None,
    ) -> None:
        for uri in self.values("filepath"):
            with contextlib.suppress(Exception if skip_failures else ()):
                cache.local_path(uri, update)

    @contextlib.contextmanager
    def download_context(self: Any, clear: bool = False, **options: Any) -> Iterator[None]:
        self.download_media()
        try:
            yield
        finally:
            if clear:
                self.clear_media()

    collection = foc.SampleCollection
    for name, method in {
        "download_media": download_media,
        "download_context": download_context,
        "get_local_paths": lambda self: [cache.local_path(uri) for uri in self.values("filepath")],
        "cache_stats": lambda self: cache.stats(self.values("filepath")),
        "clear_media": lambda self: cache.clear(self.values("filepath")),
    }.items():
        patch.setattr(collection, name, method, raising=False)


def _user_and_secrets(deployment: Deployment, patch: MonkeyPatch) -> None:
    user = SimpleNamespace(
        id="5f0000000000000000000001",
        name="Ada Nautilus",
        email="ada@example.org",
        role=deployment.role,
        dataset_permission=DatasetPermission[deployment.permission],
        _request_token=None,
    )
    prepare = ExecutionContext.__init__

    def prepared(self: Any, *arguments: Any, **options: Any) -> None:
        prepare(self, *arguments, **options)
        self.user = user

    patch.setattr(ExecutionContext, "__init__", prepared)
    patch.setattr(ExecutionContext, "secrets", property(lambda self: dict(deployment.secrets)))


def _distribution(deployment: Deployment, patch: MonkeyPatch) -> None:
    """Operators are distributed if they say so; an executor sees its part of what they work on."""
    for kind, attribute in (
        (foo.OperatorConfig, "allow_distributed_execution"),
        (foo.ExecutionOptions, "_allow_distributed_execution"),
    ):
        patch.setattr(kind, "__init__", _allowing(kind.__init__, attribute))
    if deployment.part is None:
        return
    which, of = deployment.part
    whole = ExecutionContext.target_view

    def part(self: Any, *arguments: Any, **options: Any) -> Any:
        seen = whole(self, *arguments, **options)
        first, last = (len(seen) * number // of for number in (which, which + 1))
        return seen[first:last]

    patch.setattr(ExecutionContext, "target_view", part)
    patch.setattr(ExecutionContext, "num_distributed_tasks", property(lambda self: of))


def _allowing(configure: Callable[..., None], attribute: str) -> Callable[..., None]:
    def configured(self: Any, *arguments: Any, **options: Any) -> None:
        configure(self, *arguments, **options)
        setattr(self, attribute, options.get("allow_distributed_execution", False))

    return configured
