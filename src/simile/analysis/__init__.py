"""Analyze many vectors at once: clusters, duplicates, labels, a map.

Takes arrays (and texts), returns frozen dataclasses; knows no files, index or model.
"""

from simile.analysis.classify import Classifier, Prediction, fit
from simile.analysis.clustering import Cluster, Clustering, cluster
from simile.analysis.dedupe import NearDuplicates, near_duplicates
from simile.analysis.page import Map, map_page, write_map
from simile.analysis.projection import Projection, project
from simile.analysis.suggest import Suggestion, suggest_threshold

__all__ = [
    "Classifier",
    "Cluster",
    "Clustering",
    "Map",
    "NearDuplicates",
    "Prediction",
    "Projection",
    "Suggestion",
    "cluster",
    "fit",
    "map_page",
    "near_duplicates",
    "project",
    "suggest_threshold",
    "write_map",
]
