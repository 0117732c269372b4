"""Bad input of every kind: a clear line with file, line and column, what is allowed, and what was probably meant."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from sim.network import build, load, load_all
from sim.scenario import check
from sim.scenario.faults import ScenarioError
from sim.scenario.schema import Block, Model
from sim.scenario.tree import parse
from sim.scenario.values import Months, Quantity, Variate

FOLDER = Path(__file__).parent
COMPLETE = (FOLDER / "complete.yaml").read_text(encoding="utf-8")
FLOW = "demand: {almaty-tbilisi: {diversions: {"
LINE = re.compile(r"[^\n]+: error: [^\n]+")


def validate(files, set=()) -> list[str]:
    """Every fault of these files and of their networks, a rendered line each."""
    try:
        for scenario in load_all(files, set=set):
            build(scenario)
    except ScenarioError as error:
        return list(error.lines)
    return []


@pytest.fixture
def faults_of(tmp_path, monkeypatch):
    """The faults of a child of the complete scenario, or of a text that stands alone; each is one rendered line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(COMPLETE, encoding="utf-8")

    def faults_of(text: str, *changes: str, alone: bool = False) -> list[str]:
        (tmp_path / "child.yaml").write_text(text if alone else "extends: base.yaml\n" + text, encoding="utf-8")
        lines = validate(["child.yaml"], set=changes)
        assert all(LINE.fullmatch(line) for line in lines), lines
        return lines

    return faults_of


def told(line: str, where: str, message: str, hint: str | None) -> bool:
    """Whether a line blames this position, says this, and suggests this."""
    suggested = line.endswith(f'; did you mean "{hint}"?') if hint else "did you mean" not in line
    return line.startswith(f"{where}: error: ") and message in line and suggested


def test_the_complete_scenario_is_sound_and_complete(faults_of):
    assert faults_of("") == []
    written = {key for path, _ in nodes() for key in path}
    declared = {key for block in blocks() for key in block.model_fields}
    assert declared - written == set()


def blocks() -> list[type[Block]]:
    found, waiting = [], [block for block in Block.__subclasses__() if block.__module__.startswith("sim.scenario.")]
    while waiting:
        found.append(block := waiting.pop())
        waiting += block.__subclasses__()
    return found


def nodes():
    """Every node of the complete scenario with its path."""
    waiting = [((), parse(COMPLETE, "base.yaml"))]
    while waiting:
        path, node = waiting.pop()
        for key, child in node.entries.items():
            waiting.append(((*path, key), child))
            yield (*path, key), child


def keys_of_the_schema():
    """The keys that the language fixes, as against ids and list entries."""
    for path, node in nodes():
        above = [kind.type for kind in check.allowed_at(path[:-1])]
        fixed = [
            kind for kind in above if isinstance(kind, type) and issubclass(kind, Block | Quantity | Variate | Months)
        ]
        if fixed and not path[-1].isdigit():
            yield pytest.param(path, node.key, id=".".join(path))


