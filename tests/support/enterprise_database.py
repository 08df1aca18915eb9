"""A database that is reached through a server only, as by the API connection of Enterprise.

Every call of pymongo's that FiftyOne, mongoengine or the project makes goes over HTTP to a process
with the connection, which makes the call and sends its outcome back: results, documents and errors.
Nothing holds a socket to MongoDB, a cursor or a session in between.
"""

from __future__ import annotations

import contextlib
import hmac
import io
import pickle
import secrets
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, Final

import fiftyone as fo
import gridfs
import pymongo
from bson import ObjectId
from pymongo.command_cursor import CommandCursor
from pymongo.cursor import Cursor
from pymongo.write_concern import WriteConcern
from pytest import MonkeyPatch

Step = tuple[str, tuple[Any, ...], dict[str, Any]]
"""A call: the name of a method, and its arguments."""

FILES: Final = "(files of the database)"
READ: Final = "(read a file whole)"
_AUTHORISATION: Final = "X-Test-Key"


@contextlib.contextmanager
def serving(uri: str) -> Iterator[tuple[str, list[str]]]:
    """Answers for a database on a port of this machine.

    Yields:
        what ``connect`` takes, and the names of the methods that were called, as they are called.
    """
    client: Any = pymongo.MongoClient(uri)
    key = secrets.token_hex(16)
    calls: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if not hmac.compare_digest(self.headers.get(_AUTHORISATION, ""), key):
                self.send_error(403)
                return
            steps: list[Step] = pickle.loads(content)
            calls.extend(name for name, _, _ in steps if name != "__getitem__")
            answer = pickle.dumps(_answer(client, steps))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with client, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"{key}@127.0.0.1:{server.server_address[1]}", calls
        finally:
            server.shutdown()


def _answer(client: Any, steps: list[Step]) -> tuple[str, Any]:
    found = client
    try:
        for name, arguments, options in steps:
            if name == FILES:
                found = gridfs.GridFS(found, *arguments)
            elif name == READ:
                found = found.get(*arguments).read()
            else:
                found = getattr(found, name)(*arguments, **options)
        if isinstance(found, Cursor | CommandCursor):
            return "documents", list(found)
        return "value", found
    except Exception as error:
        return "error", error


class _Remote:
    """Something of pymongo's on the server, known by the calls that lead to it."""

    def __init__(self, where: str, steps: tuple[Step, ...] = ()) -> None:
        self._where = where
        self._steps = steps

    def _after(self, kind: type[Any], name: str, *arguments: Any, **options: Any) -> Any:
        return kind(self._where, (*self._steps, (name, arguments, options)))

    def _ask(self, name: str, *arguments: Any, **options: Any) -> Any:
        key, _, host = self._where.partition("@")
        steps = [*self._steps, *([(name, arguments, options)] if name else [])]
        connection = HTTPConnection(host, timeout=120)
        try:
            connection.request("POST", "/", pickle.dumps(steps), {_AUTHORISATION: key})
            kind, value = pickle.loads(connection.getresponse().read())
        finally:
            connection.close()
        if kind == "error":
            raise value
        return iter(value) if kind == "documents" else value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Remote) and (self._where, self._steps) == (
            other._where,
            other._steps,
        )

    def __hash__(self) -> int:
        return hash((self._where, str(self._steps)))


class RemoteClient(_Remote):
    """In the place of a ``MongoClient``."""

    _closed = False

    def __getitem__(self, name: str) -> RemoteDatabase:
        return self._after(RemoteDatabase, "__getitem__", name)  # type: ignore[no-any-return]

    @property
    def admin(self) -> RemoteDatabase:
        return self["admin"]

    @property
    def address(self) -> None:
        """Nobody outside the server knows where the database is."""
        raise TypeError("the API connection has no address of a database")

    @property
    def is_primary(self) -> bool:
        """Whether it may be written to, as mongoengine asks before it makes an index."""
        return True

    def close(self) -> None:
        """There is nothing to close."""

    def __getattr__(self, name: str) -> Any:
        if name not in ("server_info", "list_database_names", "drop_database"):
            raise AttributeError(f"the API connection's client has no {name}")
        return lambda *arguments, **options: self._ask(name, *arguments, **options)


