"""Many vectors to what can be seen in them: clusters, duplicates, labels, a map.

Takes arrays (and texts), gives frozen dataclasses; knows no files, no index and no model.
"""

from simile.analysis.clustering import Cluster, Clustering, cluster
from simile.analysis.page import Map, map_page, write_map
from simile.analysis.projection import Projection, project

__all__ = [
    "Cluster",
    "Clustering",
    "Map",
    "Projection",
    "cluster",
    "map_page",
    "project",
    "write_map",
]