@pytest.mark.parametrize(("path", "at"), [*keys_of_the_schema()])
def test_each_key_misspelt_once(faults_of, path, at):
    key = path[-1]
    lines = COMPLETE.splitlines(keepends=True)
    line = lines[at.line - 1]
    assert line[at.column - 1 :].startswith(key)
    wrong = key + key[-1]
    lines[at.line - 1] = line[: at.column - 1] + wrong + line[at.column - 1 + len(key) :]
    found = faults_of("".join(lines), alone=True)
    where = f"child.yaml:{at.line}:{at.column}"
    assert [fault for fault in found if told(fault, where, f'unknown key "{wrong}"', key)], found


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        # unknown key
        ("fleets: {feeders: {vesels: 8}}", "2:20", 'unknown key "vesels", allowed here: service, title', "vessels"),
        ("prots: {}", "2:1", 'unknown key "prots"', "ports"),
        ("ports: {aktau: {berths: {feeder: {cranse: 3}}}}", "2:35", 'unknown key "cranse"', "cranes"),
        ("borders: {tbilisi: {time: {value: 6 h, sauce: x}}}", "2:40", 'unknown key "sauce"', "source"),
        ("borders: {tbilisi: {quux: 3}}", "2:21", 'unknown key "quux", allowed here: time,', None),
        # cranes and waits that exclude each other
        (
            "services: {rail-kz: {stops: {almaty: {count_from: berthing, waits_at: off-berth}}}}",
            "2:51",
            'found "berthing", but it waits for its load off the berth',
            None,
        ),
        (
            "terminals: {almaty: {berths: {track: {shared: true}}}}",
            "base.yaml:62:106",
            '"almaty" shares its cranes out',
            None,
        ),
        # misspelt name of a block
        ("fleets:\n  feders: {vessels: 8}", "3:3", "the keys service, title, capacity, accepts are missing", "feeders"),
        ("routes: {midle: {via: []}}", "2:10", 'key "title" is missing, where a text is due', "middle"),
        ("fleets: {feeedrs: null}", "2:10", 'null deletes "feeedrs", but none is inherited', "feeders"),
        ("services: {feeder: {kind: ship}}", "2:27", "allowed: trains, ships, timetable", "ships"),
        ("services: {feeder: {kind: null}}", "2:12", 'key "kind" is missing', None),
        ("links: {aktau-alat: {mode: see}}", "2:28", "one of rail, sea, road, waterway, pipeline is due", "sea"),
        ("links: {almaty-aktau: {gauge: 1000}}", "2:31", "found 1000, where one of 1435, 1520 is due", None),
        ("places: {Baku Port: {name: Baku, country: AZ, lat: 40, lon: 49}}", "2:10", "an id of small", "baku-port"),
        # units
        ("ports: {aktau: {depth: 7}}", "2:24", 'found 7 without a unit, where a depth like "7 m"', None),
        ("ports: {aktau: {depth: 7 km}}", "2:24", 'unit "km" in "7 km"', None),
        ("run: {length: 365 days}", "2:15", 'unit "days"', "365 d"),
        ("links: {aktau-alat: {distance: 253 nmi}}", "2:32", 'unit "nmi"', "253 nm"),
        ("fleets: {feeders: {capacity: 350}}", "2:30", "350 without a unit", None),
        ("fleets: {feeders: {speed: 11 kts}}", "2:27", 'unit "kts"', "11 kn"),
        ("services: {liner: {on_time: 60}}", "2:29", "found 60, where a share from 0 to 1", "60 %"),
        ("services: {feeder: {pace: 90 %}}", "2:27", "where a number like 1.2 is due", None),
        ("borders: {tbilisi: {hours: 8-20}}", "2:28", 'hours of the day like "08:00-20:00"', None),
        # signs and bounds
        ("services: {feeder: {stops: {alat: {wait: -3 d}}}}", "2:42", 'found "-3 d", which is negative', None),
        ("borders: {tbilisi: {time: -6 h}}", "2:27", 'found "-6 h", which is negative', None),
        ("run: {length: 0 d}", "2:15", "not more than 0", None),
        ("run: {seed: -1}", "2:13", "a whole number of at least 0", None),
        ("run: {replications: 2.5}", "2:21", "found 2.5, where a whole number", None),
        ("places: {alat: {lat: 143}}", "2:22", "a number from -90 to 90", None),
        ("places: {alat: {country: az}}", "2:26", 'two capitals like "KZ"', None),
        ("fleets: {feeders: {vessels: 0}}", "2:29", "of at least 1", None),
        ("fleets: {kz-trains: {train_sets: many}}", "2:34", "a whole number of at least 1 or unlimited", None),
        ("links: {aktau-alat: {between: [aktau]}}", "2:31", "found a list of 1, where a list of 2 is due", None),
        ("links: {aktau-alat: {between: [aktau, alat, almaty]}}", "2:31", "found a list of 3", None),
        ("services: {feeder: {stops: {alat: null}}}", "2:28", "found a mapping of 1, where a mapping of 2", None),
        ("title: 7", "2:8", "found 7, where a text is due", None),
        ("links: 7", "2:8", "found 7, where a mapping is due", None),
        ("links: {aktau-alat: sea}", "2:21", 'found "sea", where a mapping is due', None),
        ("routes: {middle: {via: aktau}}", "2:24", 'found "aktau", where a list is due', None),
        ("demand: {almaty-tbilisi: {compare: 1}}", "2:36", "found 1, where true or false is due", None),
        ("cargo: {feu: {teu: two}}", "2:20", 'found "two", where a number of at least 0 is due', None),
        ('cargo: {feu: {teu: "2"}}', "2:20", 'found "2", where a number of at least 0 is due', None),
        ("places: {alat: {lat: true}}", "2:22", "found true, where a number from -90 to 90 is due", None),
        ("cargo: {feu: {teu: .inf}}", "2:20", "a finite number", None),
        # references
        ("links: {aktau-alat: {between: [aktau, alatt]}}", "2:39", '"alatt" is not in places', "alat"),
        ("links: {aktau-alat: {calendar: caspian}}", "2:32", "is not in calendars", "caspian-wind"),
        ("services: {feeder: {via: [aktao]}}", "2:27", '"aktao" is not in places', "aktau"),
        ("services: {liner: {accepts: [fue]}}", "2:30", '"fue" is not in cargo', "feu"),
        ("services: {feeder: {stops: {alat: {berth: feder}}}}", "2:43", "which has: feeder, track", "feeder"),
        ("fleets: {feeders: {service: feeders}}", "2:29", "is not in services", "feeder"),
        ("fleets: {feeders: {accepts: [teu]}}", "2:30", '"teu" is not in cargo', "feu"),
        ("routes: {middle: {via: [aktau, allat]}}", "2:32", '"allat" is not in places', "alat"),
        ("routes: {middle: {avoid: [linner]}}", "2:27", "is not in places or services", "liner"),
        ("demand: {almaty-tbilisi: {origin: almatty}}", "2:35", '"almatty" is not in places', "almaty"),
        ("demand: {almaty-tbilisi: {cargo: wagon}}", "2:34", '"wagon" is not in cargo', None),
        ("ports: {aktau: {sea: kaspian}}", "2:22", '"kaspian" is not in seas', "caspian"),
        ("borders: {tiblisi: {time: 6 h}}", "2:11", '"tiblisi" is not in places', "tbilisi"),
        ("borders: {tbilisi: {time: {value: 6 h, source: alat-2042}}}", "2:48", "is not in sources", "alat-2024"),
        # sense
        ("routes: {two: {title: Two}}\ndemand: {almaty-tbilisi: {routes: {two: 20 %}}}", "3:27", "add up to 1.2", None),
        (f"{FLOW}x: {{start: 2024-05-01, routes: {{middle: 90 %}}}}}}}}}}", "2:63", "add up to 0.9", None),
        (f"{FLOW}x: {{start: 2024-05-01, routes: {{midle: 1}}}}}}}}}}", "2:72", '"midle" is not in routes', "middle"),
        (f"{FLOW}x: {{start: May, routes: {{middle: 1}}}}}}}}}}", "2:51", 'found "May", where a date like', None),
        (f"{FLOW}x: {{start: 2024-02-20, routes: {{middle: 1}}}}}}}}}}", "2:51", '"storm" has not ended by then', None),
        (f"{FLOW}storm: {{end: 2024-01-01}}}}}}}}", "2:53", 'is not after the start "2024-02-01"', None),
        ("demand: {almaty-tbilisi: {volume: 5 wagons/d}}", "2:35", "the units differ", None),
        ("demand: {almaty-tbilisi: {destination: almaty}}", "2:40", "is the origin, too", None),
        ("demand: {almaty-tbilisi: {block: 56}}", "2:34", "a block of 56 takes 112 TEU, more than the largest", None),
        (
            "fleets: {feeders: {capacity: 1 TEU}}",
            "2:30",
            "takes 2 TEU, more than the capacity of 1 TEU",
            None,
        ),
        ("fleets: {feeders: {capacity: 54 wagons}}", "base.yaml:99:135", "the units differ", None),
        ("fleets: {feeders: {train_sets: 3}}", "2:20", "found both vessels and train_sets", None),
        ("fleets: {feeders: {vessels: 3000000}}", "2:29", "found 3000000, where a whole number from 1 to 10000", None),
        ("fleets: {kz-trains: {train_sets: 10001}}", "2:34", "found 10001, where a whole number from 1 to 10000", None),
        ("fleets: {feeders: {vessels: null}}", "2:10", "found neither vessels nor train_sets", None),
        ("fleets: {kz-trains: {speed: 40 km/h}}", "2:22", "trains have no speed of their own", None),
        ("fleets: {feeders: {speed: null}}", "2:10", 'key "speed" is missing', None),
        ("fleets: {feeders: {service: liner}}", "2:29", "of kind timetable, where one of trains or ships", None),
        ("fleets: {feeders: {draught: {full: 4 m}}}", "base.yaml:99:119", "an empty ship draws no less", None),
        ("links: {aktau-alat: {gauge: 1520}}", "2:22", "a sea link has no gauge", None),
        ("links: {aktau-alat: {between: [alat, alat]}}", "2:31", "found alat twice", None),
        ("links: {almaty-aktau: {delay: 3 h}}", "2:31", 'found a time, where a share like "25 %" is due', None),
        ("borders: {tbilisi: {time: 20 %}}", "2:27", 'found a share, where a time like "36 h" is due', None),
        ("calendars: {caspian-wind: {block: null}}", "base.yaml:28:5", 'key "block" is missing', None),
        ("calendars: {caspian-wind: {closed_share: {jan: 1.2}}}", "2:48", "a share of 1.2 is more than 0.99", None),
        ("calendars: {caspian-wind: {closed_share: {jan: null}}}", "2:28", "missing: jan", None),
        ("calendars: {caspian-wind: {closures: {storm: {end: 2024-01-31}}}}", "2:52", "is not after the start", None),
        ("calendars: {caspian-wind: {closures: {storm: {end: 31.1.2024}}}}", "2:52", "where a date like", None),
        ("run: {start: 2024-02-30}", "2:14", 'found "2024-02-30", where a date like', None),
        ("places: {aktau: {name: Alat}}", "base.yaml:16:16", '"Alat" is the name of aktau, too', None),
        ("run: {start: 9999-12-01}", "2:14", 'around "9999-12-01" does not lie within the years 1 to 9999', None),
        ("run: {start: 0001-01-05}", "2:14", 'around "0001-01-05" does not lie within the years 1 to 9999', None),
        ("demand: {almaty-tbilisi: {seasons: {dec: -1}}}", "2:42", "negative", None),
        (
            "ports: {aktau: {yards: {stack: {limit: 20 trucks}}}}",
            "2:40",
            "no cargo takes space in trucks, only in TEU",
            None,
        ),
        ("ports: {aktau: {documents: {faulty_time: null}}}", "base.yaml:48:117", 'key "faulty_time" is missing', None),
        ("services: {liner: {late: null}}", "base.yaml:93:5", 'key "late" is missing', None),
        ("routes: {middle: {promise: {high: 9 d}}}", "2:35", "9 d is less than low, 10 d", None),
        (
            "ports: {almaty: {sea: caspian, berths: {track: {count: 1, discharge: 3 min, load: 3 min}}}}",
            "2:9",
            '"almaty" is a terminal and a port',
            None,
        ),
        (
            "services: {rail-az: {kind: trains, time: null, mode: null, accepts: null, stops: "
            "{alat: {berth: track, wait: 1 d}, tbilisi: {berth: track, wait: 1 d}}}}\nterminals: {tbilisi: null}",
            "2:116",
            'place "tbilisi" is no terminal and no port',
            None,
        ),
    ],
)
def test_one_fault_is_told_in_one_line(faults_of, text, where, message, hint):
    [line] = faults_of(text)
    assert told(line, where if "base" in where else f"child.yaml:{where}", message, hint), line


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("", "1:1", "the file is empty", None),
        ("# nothing yet\n", "1:1", "the file is empty", None),
        ("---\n", "1:1", "the file is empty", None),
        ("- a\n- b\n", "1:1", "found a list of 2, where a mapping with a title is due", None),
        ("just text\n", "1:1", 'found "just text"', None),
        ("null\n", "1:1", "found nothing", None),
        ("title: x\ndescription: y\ntitle: z\n", "3:1", 'key "title" is given twice, first in line 1', None),
        ("seas: {b: {},\n    b: {}}\n", "2:5", 'key "b" is given twice, first in line 1', None),
        ("a: [1, 2\nb: 3\n", "2:2", "wrong YAML: ", None),
        ("a:\n\tb: 3\n", "2:1", "wrong YAML: a tab; indent with blanks", None),
        ("title: a: b\n", "1:9", 'wrong YAML: a second ": " in one line', None),
        ("a: @b\n", "1:4", "wrong YAML: a plain text cannot begin with @; quote it", None),
        ("a: 'b\n\n", "3:1", "scanning a quoted scalar begun in line 1", None),
        ("a: \x00\n", "1:4", "wrong YAML: character #x00 is not allowed", None),
        ("title: x\n---\ntitle: y\n", "3:1", "a second document", None),
        ("title: !!python/name:os.system x\n", "1:8", "is not allowed; write the plain value", None),
        ("ports:\n", "1:1", "nothing is written here; write null to delete", None),
        ("a: *b\n", "1:4", "*b has no anchor &b before it", None),
        ("? [a]\n: b\n", "1:3", "a key must be a plain text", None),
        ("[" * 5000, "1:52", "more than 50 levels of nesting", None),
        ("{a: " * 5000, "1:205", "more than 50 levels of nesting", None),
        ("title: 1e999\n", "1:8", 'found "1e999", where a finite number is due', None),
        (f"title: {'9' * 5000}\n", "1:8", "where a finite number is due", None),
        ("extends: bsae.yaml\n", "1:10", 'there is no file "bsae.yaml"', "base.yaml"),
        ("extends: [base.yaml, nowhere.yaml]\n", "1:22", 'there is no file "nowhere.yaml"', None),
        ("extends: .\n", "1:10", '"." is a directory', None),
        ("extends: child.yaml\n", "1:10", "a cycle of extends: child.yaml → child.yaml", None),
        ("extends: {file: base.yaml}\n", "1:10", "found a mapping of 1, where the name of a file", None),
        ("extends: [7]\n", "1:11", "found 7, where the name of a file", None),
    ],
)
def test_a_file_that_is_no_scenario(faults_of, text, where, message, hint):
    [line] = faults_of(text, alone=True)
    assert told(line, f"child.yaml:{where}", message, hint), line


