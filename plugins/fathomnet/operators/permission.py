"""Checks who may change what: FiftyOne Enterprise knows the rights of an operator's user.

Open-source FiftyOne has no users, so everybody may do everything.
"""

from typing import Any, Final

import fiftyone as fo

from ..errors import DatasetError
from ..parameters import Parameters

_MAY_EDIT: Final = ("EDIT", "MANAGE")
_ADMIN: Final = "ADMIN"


def require_permission(ctx: Any, model: type[Parameters]) -> None:
    """Refuses a user who may only view or tag the open dataset.

    Args:
        ctx: FiftyOne's execution context.
        model: the parameters of the operator, which say whether it changes a dataset.

    Raises:
        DatasetError: the user may not edit the dataset.
    """
    user = getattr(ctx, "user", None)
    if user is None or ctx.dataset is None or not model.changes_dataset:
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
    """Refuses an existing dataset that is not the open one.

    FiftyOne says what the user may do with the open dataset, but nothing about others.

    Args:
        ctx: FiftyOne's execution context.
        name: the dataset to which a run would write.

    Raises:
        DatasetError: it is another dataset, and the user is not an admin.
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
    """The name of the user who runs an operator; empty if FiftyOne has no users."""
    user = getattr(ctx, "user", None)
    names = (getattr(user, attribute, None) for attribute in ("name", "email", "id"))
    return next((str(name) for name in names if name), "")


def _word(value: Any) -> str:
    """The name of a role or permission, which may be a string or a member of an enumeration."""
    return "" if value is None else str(getattr(value, "name", value)).upper()
