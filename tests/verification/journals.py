"""What a replication of some scenarios comes to, to the bit, by the program that this Python finds: written as JSON.

It is run by itself, for tests/verification/test_compiled.py: python journals.py FILE [PATH=VALUE …] [-- FILE …]
"""

from __future__ import annotations

import hashlib
import json
import sys

import sim
from sim._version import compiled
from sim.model import Journal, simulate, world
from sim.network import build
from sim.sweeps.work import model_id


def digest(journal: Journal) -> str:
    """Of all tables, in the order of their rows, and of what stands beside them."""
    digest = hashlib.sha256()
    for name, table in journal.tables().items():
        for column, values in table.items():
            digest.update(f"{name} {column} {values.dtype} {len(values)}".encode() + values.tobytes())
    digest.update(repr((journal.names, journal.trips, journal.events)).encode() + journal.capacities.tobytes())
    return digest.hexdigest()


def main(words: list[str]) -> None:
    found: dict[str, object] = {"compiled": compiled(), "code": world.__file__, "model": model_id()}
    while words:
        end = words.index("--") if "--" in words else len(words)
        (file, *changes), words = words[:end], words[end + 1 :]
        network = build(sim.load(file, set=changes))
        found[file] = [digest(simulate(network, 1)), digest(simulate(network, 1, check=True))]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
