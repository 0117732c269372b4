"""Processes that tests start, as the system sees them."""

from __future__ import annotations

from pathlib import Path


def group(leader: int) -> set[int]:
    """The processes of a group that are alive."""
    members = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group_id = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(group_id) == leader and state != "Z":
            members.add(int(stat.parent.name))
    return members
