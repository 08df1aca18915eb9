"""Who asks Google Cloud Storage for images, and the commands that grant rights."""

import os
from typing import Any, Final, Protocol

from ...files.credentials import (
    GOOGLE_ENDPOINT,
    PROJECT_VARIABLE,
    emulator_endpoint,
    find_credentials,
    paying_project,
)

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


def grant_use(refusal: str, member: str) -> str:
    """The command that lets somebody make a project pay, if a refusal is about that; else empty."""
    if "serviceusage" not in refusal:
        return ""
    return (
        f"gcloud projects add-iam-policy-binding {paying_project() or 'PROJECT'}"
        f" --member={member} --role=roles/serviceusage.serviceUsageConsumer"
    )


class Access(Protocol):
    """An identity, and the credentials that prove it.

    Attributes:
        endpoint: the address of Cloud Storage, without a trailing slash.
        project: the project to use where one is needed, if any is known.
        credentials: for google-cloud-storage; they may be used by many threads.
        in_loop: the same for google-auth's asynchronous session.
    """

    endpoint: str
    project: str | None
    credentials: Any
    in_loop: Any

    @property
    def account(self) -> str:
        """Who this is, for messages."""
        ...

    @property
    def member(self) -> str:
        """Who this is, in the form that ``gcloud`` expects for ``--member``."""
        ...


async def proof(access: Access) -> dict[str, str]:
    """The headers that prove an identity, valid for a request that starts now.

    Raises:
        SetupError: the credentials are no longer valid.
        ItemError: there is no token now, but there may be one later.
    """
    headers: dict[str, str] = {}
    await access.in_loop.before_request(None, "GET", access.endpoint, headers)
    return headers


def find_access() -> Access:
    """The identity of this process: nobody (for an emulator), the plugin secret's, or the default.

    The emulator is considered first, so that it is never sent a real token. This may read files and
    ask Google's metadata server, so call it in a thread.

    Raises:
        SetupError: there are no credentials, or they cannot be read; the message says how to get
        them.
    """
    if endpoint := emulator_endpoint():
        return Nobody(endpoint)
    return GoogleAccess(*find_credentials())


class Nobody:
    """Requests without credentials, for an emulator.

    Args:
        endpoint: where Cloud Storage is reached.
    """

    account = "anonymous"
    member = "allUsers"

    def __init__(self, endpoint: str) -> None:
        from google.auth.aio.credentials import AnonymousCredentials

        from .credentials import NoCredentials

        self.endpoint = endpoint.rstrip("/")
        self.project = os.environ.get(PROJECT_VARIABLE)
        self.credentials = NoCredentials()
        self.in_loop = AnonymousCredentials()


class GoogleAccess:
    """Requests with google-auth's credentials.

    Args:
        credentials: from google-auth.
        project: if one is known.
        endpoint: where Cloud Storage is reached.
    """

    def __init__(
        self, credentials: Any, project: str | None, endpoint: str = GOOGLE_ENDPOINT
    ) -> None:
        from .credentials import SharedCredentials, SharedInLoop

        self.endpoint = endpoint.rstrip("/")
        self.project = project
        self.credentials = SharedCredentials(credentials)
        self.in_loop = SharedInLoop(self.credentials)

    @property
    def account(self) -> str:
        return self.credentials.account

    @property
    def member(self) -> str:
        email = self.credentials.email
        kind = "serviceAccount" if self.credentials.service_account else "user"
        return f"{kind}:{email or 'YOUR_ACCOUNT'}"
