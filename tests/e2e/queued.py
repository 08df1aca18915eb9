"""What the App has left to a worker."""

from __future__ import annotations

from fathomnet_voxel51.names import PLUGIN_NAME
from fiftyone.operators.delegated import DelegatedOperationService


def newest_operation(operator: str) -> str:
    """The id of the operation that was put on the queue last."""
    operations = DelegatedOperationService().list_operations(operator=f"{PLUGIN_NAME}/{operator}")
    return str(max(operations, key=lambda operation: operation.queued_at).id)