def test_a_cycle_of_several_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, parent in [("a", "b"), ("b", "c"), ("c", "b")]:
        Path(f"{name}.yaml").write_text(f"title: x\nextends: {parent}.yaml\n")
    assert validate(["a.yaml"]) == ["c.yaml:2:10: error: a cycle of extends: b.yaml → c.yaml → b.yaml"]


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("latin.yaml").write_bytes("title: x\nname: Małaszewicze é".encode("iso-8859-2"))
    Path("folder").mkdir()
    Path("there.yaml").write_text("")
    assert validate(["latin.yaml", "folder", "gone.yaml", "theer.yaml"]) == [
        "latin.yaml:2:9: error: byte 0xb3 is not UTF-8 text; save the file as UTF-8",
        'folder:1:1: error: "folder" is a directory, where a file is due',
        'gone.yaml:1:1: error: there is no file "gone.yaml"',
        'theer.yaml:1:1: error: there is no file "theer.yaml"; did you mean "there.yaml"?',
    ]


def test_faults_are_told_beside_a_file_that_cannot_be_read(faults_of):
    text = """\
extends: [base.yaml, gone.yaml, torn.yaml]
fleets:
  feeders: {vesels: 8, speed: 11}
  feedrs: null
ports: {aktau: {documents: {time: {dist: gamma, mean: -3 h, cv: 1}}}}
services: {lorries: {stops: {aktau: {wait: 3 h}}, acepts: []}}
demand: {almaty-tbilisi: {destination: almaty, routes: {middle: 0.5}}}
seas: {caspian: {level: {note: as in 2024}}, black: {level: {value: 3}}}
"""
    Path("torn.yaml").write_text("title: x\ntitle: y\nrun: {lenght: 3, seed: }\n")
    # what may be mended by the file that is not there, like a reference to nothing, is told once it is there
    assert [line.partition(": error: ")[0] for line in faults_of(text, "ports.aktu.depth=3", alone=True)] == [
        "child.yaml:1:22",
        "torn.yaml:2:1",
        "torn.yaml:3:18",
        "child.yaml:3:13",
        "child.yaml:3:31",
        "child.yaml:5:55",
        "child.yaml:8:69",
        "torn.yaml:3:7",
    ]


