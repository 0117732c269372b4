"""The JSON Schema of the scenario language, for editors that complete and check while a planner types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from sim.scenario.schema import Model
from sim.scenario.values import Quantity

# a file may hold any part of a scenario: what is due is only known after the files are merged
ONLY_OF_THE_WHOLE = {"required", "minProperties", "discriminator"}
NULL = {"type": "null"}


def scenario_schema() -> dict[str, Any]:
    """The schema of one scenario file, which may extend others: nothing is required, null deletes."""
    schema: dict[str, Any] = _of_a_part(Model.model_json_schema(schema_generator=Generator))
    name = {"type": "string", "description": "a file that this one extends"}
    names = {"type": "array", "items": name, "description": "files that this one extends, in this order"}
    schema["properties"] = {"extends": {"anyOf": [name, names]}} | schema["properties"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def write(folder: str | Path = "scenarios") -> Path:
    """Write scenario.schema.json into a folder; returns its path."""
    path = Path(folder) / "scenario.schema.json"
    path.write_text(json.dumps(scenario_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


class Generator(GenerateJsonSchema):
    """Writes default quantities as a planner would."""

    def encode_default(self, dft: Any) -> Any:
        return dft.text if isinstance(dft, Quantity) else super().encode_default(dft)


def _of_a_part(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without what only a whole scenario must have, and with null for the value of any key."""
    part = {key: value for key, value in schema.items() if key not in ONLY_OF_THE_WHOLE}
    if "oneOf" in part:  # without its `kind`, a part of a service may fit several
        part["anyOf"] = part.pop("oneOf")
    for key in ("properties", "patternProperties", "$defs"):
        if key in part:
            part[key] = {name: _of_a_part(value) for name, value in part[key].items()}
    for key in ("properties", "patternProperties"):
        if key in part:
            part[key] = {name: _or_null(value) for name, value in part[key].items()}
            part["additionalProperties"] = False
    if isinstance(part.get("additionalProperties"), dict):
        part["additionalProperties"] = _or_null(_of_a_part(part["additionalProperties"]))
    if "anyOf" in part:
        part["anyOf"] = [_of_a_part(value) for value in part["anyOf"]]
    return part


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    schema = {key: value for key, value in schema.items() if key != "title"}
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], *([] if NULL in schema["anyOf"] else [NULL])]}
    about = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    return {"anyOf": [schema, NULL]} | about
