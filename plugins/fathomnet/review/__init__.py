"""What people say of labels, with a journal by which it can be undone, and who looks at which."""

from .review import ReviewResult, review_labels
from .rounds import RoundResult, check_round, start_review

__all__ = ["ReviewResult", "RoundResult", "check_round", "review_labels", "start_review"]
