"""Checks what is installed, connected and reachable; each line comes with a fix."""

import importlib
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
from tempfile import TemporaryFile
from typing import Final

from yarl import URL

from .dataset import door
from .dataset.collection import is_enterprise
from .errors import InputError, SetupError
from .files.credentials import GOOGLE_ENDPOINT
from .files.network import machine_trust, proxy_for, read_logins
from .media.ledger import HOME_VARIABLE as LEDGERS
from .media.paths import GCS
from .media.store import Check
from .models.weights import KNOWN, fetch_advice, find_known
from .names import PLUGIN_NAME
from .pictures.local import media_cache_folder
from .progress import Progress, silent
from .resources import HOME_VARIABLE, kept_in
from .similarity.mapped import HOME_VARIABLE as INDEXES
from .similarity.mapped import index_home
from .taxonomy import load_taxonomy
from .taxonomy.tree import OWN_TABLE
from .text import counted

DISK_WARN_BYTES = 30 * 1024**3
"""The whole dataset's images take 24.15 GiB; with less free space a full mirror does not fit."""
DISK_FAIL_BYTES = 1024**3
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
OLDEST_MONGODB = (6, 0)
"""FiftyOne 1.22's minimum; older servers lack the aggregation stages that labels use."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something of FiftyOne's that the project uses where the release has it.

    Attributes:
        name: as the page on deployment calls it.
        since: the first release that has it, for a person to read.
        without: what there is instead.
        is_there: whether this release has it.
    """

    name: str
    since: str
    without: str
    is_there: Callable[[], bool]


def _has(module: str, path: str) -> bool:
    """Whether a module of FiftyOne's has something, by its name and those above it."""
    found: object = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found is not None


FEATURES: Final = (
    Feature(
        "fiftyone delegated rerun",
        "1.12",
        "what a worker left unfinished is started again from its form or its command",
        lambda: _has("fiftyone.core.cli", "DelegatedRerunCommand"),
    ),
    Feature(
        "label schemas",
        "1.12",
        "the App's own annotation does not offer the names of the taxonomy",
        lambda: _has("fiftyone", "Dataset.update_label_schema"),
    ),
    Feature(
        "panel of similarity searches",
        "1.14",
        "the App shows at once what a search by text or by image finds",
        lambda: importlib.util.find_spec("plugins.panels.similarity_search") is not None,
    ),
    Feature(
        "buttons in the App's header",
        "1.16",
        "ingest_dataset is opened from the operator browser",
        lambda: _has("fiftyone.operators.types", "Places.HEADER_ACTIONS"),
    ),
    Feature(
        "risk levels of operators",
        "1.16",
        "an agent is asked to be equally careful with all operators",
        lambda: _has("fiftyone.operators.types", "RiskLevel"),
    ),
    Feature(
        "skills of plugins",
        "1.16",
        "an agent has to be given the files in skills/ by hand",
        lambda: _has("fiftyone.plugins", "list_skills"),
    ),
    Feature(
        "ontologies",
        "1.18",
        "the tree of concepts is in the taxonomy panel only; names are chosen from a list",
        lambda: _has("fiftyone", "Taxonomy"),
    ),
)


@dataclass(frozen=True, slots=True)
class SetupReport:
    """The outcome of ``check_setup``.

    Attributes:
        checks: each with its status, what was found, and how to fix it if it is not right.
    """

    checks: tuple[Check, ...]


def check_setup(media_root: str = "", progress: Progress = silent) -> SetupReport:
    """Checks everything that the stages rely on; never raises for what it finds.

    Args:
        media_root: ``gs://bucket/prefix`` or a folder to check; empty to skip this.
        progress: called with the share done and a label.
    """
    steps: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("FiftyOne", _fiftyone),
        ("plugin", _plugin),
        ("database", _database),
        ("network", _network),
        ("media root", lambda: _media(media_root)),
        ("disk", _disk),
        ("folders", _folders),
        ("models", _models),
        ("taxonomy", _taxonomy),
    )
    checks = [
        Check(
            "Python",
            "ok",
            f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        )
    ]
    for number, (name, step) in enumerate(steps):
        progress(number / len(steps), f"checking {name}")
        try:
            checks.extend(step())
        # A check that itself breaks is a finding too: a broken installation may raise anything.
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
            checks.append(Check(name, "fail", found, "see the message"))
    progress(1.0, f"{len(checks)} checks done")
    return SetupReport(tuple(checks))


def _fiftyone() -> Iterator[Check]:
    version = metadata.version("fiftyone")
    edition = "Enterprise" if is_enterprise() else "open source"
    yield Check("FiftyOne", "ok", f"{version}, {edition}")
    for feature in FEATURES:
        if not feature.is_there():
            detail = f"this release has no {feature.name}: {feature.without}"
            yield Check(
                "FiftyOne features", "warn", detail, f"install FiftyOne {feature.since} or newer"
            )


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
    way = door.way()
    slowly = f"through FiftyOne's public API, which takes longer: {way.reason}"
    if way.is_open:
        yield Check("writing", "ok", f"straight into the collection: {way.reason}")
    elif way.is_forced:
        yield Check("writing", "ok", slowly)
    else:
        fix = "nothing needs to be done: the results are the same; do tell the project of it"
        yield Check("writing", "warn", slowly, fix)

    # A session whose database folder is not in use has joined the server of another session.
    actual, configured = _database_folder(), Path(fo.config.database_dir)
    if not fo.config.database_uri and actual and actual.resolve() != configured.resolve():
        yield Check(
            "database folder",
            "warn",
            f"the data are in {actual}, not in {configured}: another FiftyOne of this machine "
            "had started its database first, and both share it",
            "for a database of your own, start a MongoDB server and name it in "
            "FIFTYONE_DATABASE_URI",
        )