def test_all_faults_of_all_kinds_and_files_are_told_in_one_pass(faults_of):
    text = """\
fleets:
  feeders: {vesels: 8, speed: 11}
  feedrs: null
ports: {aktau: {documents: {time: {dist: gamma, mean: -3 h, cv: 0, grade: hihg}}}}
links: {aktau-alat: {between: [aktau, alatt], gauge: 1520}}
demand: {almaty-tbilisi: {destination: almaty, routes: {middle: 0.5}}}
"""
    Path("other.yaml").write_text("extends: [child.yaml, gone.yaml]\n")
    lines = faults_of(text)
    assert [line.split(": error: ")[0] for line in lines] == [
        "child.yaml:4:3",
        "child.yaml:3:13",
        "child.yaml:3:31",
        "child.yaml:5:55",
        "child.yaml:5:65",
        "child.yaml:5:75",
        "child.yaml:6:39",
        "child.yaml:7:40",
        "child.yaml:7:48",
    ]
    both = validate(["child.yaml", "other.yaml"])
    assert both == [*lines, 'other.yaml:1:23: error: there is no file "gone.yaml"']


FAULTS_OF_THE_NETWORK = """\
places: {baku: {name: Baku, country: AZ, lat: 40.4, lon: 49.9}}
terminals: {baku: {berths: {track: {count: 1, discharge: 3 min, load: 3 min}}}}
services:
  stray: {kind: trains, title: No way, stops: {almaty: {berth: track, wait: 1 d}, baku: {berth: track, wait: 1 d}}}
demand:
  from-baku:
    {title: x, origin: baku, destination: tbilisi, direction: west, cargo: feu, volume: 100 TEU/a, routes: {middle: 1}}
  almaty-tbilisi: {block: 80}
"""


