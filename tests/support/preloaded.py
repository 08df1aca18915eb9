"""What processes that are forked for a test have imported: see :mod:`tests.support.forking`."""

from __future__ import annotations

import fathomnet_voxel51.operators
import fiftyone.core.cli
import open_clip
from fiftyone.plugins.context import build_plugin_contexts

import tests.faults.stages

# The plugin too, as FiftyOne loads it. None of this connects to a database.
assert build_plugin_contexts() and fiftyone.core.cli and open_clip and tests.faults.stages
assert fathomnet_voxel51.operators.OPERATORS