def _database_folder() -> Path | None:
    """Where the connected server says that it keeps its files.

    The configuration does not know: FiftyOne joins whatever embedded server the machine runs.

    Returns:
        The folder; None where the server is on another machine, or may not be asked.
    """
    import fiftyone.core.odm as foo
    from pymongo.errors import PyMongoError

    client = foo.get_db_conn().client
    try:
        host, _ = client.address
        options = client.admin.command("getCmdLineOpts")["parsed"]
    except (PyMongoError, TypeError):  # TypeError: several servers have no one address
        return None
    folder = options.get("storage", {}).get("dbPath")
    return Path(folder) if folder and host in LOOPBACK else None


def _network() -> Iterator[Check]:
    """How images and buckets are reached; nothing is asked of the network for it."""
    try:
        machine_trust()
        hosts = {"images": "https://example.org", "buckets": GOOGLE_ENDPOINT}
        proxies = {what: proxy_for(URL(host)) for what, host in hosts.items()}
        logins = read_logins()
    except SetupError as error:
        yield Check.failed("network", error)
        return
    ways = [
        f"{what} through the proxy {proxy.host}:{proxy.port}" if proxy else f"{what} directly"
        for what, proxy in proxies.items()
    ]
    known = counted(len(logins), "host", "hosts")
    yield Check("network", "ok", ", ".join([*ways, *([f"logins of {known}"] if logins else [])]))


def _media(media_root: str) -> Iterator[Check]:
    if media_root.startswith(GCS):
        # Only here, because it imports an HTTP client.
        from .media.gcs.store import check_bucket

        yield from check_bucket(media_root)
        return
    yield Check("credentials", "ok", "not needed: no gs:// media root was named")
    folder = Path(media_root).expanduser()
    if not media_root:
        yield Check("media root", "warn", "none named", "give media_root to have it checked")
    elif not folder.is_dir():
        yield Check("media root", "fail", f"there is no folder {folder}", f"mkdir -p {folder}")
    elif not os.access(folder, os.W_OK):
        yield Check("media root", "warn", f"{folder} can be read but not written", "chmod u+w")
    else:
        splits = sorted(entry.name for entry in folder.glob("*_images") if entry.is_dir())
        yield Check("media root", "ok", f"{folder} holds {', '.join(splits) or 'no images yet'}")


def _disk() -> Iterator[Check]:
    places = {"disk for media": Path.home()}
    database = _database_folder()
    if database is not None:
        places["disk for the database"] = database
    for name, place in places.items():
        free = shutil.disk_usage(_existing(place)).free
        detail = f"{free / 1024**3:.1f} GiB free at {place}"
        if free < DISK_FAIL_BYTES:
            yield Check(name, "fail", detail, "free some space")
        elif name == "disk for media" and free < DISK_WARN_BYTES:
            yield Check(name, "warn", detail, "a full copy of the images needs 25 GiB")
        else:
            yield Check(name, "ok", detail)


def _folders() -> Iterator[Check]:
    """Where this machine keeps things, on a read-only root file system too."""
    import fiftyone as fo

    homes = {
        f"{HOME_VARIABLE} or {LEDGERS}": ("ledgers of transfers", kept_in("ledgers", LEDGERS)),
        f"{HOME_VARIABLE} or {INDEXES}": ("copies of vectors", index_home()),
        "FIFTYONE_MODEL_ZOO_DIR": ("entries of models", Path(fo.config.model_zoo_dir)),
        "FIFTYONE_DEFAULT_DATASET_DIR": ("datasets", Path(fo.config.default_dataset_dir)),
    }
    if is_enterprise() and (cache := media_cache_folder()):
        homes["FIFTYONE_MEDIA_CACHE_DIR"] = "copies of remote media", cache
    refused = 0
    for variable, (what, folder) in homes.items():
        try:
            with TemporaryFile(dir=_existing(folder)):
                continue
        except OSError as error:
            refused += 1
            fix = f"set {variable} to a folder that can be written, on a volume"
            yield Check("folders", "warn", f"{what}: {folder}: {error.strerror}", fix)
    if not refused:
        yield Check("folders", "ok", f"{len(homes)} can be written, or made")


def _taxonomy() -> Iterator[Check]:
    """The tree, with the table of somebody's own names."""
    own = os.environ.get(OWN_TABLE, "").strip()
    try:
        concepts = f"{len(load_taxonomy().concepts):,} concepts"
    except InputError as error:
        yield Check("taxonomy", "fail", str(error), f"correct {own}, or unset {OWN_TABLE}")
    else:
        yield Check("taxonomy", "ok", f"{concepts}, those of {own} among them" if own else concepts)


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
    for name, known in KNOWN.items():
        try:
            file = find_known(name).file
        except SetupError:
            detail = f"{known.title}: its weights are not on this machine"
            yield Check(f"model {name}", "warn", detail, fetch_advice(name))
        else:
            yield Check(f"model {name}", "ok", f"{known.title}: {file}")