@pytest.mark.parametrize(
    ("fault", "hides"),
    [
        ("", set()),
        ("run: {length: 3}", set()),
        ("ports: {aktau: {depht: 7 m}}", set()),
        ("borders: {tiblisi: {time: 6 h}}", set()),
        ("fleets: {feeders: {capacity: 350}}", set()),
        ("fleets: {feeders: {accepts: [fue]}}", set()),
        ("routes: {middle: {via: [aktua]}}", set()),
        # a link or a train set that is not as it was written may be what is asked for
        ("links: {aktau-alat: {distance: 253}}", {"no way"}),
        ("fleets: {kz-trains: {capacity: 110}}", {"a block of 80"}),
        ("fleets: {feeders: {service: feder}}", {"no service", "a block of 80"}),
    ],
)
def test_faults_of_the_network_are_told_with_those_of_the_file(faults_of, fault, hides):
    found = faults_of(FAULTS_OF_THE_NETWORK + fault)
    told_of_network = {"no way", "no service", "a block of 80"} - hides
    assert {words for words in told_of_network if any(f"error: {words}" in line for line in found)} == told_of_network
    assert len(found) == len(told_of_network) + bool(fault)


def test_faults_of_the_network_of_each_file_are_told(faults_of):
    faults_of("run: {length: 3}")
    Path("other.yaml").write_text("extends: base.yaml\n" + FAULTS_OF_THE_NETWORK)
    assert len(validate(["child.yaml", "other.yaml"])) == 4


