"""The ``gcloud`` commands that put right what a bucket lacks."""

from __future__ import annotations

from typing import Final

READ_AND_WRITE: Final = "roles/storage.objectAdmin"
"""Creates, reads, lists, replaces and deletes objects."""
READ: Final = "roles/storage.objectViewer"
"""Reads and lists objects."""


def create_bucket(bucket: str, project: str | None) -> str:
    """Creates a bucket that nothing in it can be made public of, one rule for all objects."""
    chosen = f" --project={project}" if project else ""
    return (
        f"gcloud storage buckets create gs://{bucket}{chosen} --location=LOCATION"
        " --uniform-bucket-level-access --public-access-prevention"
    )


def grant(bucket: str, member: str, role: str = READ_AND_WRITE) -> str:
    """Gives somebody a role on a bucket."""
    return (
        f"gcloud storage buckets add-iam-policy-binding gs://{bucket}"
        f" --member={member} --role={role}"
    )
