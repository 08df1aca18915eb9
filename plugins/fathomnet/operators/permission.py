"""Who may change what: FiftyOne Enterprise says it of the user who runs an operator.

Open-source FiftyOne has no users: there everybody may do everything.
"""

from __future__ import annotations

from typing import Any, Final

import fiftyone as fo

from ..errors import DatasetError

READS_ONLY: Final = frozenset(
    ("check_setup", "upload_images", "download_images", "export_corrections", "report_dataset")
)
"""The operators that leave every dataset as it is."""

_MAY_EDIT: Final = ("EDIT", "MANAGE")
_ADMIN: Final = "ADMIN"


def require_permission(ctx: Any, operator: str) -> None:
    """Refuses a user who may only look at, or tag, the dataset that is open.

    Args:
        ctx: FiftyOne's execution context.
        operator: the operator's name without the plugin's.

    Raises:
        DatasetError: the user may not edit the dataset.
    """
    user = getattr(ctx, "user", None)
    if user is None or ctx.dataset is None or operator in READS_ONLY:
        return
    if _word(getattr(user, "role", None)) == _ADMIN:
        return
    permission = _word(getattr(user, "dataset_permission", None))
    if permission not in _MAY_EDIT:
        raise DatasetError(
            f"you may not edit {ctx.dataset.name} (your permission: {permission or 'none'}); ask "
            "whoever manages it for the permission Can edit, or clone it"
        )


def require_open(ctx: Any, name: str) -> None:
    """Refuses a user a dataset that is there and is not the one that is open.

    FiftyOne says what the user may do with the open dataset, and nothing of others.

    Args:
        ctx: FiftyOne's execution context.
        name: the dataset that a run would write to.

    Raises:
        DatasetError: it is another one, and the user is no admin.
    """
    user = getattr(ctx, "user", None)
    if user is None or _word(getattr(user, "role", None)) == _ADMIN or not fo.dataset_exists(name):
        return
    if ctx.dataset is None or ctx.dataset.name != name:
        raise DatasetError(
            f"there is a dataset {name} already: open it and run this from there, so that FiftyOne "
            "says whether you may edit it, or choose another name"
        )


def user_name(ctx: Any) -> str:
    """What the user is called who runs an operator; empty where FiftyOne knows no users."""
    user = getattr(ctx, "user", None)
    names = (getattr(user, attribute, None) for attribute in ("name", "email", "id"))
    return next((str(name) for name in names if name), "")


def _word(value: Any) -> str:
    """The name of a role or permission, which may be a text or a member of an enumeration."""
    return "" if value is None else str(getattr(value, "name", value)).upper()
