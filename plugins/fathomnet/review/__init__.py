"""What people say of labels, with a journal by which it can be undone, and who looks at which."""

from .review import ReviewResult, review_labels
from .rounds import RoundResult, check_round, start_review
from .sets import OpenedSet, open_review

__all__ = [
    "OpenedSet",
    "ReviewResult",
    "RoundResult",
    "check_round",
    "open_review",
    "review_labels",
    "start_review",
]
