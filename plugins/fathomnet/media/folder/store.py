"""A local folder as a store: files appear under their names complete, or not at all.

No file has its place outside the folder, whatever it is called.
"""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final, TypeVar

import google_crc32c
from typing_extensions import Self

from ...errors import FathomNetError, SetupError
from ...files.safe_values import safe_file_name
from ...files.writing import (
    OtherVersionError,
    PartFile,
    Version,
    alone_in,
    is_part,
    remove_if_abandoned,
    version_of,
)
from ..outcomes import ConflictError, ItemError, MissingError, RejectedError
from ..store import Digest, Incoming, Outgoing, StoredObject


def located_file(root: str, path: str) -> Path:
    """The place of an image, with its folder's symbolic links followed.

    Raises:
        RejectedError: the place is outside the root, or the name is that of a part.
    """
    try:
        safe_file_name(path)
    except ValueError as error:
        raise RejectedError(str(error), again=False) from None
    if is_part(path.rpartition("/")[2]):
        raise RejectedError(f"{path} is the name of an unfinished file", again=False)
    target = Path(root, path)
    return located_folder(root, str(target.parent)) / target.name


def located_folder(root: str, folder: str) -> Path:
    """The place of a folder of the root, with symbolic links followed.

    Raises:
        RejectedError: the place is outside the root.
    """
    # realpath, unlike resolve, leaves links that go in circles to the call that meets them.
    real = Path(os.path.realpath(Path(root, folder)))
    if not real.is_relative_to(root):
        raise RejectedError(
            f"{folder} leads out of {root}, to {real}. Name the folder that it leads to "
            "as the destination, or make it a real folder.",
            again=False,
        )
    return real


