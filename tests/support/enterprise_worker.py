"""A worker of the stand-in for a deployment: takes what is queued, until it is ended."""

from __future__ import annotations

import time

from fiftyone.operators.delegated import DelegatedOperationService
from pytest import MonkeyPatch

from tests.support.enterprise import Deployment, install

if __name__ == "__main__":
    install(Deployment.of_environment(), MonkeyPatch())
    service = DelegatedOperationService()
    while True:
        service.execute_queued_operations(limit=1, log=True)
        time.sleep(0.2)