class RemoteDatabase(_Remote):
    """In the place of a ``Database``."""

    @property
    def name(self) -> str:
        return str(self._steps[-1][1][0])

    @property
    def client(self) -> RemoteClient:
        return RemoteClient(self._where)

    def __getitem__(self, name: str) -> RemoteCollection:
        return self._after(RemoteCollection, "__getitem__", name)  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        if name in ("command", "create_collection", "drop_collection", "list_collection_names"):
            return lambda *arguments, **options: self._ask(name, *arguments, **options)
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def get_collection(self, name: str, **options: Any) -> RemoteCollection:
        return self[name].with_options(**options) if options else self[name]


class RemoteCollection(_Remote):
    """In the place of a ``Collection``."""

    write_concern = WriteConcern()
    """That of the connection; one that ``with_options`` has set is known to the server only."""

    @property
    def name(self) -> str:
        return str([step for step in self._steps if step[0] == "__getitem__"][-1][1][0])

    @property
    def database(self) -> RemoteDatabase:
        return RemoteDatabase(self._where, self._steps[:1])

    @property
    def full_name(self) -> str:
        return f"{self.database.name}.{self.name}"

    def with_options(self, *arguments: Any, **options: Any) -> RemoteCollection:
        return self._after(type(self), "with_options", *arguments, **options)  # type: ignore[no-any-return]

    def insert_one(self, document: Any, **options: Any) -> Any:
        return self._ask("insert_one", _identified(document), **options)

    def insert_many(self, documents: Any, **options: Any) -> Any:
        return self._ask("insert_many", [_identified(one) for one in documents], **options)

    def find(self, *arguments: Any, **options: Any) -> RemoteCursor:
        return self._after(RemoteCursor, "find", *arguments, **options)  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments, **options: self._ask(name, *arguments, **options)


class RemoteCursor(_Remote):
    """In the place of a ``Cursor``: asks when it is read."""

    _documents: Iterator[Any] | None = None

    def __iter__(self) -> RemoteCursor:
        return self

    def __next__(self) -> Any:
        if self._documents is None:
            self._documents = self._ask("")
        return next(self._documents)

    next = __next__

    def __getitem__(self, index: int) -> Any:
        return list(self._ask(""))[index]

    def rewind(self) -> RemoteCursor:
        self._documents = None
        return self

    def clone(self) -> RemoteCursor:
        return type(self)(self._where, self._steps)

    def close(self) -> None:
        """There is nothing to close."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "distinct":
            return lambda *arguments, **options: self._ask(name, *arguments, **options)
        return lambda *arguments, **options: self._after(type(self), name, *arguments, **options)


class RemoteFiles(_Remote):
    """In the place of a ``GridFS``, in which FiftyOne keeps the results of runs."""

    @classmethod
    def of(cls, database: RemoteDatabase, collection: str = "fs") -> RemoteFiles:
        return database._after(cls, FILES, collection)  # type: ignore[no-any-return]

    def put(self, data: Any, **options: Any) -> Any:
        content = data.read() if hasattr(data, "read") else data
        return self._ask("put", content, **options)

    def get(self, file_id: Any) -> io.BytesIO:
        return io.BytesIO(self._ask(READ, file_id))

    def delete(self, file_id: Any) -> None:
        self._ask("delete", file_id)


def _identified(document: Any) -> Any:
    """A document with its id, which pymongo gives to the caller's own document."""
    if "_id" not in document:
        document["_id"] = ObjectId()
    return document


def connect(where: str, patch: MonkeyPatch) -> None:
    """Has FiftyOne and mongoengine of this process reach the database through the server only."""
    import mongoengine.connection as moc
    import mongoengine.fields as mof
    from fiftyone.core.odm import database

    fo.list_datasets()  # FiftyOne connects at the first use, and would replace what is put here
    client = RemoteClient(where)
    patch.setattr(database, "_client", client)
    patch.setitem(moc._connections, "default", client)
    patch.setattr(moc, "_dbs", {})
    patch.setattr(mof, "gridfs", SimpleNamespace(GridFS=RemoteFiles.of))
    for document in _all_documents(moc):
        patch.setattr(document, "_collection", None)


def _all_documents(moc: Any) -> Iterator[Any]:
    """The classes that mongoengine keeps a collection of, with the connection that it had."""
    from mongoengine.base.common import _document_registry

    for document in _document_registry.values():
        if document.__dict__.get("_collection") is not None:
            yield document