def test_a_fault_that_several_files_inherit_is_told_once(faults_of):
    faults_of("run: {length: 3}")
    Path("heir.yaml").write_text("extends: child.yaml\n")
    assert validate(["child.yaml", "heir.yaml", "child.yaml"]) == faults_of("run: {length: 3}")


def test_the_file_that_set_the_value_is_blamed(faults_of):
    faults_of("ports: {aktau: {depth: 7}}")
    Path("heir.yaml").write_text("extends: child.yaml\nports: {aktau: {calendar: null}}\n")
    [line] = validate(["heir.yaml"])
    assert line.startswith("child.yaml:2:24: ")


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ("ports.aktau.dept=7 m", 'unknown key "dept"', "depth"),
        ("ports.aktua.depth=7 m", 'there is no "ports.aktua"', "ports.aktau"),
        ("prots.aktau.depth=7 m", 'there is no "prots"', "ports"),
        ("ports.aktau.depth=7", "found 7 without a unit", None),
        ("ports.aktau.depth=", "no value is given", None),
        ("ports.aktau.depth", "a change is written path=value", None),
        ("=7 m", "a change is written path=value", None),
        ("ports..depth=7 m", "a change is written path=value", None),
        ("fleets.feedrs=null", 'null deletes "feedrs"', "feeders"),
        ("ports.aktau.depth=[", "wrong YAML", None),
        ("ports.aktau.depth={a: 1, a: 2}", 'key "a" is given twice', None),
        ("demand.almaty-tbilisi.origin=almatty", "is not in places", "almaty"),
        ("fleets.feeders.vessels=-1", "a whole number of at least 1", None),
        ("ports.aktau.depth.valeu=7 m", 'unknown key "valeu"', "value"),
        ("extends=base.yaml", 'unknown key "extends"', None),
    ],
)
def test_a_change_that_is_wrong(faults_of, change, message, hint):
    [line] = faults_of("", change)
    assert told(line, f"--set {change}", message, hint), line


