"""The ``gcloud`` commands that give a bucket what it lacks."""

from __future__ import annotations

from typing import Final

READ_AND_WRITE: Final = "roles/storage.objectAdmin"
"""The role to create, read, list, replace and delete objects."""
READ: Final = "roles/storage.objectViewer"
"""The role to read and list objects."""


def create_bucket(bucket: str, project: str | None) -> str:
    """The command that creates a bucket with uniform access whose objects cannot be made public."""
    chosen = f" --project={project}" if project else ""
    return (
        f"gcloud storage buckets create gs://{bucket}{chosen} --location=LOCATION"
        " --uniform-bucket-level-access --public-access-prevention"
    )


def grant_role(bucket: str, member: str, role: str = READ_AND_WRITE) -> str:
    """The command that grants somebody a role on a bucket."""
    return (
        f"gcloud storage buckets add-iam-policy-binding gs://{bucket}"
        f" --member={member} --role={role}"
    )
