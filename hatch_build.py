"""Build hook: a standard wheel carries the scenario library; an editable install reads it in place."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ScenarioLibrary(BuildHookInterface):
    """Ships `scenarios/` as `sim/data/scenarios`, where `sim.library()` finds it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the library to the wheel; `version` is "standard" or "editable"."""
        if version == "standard":
            build_data["force_include"]["scenarios"] = "sim/data/scenarios"
