"""What the search engine is told, the same in both runtimes: all but its addresses."""

from __future__ import annotations


def node_settings(more: dict[str, str]) -> dict[str, str]:
    """Of one node that is a cluster by itself.

    more: beyond the labs' own, or in place of them.
    """
    return {
        "cluster.name": "labs",
        "node.name": "search",
        "discovery.type": "single-node",
        # else no index is made, and all become read-only, on a disk that is 85 to 95 %
        # full, as a laptop's may be for years
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        # else a mistyped name makes an index with guessed types
        "action.auto_create_index": ".*",
        # else the engine wants vm.max_map_count raised, which takes root
        "node.store.allow_mmap": "false",
        **more,
    }