def test_all_wrong_changes_are_told(faults_of):
    assert len(faults_of("", "ports.aktau.dept=7 m", "x", "run.length=3", "a.b.c=3")) == 4


def test_load_raises_what_validate_tells(faults_of):
    lines = faults_of("run: {length: 3}\nlinks: 4")
    with pytest.raises(ScenarioError) as caught:
        load("child.yaml")
    assert list(caught.value.lines) == lines
    assert str(caught.value) == "\n".join(lines)


def test_damaged_files_never_end_in_a_traceback(faults_of):
    """Letters struck out, doubled or exchanged at random: sound or told, but never an exception."""
    generator = random.Random(20240229)
    for _ in range(60):
        text = list(COMPLETE)
        for _ in range(generator.choice((1, 2, 5))):
            at = generator.randrange(len(text))
            text[at] = generator.choice(("", text[at] * 2, *"\n\t :-{}[],&*!#|>%@`'\"0aé\x00"))
        faults_of("".join(text), alone=True)


def test_values_of_every_wrong_type_are_refused_in_words(faults_of):
    """Each leaf replaced by each kind of value: a line that points at it, or it is allowed there."""
    kinds = ("7", "-1.5", "true", "[x]", "{x: 1}", '""', "{}", "[null]")
    generator = random.Random(1)
    paths = [path for path, node in nodes() if not node.entries and not path[-1].isdigit()]
    for path in generator.sample(paths, 60):
        change = f"{'.'.join(path)}={generator.choice(kinds)}"
        faults_of("", change)


def test_no_model_without_its_sections(faults_of):
    [line] = faults_of("title: Nothing\n", alone=True)
    required = [name for name, field in Model.model_fields.items() if field.is_required() and name != "title"]
    assert told(line, "child.yaml:1:1", f"the keys {', '.join(required)} are missing", None)


@pytest.mark.parametrize(
    ("command", "plan"),
    [
        ("sweep", "factors: {}\ndesign: {kind: grid}\n"),
        ("sensitivity", "factors: {}\ndesign: {kind: morris}\nthen: {most: 2}\n"),
        ("optimise", "levers: {}\ntarget: []\n"),
    ],
)
def test_a_plan_of_runs_is_told_from_a_scenario(faults_of, command, plan):
    [line] = faults_of(f"title: A plan\nbase: baseline-2024\n{plan}", alone=True)
    assert told(
        line,
        "child.yaml:2:1",
        f"a file for `corridor {command}`, which checks it with --dry-run, and no scenario",
        None,
    )
