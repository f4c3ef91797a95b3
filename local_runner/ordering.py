"""Cycles in a graph of references."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def cycle_in(references: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Ids of one cycle, each referring to the next; empty where there is none. Kahn's algorithm: linear, not recursive.

    `references` names for each node the nodes that it refers to, all of which are nodes.
    """
    waiting = {node_id: set(targets) for node_id, targets in references.items()}
    users: dict[str, list[str]] = {node_id: [] for node_id in waiting}
    for node_id, targets in waiting.items():
        for target in targets:
            users[target].append(node_id)
    ready = [node_id for node_id, targets in waiting.items() if not targets]
    while ready:
        done = ready.pop()
        for user in users[done]:
            waiting[user].discard(done)
            if not waiting[user]:
                ready.append(user)
    walked: dict[str, int] = {}
    left = [node_id for node_id, targets in waiting.items() if targets]
    if not left:  # what cannot be ordered stands on a cycle or behind one
        return ()
    node_id = left[0]
    while node_id not in walked:
        walked[node_id] = len(walked)
        node_id = min(waiting[node_id])
    return tuple(walked)[walked[node_id] :]