def files_below(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Each file below a folder, with its path relative to it; links are not followed."""
    open_folders = [("", str(folder))]
    while open_folders:
        prefix, place = open_folders.pop()
        try:
            entries = os.scandir(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    open_folders.append((f"{prefix}{entry.name}/", entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield prefix + entry.name, entry


def status_of(target: Path, path: str) -> os.stat_result | None:
    """The status of a file; None if nothing has its name.

    Raises:
        RejectedError: the name does not belong to a file.
    """
    try:
        status = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        kind = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a symbolic link"}
        there = kind.get(stat.S_IFMT(status.st_mode), "something that is no file")
        raise RejectedError(f"{there} lies where {path} should be", again=False)
    return status


def make_folder_of(target: Path, path: str) -> None:
    """Makes the folder for an image.

    Raises:
        RejectedError: a file is in its place.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        problem = f"a file lies where the folder of {path} should be"
        raise RejectedError(problem, again=False) from None


READING: Final = os.R_OK | os.X_OK
WRITING: Final = os.R_OK | os.W_OK | os.X_OK
"""The rights that a store's folder needs."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_RIGHTS: Final = frozenset({errno.EACCES, errno.EPERM})
_FINAL: Final = frozenset(
    {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ELOOP, errno.EFBIG, errno.EISDIR}
)
"""Errors about one name, which another attempt would run into again."""


def store_error(error: OSError, root: str, path: str, access: int) -> FathomNetError:
    """Translates a file system's error into one of stores.

    Args:
        error: the file system's error.
        root: the store's folder.
        path: of the file, below the root.
        access: what was attempted, :data:`READING` or :data:`WRITING`.
    """
    problem = error.strerror or str(error)
    if error.errno in _FULL:
        return SetupError(
            f"nothing more can be stored in {root}: {problem}. Make room or choose another "
            "folder, then run it again: what is stored stays."
        )
    root_refuses = error.errno in _NO_RIGHTS and not os.access(root, access)
    if error.errno == errno.EROFS or root_refuses:
        verb = "written to" if access == WRITING else "read"
        return SetupError(
            f"{root} cannot be {verb}: {problem}. Give yourself the right to, or choose another "
            "folder, then run it again."
        )
    final = error.errno in _FINAL or error.errno in _NO_RIGHTS
    return ItemError(f"{path}: {problem}", again=not final)


T = TypeVar("T")

READ_PIECE: Final = 1 << 20
"""Bytes that are read at once, in a thread."""

THREADS: Final = 8
"""Files that are synchronised, read or looked up at once; more would not make a disk faster."""


class FolderStore:
    """A folder of this machine, see :class:`~..stores.Store`.

    A file is written as a hidden part beside its final name, and gets that name once all of it has
    reached the disk, so neither a kill nor a crash of the machine leaves a truncated file under it.
    That makes the disk's own speed the limit: about 140 images of 2.6 MB a second on a disk that
    writes 380 MB/s, against 300 into the page cache. A crash of the machine may lose the name
    itself; the next run then stores the image again.

    Nothing is written outside the folder: names that would lead out of it are refused, and so are
    symbolic links. An image itself must not be a link.

    Args:
        root: the folder; created when the first image is stored.
        durable: whether to wait for the disk as described; otherwise only kills are survived.
    """

    def __init__(self, root: str | Path, durable: bool = True) -> None:
        self.root = str(Path(root).expanduser().resolve())
        self._durable = durable
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="folder-store")

    async def __aenter__(self) -> Self:
        root = Path(self.root)
        nearest = next(place for place in (root, *root.parents) if os.path.exists(place))  # noqa: PTH110  # unlike Path.exists, no error where it may not be looked at
        if not nearest.is_dir():
            raise SetupError(f"{nearest} is a file, not a folder. Choose another folder.")
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._threads.shutdown(wait=True)

    async def listing(self, folder: str) -> dict[str, StoredObject]:
        """Every file below a folder of the root; parts and symbolic links are skipped."""

        def list_files() -> dict[str, StoredObject]:
            found = {}
            for name, entry in files_below(located_folder(self.root, folder)):
                if not is_part(entry.name):
                    with suppress(FileNotFoundError):
                        found[name] = _stored(entry.stat(follow_symlinks=False))
            return found

        return await self._in_thread(folder, READING, list_files)

    async def find(self, path: str) -> StoredObject | None:
        """The file in its present version, or None.

        Raises:
            RejectedError: the name leads out of the root, or does not belong to a file.
        """

        def look() -> StoredObject | None:
            status = status_of(located_file(self.root, path), path)
            return _stored(status) if status else None

        return await self._in_thread(path, READING, look)

    async def digest(self, path: str, stored: StoredObject) -> Digest:
        """The digest of a file, read from its bytes.

        Raises:
            MissingError: the file no longer exists.
            ConflictError: the file has another version, or changes while it is read.
        """

        def read() -> Digest:
            file, _ = self._open(path)
            checksum = google_crc32c.Checksum()
            with file:
                before = version_of(os.fstat(file.fileno()))
                while piece := file.read(READ_PIECE):
                    checksum.update(piece)
                after = version_of(os.fstat(file.fileno()))
            if not before == after == (stored.size, stored.generation):
                raise ConflictError(f"{path} was changed since it was listed")
            return Digest.of(stored.size, checksum.digest())

        return await self._in_thread(path, READING, read)

    async def put(
        self, path: str, outgoing: Outgoing, replacing: StoredObject | None = None
    ) -> StoredObject:
        """Stores an image; see :meth:`~..stores.Store.put`.

        Errors of ``outgoing`` pass through unchanged. However this ends, no part remains.

        Raises:
            ConflictError: something else has the name, or what was to be replaced is gone.
            RejectedError: the name leads out of the root, or what has it is not a file.
            ItemError: the file cannot be written.
            SetupError: no file can be written: the disk is full, or there are no rights.
        """
        part = PartFile()

        def publish(target: Path) -> Version:
            try:
                return part.publish(target, _expected(replacing), self._durable)
            except OtherVersionError:
                raise _conflict(str(target.relative_to(self.root))) from None

        try:
            target = await self._in_thread(path, WRITING, self._begin, part, path, replacing)
            async for chunk in outgoing.chunks():
                try:
                    part.write(chunk)
                except OSError as error:
                    raise store_error(error, self.root, path, WRITING) from error
            if part.size != outgoing.size:
                problem = f"{part.size:,} bytes came, {outgoing.size:,} were announced"
                raise ItemError(problem)
            if outgoing.crc32c not in (None, outgoing.digest.crc32c):
                raise ItemError("the checksum of what came is not the one that was announced")
            size, generation = await self._in_thread(path, WRITING, publish, target)
        finally:
            part.discard()
        return StoredObject(size, outgoing.digest.crc32c, generation)

    async def delete(self, path: str, stored: StoredObject) -> None:
        """Deletes exactly this version of a file; does nothing if it no longer exists."""

        def unlink() -> None:
            target = located_file(self.root, path)
            with suppress(FileNotFoundError), alone_in(target.parent):
                status = status_of(target, path)
                if status and version_of(status) == _expected(stored):
                    target.unlink()

        await self._in_thread(path, WRITING, unlink)

    @asynccontextmanager
    async def open(self, path: str) -> AsyncIterator[Incoming]:
        """Begins to read a file.

        Raises:
            MissingError: there is no such file.
        """
        file, size = await self._in_thread(path, READING, self._open, path)
        try:
            yield Incoming(size, self._chunks(file, path))
        finally:
            file.close()

    async def sweep(self, folder: str) -> int:
        """Removes the parts that killed runs have left below a folder.

        Parts of live processes stay, on this machine and on others that share the folder. On a
        file system without locks, parts stay until nobody has touched them for a day.

        Returns:
            The number of parts that were removed.
        """

        def remove_parts() -> int:
            below = files_below(located_folder(self.root, folder))
            parts = [Path(entry.path) for _, entry in below if is_part(entry.name)]
            return sum(map(remove_if_abandoned, parts))

        return await self._in_thread(folder, WRITING, remove_parts)

    def _begin(self, part: PartFile, path: str, replacing: StoredObject | None) -> Path:
        target = located_file(self.root, path)
        status = status_of(target, path)
        if (version_of(status) if status else None) != _expected(replacing):
            raise _conflict(path)
        try:
            part.create(target)
        except (FileNotFoundError, NotADirectoryError):
            make_folder_of(target, path)
            part.create(target)
        return target

    def _open(self, path: str) -> tuple[FileIO, int]:
        target = located_file(self.root, path)
        status = status_of(target, path)
        if status is None:
            raise MissingError(f"there is no file {path} in {self.root}")
        try:
            descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise MissingError(f"there is no file {path} in {self.root}") from None
        file = FileIO(descriptor)
        return file, os.fstat(descriptor).st_size

    async def _chunks(self, file: FileIO, path: str) -> AsyncIterator[bytes]:
        while piece := await self._in_thread(path, READING, file.read, READ_PIECE):
            yield piece

    async def _in_thread(
        self, path: str, access: int, call: Callable[..., T], *arguments: object
    ) -> T:
        """Runs blocking work in a thread, and translates its errors into those of stores.

        If it is cancelled, it still waits for the work to end, because the work must not overlap
        with the cleaning up.
        """
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, call, *arguments)
        try:
            return await asyncio.shield(work)
        except OSError as error:
            raise store_error(error, self.root, path, access) from error
        except asyncio.CancelledError:
            while not work.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([work])
            if not work.cancelled():
                work.exception()
            raise


def _stored(status: os.stat_result) -> StoredObject:
    return StoredObject(status.st_size, generation=status.st_mtime_ns)


def _expected(stored: StoredObject | None) -> Version | None:
    return (stored.size, stored.generation) if stored else None


def _conflict(path: str) -> ConflictError:
    return ConflictError(f"{path} is not as it was listed: somebody else has written it")
