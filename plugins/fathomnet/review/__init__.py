"""What people say of labels, in bulk, with a journal by which it can be undone."""

from .review import ReviewResult, review_labels

__all__ = ["ReviewResult", "review_labels"]
