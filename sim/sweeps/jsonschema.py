"""The JSON Schema of sweep files, for editors that complete and check while a planner types."""

from __future__ import annotations

from typing import Any

from sim.scenario.jsonschema import Generator
from sim.sweeps.file import SweepBlock


def sweep_schema() -> dict[str, Any]:
    """The schema of one sweep file."""
    schema: dict[str, Any] = SweepBlock.model_json_schema(schema_generator=Generator)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
