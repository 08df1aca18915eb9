"""The classes whose import paths users' databases hold, under paths that never change.

FiftyOne stores the path of a run's class beside the run, and imports it whenever the run is loaded.
The modules that define these classes may move; this module, and the names in it, may not.
"""

from .similarity.backends import RememberedLanceDBSimilarity, RememberedLanceDBSimilarityConfig
from .similarity.exact import ExactSimilarity, ExactSimilarityConfig, ExactSimilarityIndex

__all__ = [
    "ExactSimilarity",
    "ExactSimilarityConfig",
    "ExactSimilarityIndex",
    "RememberedLanceDBSimilarity",
    "RememberedLanceDBSimilarityConfig",
]
