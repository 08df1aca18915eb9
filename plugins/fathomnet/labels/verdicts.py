"""What a person said of a label: its state, and which verdicts still stand.

A verdict is kept on the label itself, with the name that was judged. Whoever gives the label
another name afterwards, by whatever hand, makes it unreviewed again, and need know nothing of
verdicts.
"""

from collections.abc import Mapping
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any, Final, Literal

from ..names import (
    ASSIGNEE,
    REVIEW_ROUND,
    REVIEW_STATE,
    REVIEWED_AT,
    REVIEWED_BEFORE_AS,
    REVIEWED_BEFORE_BY,
    REVIEWED_BY,
    REVIEWED_LABEL,
    SECOND_ASSIGNEE,
    SUGGESTED_LABEL,
    VERIFIED,
)

State = Literal["unreviewed", "confirmed", "relabelled", "rejected", "unsure"]
STATES: Final[tuple[State, ...]] = ("confirmed", "relabelled", "rejected", "unsure")
"""What a person can have said; any other label is ``unreviewed``."""
RIGHT: Final = ("confirmed", "relabelled")
"""The states in which a person said that the present name is right."""

_OWN_KEYS: Final = (REVIEW_STATE, REVIEWED_BY, REVIEWED_AT, REVIEWED_LABEL, VERIFIED)
_EARLIER_KEYS: Final = (REVIEWED_BEFORE_BY, REVIEWED_BEFORE_AS)
VERDICT_KEYS: Final = (*_OWN_KEYS, *_EARLIER_KEYS)
"""The attributes of a label that make a verdict."""


def state_of(label: Mapping[str, Any]) -> State:
    """The state of a label.

    Args:
        label: its attributes, at least its name and those of its verdict.

    Examples:
        >>> judged = {"label": "Sebastes", "review_state": "confirmed"}
        >>> judged["reviewed_label"] = "Sebastes"
        >>> state_of(judged), state_of(judged | {"label": "Sebastolobus"}), state_of({})
        ('confirmed', 'unreviewed', 'unreviewed')
    """
    state: State | None = label.get(REVIEW_STATE)
    if state not in STATES or label.get(REVIEWED_LABEL) != label.get("label"):
        return "unreviewed"
    return state


def said_of(label: Mapping[str, Any]) -> str:
    """What the verdict on a label comes to: the name that it has by right, or that it has none.

    Args:
        label: its attributes; its verdict stands.

    Examples:
        >>> judged = {"label": "Sebastes", "reviewed_label": "Sebastes"}
        >>> said_of(judged | {"review_state": "confirmed"})
        'Sebastes'
        >>> said_of(judged | {"review_state": "rejected"})
        '(rejected)'
    """
    state = state_of(label)
    return str(label.get("label")) if state in RIGHT else f"({state})"


def is_example(label: Mapping[str, Any]) -> bool:
    """Whether a label may be shown as an example of its name: no suspect, nor doubted by a person.

    Args:
        label: its attributes, those of ``state_of`` and the suggestion of a suspect.

    Examples:
        >>> suspect = {"label": "Sebastes", "suggested_label": "Sebastolobus"}
        >>> judged = {"review_state": "confirmed", "reviewed_label": "Sebastes"}
        >>> is_example(suspect), is_example(suspect | judged), is_example({"label": "Sebastes"})
        (False, True, True)
    """
    state = state_of(label)
    return state in RIGHT or (state == "unreviewed" and label.get(SUGGESTED_LABEL) is None)


def verdict_on(
    name: str | None,
    state: State,
    user: str,
    moment: datetime,
    before: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """The attributes of a verdict; none for ``unreviewed``.

    Args:
        name: of the label that is judged, as it is afterwards.
        state: what is said of it.
        user: who says it; empty if nobody knows.
        moment: when, UTC.
        before: the attributes of the label as it was: what somebody else has said of it last is
            kept beside the verdict, to see whether two people agree.

    Examples:
        >>> from datetime import datetime
        >>> told = verdict_on("Sebastes", "rejected", "ana", datetime(2025, 6, 1))
        >>> told["review_state"], told["reviewed_label"], told["verified"]
        ('rejected', 'Sebastes', False)
        >>> second = verdict_on(
        ...     "Sebastes", "confirmed", "bo", datetime(2025, 6, 2), {"label": "Sebastes", **told}
        ... )
        >>> second["reviewed_before_by"], second["reviewed_before_as"]
        ('ana', '(rejected)')
        >>> verdict_on("Sebastes", "unreviewed", "ana", datetime(2025, 6, 1))
        {}
    """
    if state == "unreviewed":
        return {}
    values = (state, user, moment, name, state in RIGHT)
    earlier: dict[str, Any] = {}
    if state_of(before) != "unreviewed":
        by = before.get(REVIEWED_BY) or ""
        if by != user:
            earlier = {REVIEWED_BEFORE_BY: by, REVIEWED_BEFORE_AS: said_of(before)}
        elif (before.get(REVIEWED_BEFORE_BY) or user) != user:
            earlier = {key: before.get(key) for key in _EARLIER_KEYS}
    return {**dict(zip(_OWN_KEYS, values, strict=True)), **earlier}


def as_stored(moment: datetime) -> datetime:
    """A time as MongoDB gives it back: UTC without a zone, to the millisecond.

    Examples:
        >>> from datetime import datetime
        >>> as_stored(datetime(2025, 6, 1, 12, 0, 0, 123_456)).microsecond
        123000
    """
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def standing(*states: State, below: str = "") -> Any:
    """A FiftyOne expression: whether a label has a verdict that stands, of these states.

    Args:
        *states: those that count; all of ``STATES`` if none is named.
        below: the field of a patch that holds the label; empty where labels themselves are asked.
    """
    from fiftyone import ViewField as F

    state, judged, label = (
        F(f"{below}.{name}" if below else name) for name in (REVIEW_STATE, REVIEWED_LABEL, "label")
    )
    return state.is_in(list(states or STATES)) & (judged == label)


def verdict_schema(path: str) -> dict[str, Any]:
    """The attributes of the verdicts on the labels at a path."""
    import fiftyone as fo

    return {
        f"{path}.{REVIEW_STATE}": fo.StringField(
            description="confirmed, relabelled, rejected or unsure; it holds for reviewed_label"
        ),
        f"{path}.{REVIEWED_BY}": fo.StringField(),
        f"{path}.{REVIEWED_AT}": fo.DateTimeField(description="UTC"),
        f"{path}.{REVIEWED_LABEL}": fo.StringField(description="What was judged"),
        f"{path}.{VERIFIED}": fo.BooleanField(description="A person said that the label is right"),
        f"{path}.{REVIEWED_BEFORE_BY}": fo.StringField(description="Who else judged it last"),
        f"{path}.{REVIEWED_BEFORE_AS}": fo.StringField(
            description="What they said: a name, (rejected) or (unsure)"
        ),
    }


def round_schema(path: str) -> dict[str, Any]:
    """The attributes that a round of a review gives to the labels at a path."""
    import fiftyone as fo

    return {
        f"{path}.{REVIEW_ROUND}": fo.StringField(description="The last round that it was in"),
        f"{path}.{ASSIGNEE}": fo.StringField(description="Who is to look at it"),
        f"{path}.{SECOND_ASSIGNEE}": fo.StringField(description="Who else is to look at it"),
    }
