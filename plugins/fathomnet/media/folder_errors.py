"""Tells whether a file system's error concerns one file or everything that follows."""

from __future__ import annotations

import errno
import os
from typing import Final

from ..errors import FathomNetError, SetupError
from .outcomes import ItemError

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
