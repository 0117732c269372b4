"""The JSON Schemas of sweep files and of optimisations, for editors that complete and check while a planner types."""

from __future__ import annotations

from typing import Any

from sim.scenario.jsonschema import Generator
from sim.scenario.schema import Block
from sim.sweeps.file import SweepBlock
from sim.sweeps.levers import OptimiseBlock


def sweep_schema() -> dict[str, Any]:
    """The schema of one sweep file."""
    return _schema(SweepBlock)


def optimise_schema() -> dict[str, Any]:
    """The schema of one file of `corridor optimise`."""
    return _schema(OptimiseBlock)


def _schema(kind: type[Block]) -> dict[str, Any]:
    schema: dict[str, Any] = kind.model_json_schema(schema_generator=Generator)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
