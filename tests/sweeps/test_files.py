"""Sweep files with mistakes: each is told with its line and column, what was found, what is allowed, all at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import sim
from sim.cli import corridor
from sim.scenario.faults import ScenarioError
from sim.sweeps import SweepPlan, read_sweep
from tests.sweeps.sweeping import documented

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "tests" / "user" / "small.yaml"
HEAD = "title: A sweep\nbase: small.yaml\n"
TAIL = "design: {kind: grid}\noutcomes: [transit.p50]\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_bytes(SMALL.read_bytes())
    return tmp_path


def one(factor: str, head: str = HEAD, tail: str = TAIL) -> str:
    """A sweep file with one factor, `f`, whose block begins in line 4, column 6."""
    return f"{head}factors:\n  f: {factor}\n{tail}"


def read(text: str) -> SweepPlan:
    Path("s.yaml").write_text(text, encoding="utf-8")
    return read_sweep("s.yaml", sim.library())


def faults(text: str) -> list[str]:
    """The faults of a file, each without the name of the file."""
    with pytest.raises(ScenarioError) as error:
        read(text)
    return [line.removeprefix("s.yaml:") for line in error.value.lines]


DEPTH = "path: ports.east-port.depth"
DUE = 'where a depth like "7 m" (m, cm) is due'
FAULTS: dict[str, tuple[str, list[str]]] = {
    "nothing in it": ("", ["1:1: error: the file is empty"]),
    "no mapping": ("hello\n", ['1:1: error: found "hello", where a mapping with a title is due']),
    "misspelt factor key": (
        one("{path: ports.east-port.depth, vals: [5 m]}"),
        [
            '4:36: error: unknown key "vals", allowed here: title, path, how, values, range, steps, levels, every, '
            'only, without; did you mean "values"?'
        ],
    ),
    "misspelt base": (
        one("{path: a, values: [1]}", "title: T\nbase: smal.yaml\n"),
        ['2:7: error: there is no file "smal.yaml"; did you mean "small.yaml"?'],
    ),
    "misspelt shipped base": (
        one("{path: a, values: [1]}", "title: T\nbase: baseline-2042\n"),
        ['2:7: error: there is no file "baseline-2042"; did you mean "baseline-2024"?'],
    ),
    "no path": (one("{path: [], values: [1]}"), ["4:13: error: no path is named"]),
    "no level": (one("{levels: {}}"), ["4:15: error: found nothing, where 1 entry or more are due"]),
    "more to begin with than at most": (
        one(
            "{path: ports.east-port.depth, values: [5 m]}",
            tail=TAIL + "replications: 4\nuntil: [transit.p50 ± 1 d]\nmost: 3\n",
        ),
        ["9:1: error: 4 replications to begin with are more than the 3 allowed at most"],
    ),
    "odd levels": (
        one(
            "{path: ports.east-port.depth, range: [5 m, 6 m]}",
            tail="design: {kind: morris, levels: 3}\noutcomes: [transit.p50]\n",
        ),
        ["5:32: error: found 3, where an even number is due"],
    ),
    "no base": (one("{path: a, values: [1]}", "title: T\nbase: []\n"), ["2:7: error: no scenario is named"]),
    "one base twice": (
        one("{path: ports.east-port.depth, values: [5 m]}", "title: T\nbase: [small.yaml, small.yaml]\n"),
        ["2:7: error: two scenarios have the same name"],
    ),
    "misspelt path": (
        one("{path: fleets.feeders.vesels, values: [1, 2]}"),
        ['4:13: error: there is no "fleets.feeders.vesels"; did you mean "fleets.feeders.vessels"?'],
    ),
    "misspelt before the star": (
        one("{path: port.*.depth, values: [5 m]}"),
        ['4:13: error: there is no "port"; did you mean "ports"?'],
    ),
    "nothing under the star": (
        one("{path: ports.*.dept, values: [5 m]}"),
        ['4:13: error: no path of small fits "ports.*.dept"'],
    ),
    "no unit": (
        one(f"{{{DEPTH}, values: [5, 6]}}"),
        [f"4:45: error: found 5 without a unit, {DUE}", f"4:48: error: found 6 without a unit, {DUE}"],
    ),
    "no unit at one of them": (
        one(f"{{{DEPTH}, values: [5 m, 6]}}"),
        [f"4:50: error: found 6 without a unit, {DUE}"],
    ),
    "wrong unit": (one(f"{{{DEPTH}, values: [5 h]}}"), [f'4:45: error: found unit "h" in "5 h", {DUE}']),
    "swapped ends": (
        one(f"{{{DEPTH}, range: [7 m, 500 cm], steps: 3}}"),
        ['4:43: error: the low end "7 m" is not below the high end "500 cm"'],
    ),
    "three ends": (
        one(f"{{{DEPTH}, range: [5 m, 6 m, 7 m]}}"),
        ["4:43: error: found a list of 3, where a list of 2 is due"],
    ),
    "ends of different kinds": (
        one("{path: fleets.feeders.capacity, range: [200 TEU, 300 wagons], steps: 2}"),
        ["4:45: error: the units wagons and TEU do not go together"],
    ),
    "no steps": (
        one(f"{{{DEPTH}, range: [5 m, 7 m]}}"),
        ['4:3: error: a grid takes values, or a range with "steps"'],
    ),
    "steps of values": (
        one(f"{{{DEPTH}, values: [5 m], steps: 3}}"),
        ['4:51: error: key "steps" has no sense beside "values"'],
    ),
    "only without every": (
        one(f"{{{DEPTH}, values: [5 m], only: [ports]}}"),
        ['4:51: error: key "only" has no sense beside "values"'],
    ),
    "values and range": (
        one(f"{{{DEPTH}, values: [5 m], range: [5 m, 6 m]}}"),
        ["4:3: error: found values and range of the keys values, range, levels and every, of which one is due"],
    ),
    "neither": (
        one(f"{{{DEPTH}}}"),
        ["4:3: error: found none of the keys values, range, levels and every, of which one is due"],
    ),
    "the same twice": (one(f"{{{DEPTH}, values: [5 m, 500 cm]}}"), ["4:44: error: a value is written twice"]),
    "half a ship": (
        one("{path: fleets.feeders.vessels, values: [1.5, 2]}"),
        ["4:45: error: found 1.5, where a whole number is due"],
    ),
    "half a ship between": (
        one("{path: fleets.feeders.vessels, range: [1, 6], steps: 3}"),
        ["4:59: error: 3 steps from 1 to 6 are no whole numbers; write values"],
    ),
    "no ship": (
        one("{path: fleets.feeders.vessels, values: [0, 1]}"),
        ["4:46: error: found 0, where a whole number of at least 1 is due"],
    ),
    "misspelt word": (
        one("{path: ports.east-port.weather.discharge, values: [suspend, finsh]}"),
        ['4:66: error: found "finsh", where one of finish, suspend, do-not-start is due; did you mean "finish"?'],
    ),
    "misspelt path of a level": (
        one("{levels: {as-is: {}, fast: {ports.east-port.berths.qay.load: 3 min}}}"),
        ['4:67: error: there is no "ports.east-port.berths.qay"; did you mean "ports.east-port.berths.quay"?'],
    ),
    "values of a level": (
        one("{levels: {fast: {ports.east-port.berths.quay.load: 3 kn, ports.east-port.depth: 5}}}"),
        [
            '4:57: error: found unit "kn" in "3 kn", where a time like "36 h" (s, min, h, d, wk, a) is due',
            f"4:86: error: found 5 without a unit, {DUE}",
        ],
    ),
    "shares of a level": (
        one("{levels: {half: {demand.trade.routes.over: 50 %}}}"),
        ["4:49: error: the shares add up to 0.9, where 1 is due"],
    ),
    "misspelt how": (
        one(f"{{{DEPTH}, how: time, values: [1, 2]}}"),
        ['4:41: error: found "time", where one of set, times, plus, mean is due; did you mean "times"?'],
    ),
    "times a depth": (
        one(f"{{{DEPTH}, how: times, values: [1 m]}}"),
        ['4:56: error: found "1 m", where a number like 1.2 or a share like 120 % is due'],
    ),
    "times a port": (
        one("{path: ports.east-port, how: times, values: [2]}"),
        ["4:51: error: ports.east-port: this is no number; name a value in it"],
    ),
    "times months": (
        one("{path: calendars.storms.closed_share, how: times, values: [8]}"),
        [
            f"4:65: error: a share of {share} is more than 0.99; what is shut throughout is a dated closure"
            for share in ("1.12", "1.44", "1.6")
        ],
    ),
    "plus hours of depth": (
        one(f"{{{DEPTH}, how: plus, values: [1 h]}}"),
        ["4:56: error: ports.east-port.depth: 1 h cannot be added to 6 m"],
    ),
    "plus a distribution": (
        one("{path: ports.east-port.documents.time, how: plus, values: [1 h]}"),
        [
            "4:65: error: ports.east-port.documents.time: an amount can only be added to a single number; "
            "use how: times, or how: mean"
        ],
    ),
    "mean of a depth": (
        one(f"{{{DEPTH}, how: mean, values: [1 m]}}"),
        [
            "4:56: error: ports.east-port.depth: this has no mean, since it is no distribution; use how: set"
        ],
    ),
    "mean without unit": (
        one("{path: ports.east-port.documents.time, how: mean, values: [10]}"),
        [
            "4:65: error: ports.east-port.documents.time: found 10 without a unit, "
            'where a time like "36 h" (s, min, h, d, wk, a) is due'
        ],
    ),
    "every with nothing": (
        one("{every: range, only: [prots]}"),
        ["4:3: error: no value with a range fits", '4:28: error: no value with a range fits "prots"'],
    ),
    "unsound level": (
        one("{path: ports.*.depth, values: [2 m, 6 m]}"),
        [
            "4:37: error: makes this fault: small.yaml:116:14: error: one unit of box takes 2 TEU, but at this depth "
            "of water the fleet loads no more than 0 TEU"
        ],
    ),
    "no way": (
        one("{path: links.crossing.mode, values: [rail, sea]}"),
        [
            "4:43: error: makes this fault: small.yaml:83:3: error: no way from east-port to west-port on sea or "
            "waterway links; add links, or change via"
        ],
    ),
    "two factors on one path": (
        f"{HEAD}factors:\n  f: {{path: ports.*.depth, values: [5 m, 6 m]}}\n  g: {{{DEPTH}, values: [5 m]}}\n{TAIL}",
        ['5:3: error: the factors f and g both change "ports.east-port.depth"'],
    ),
    "a factor in another": (
        f"{HEAD}factors:\n  f: {{path: demand.trade.volume, how: times, values: [1, 2]}}\n"
        f"  g:\n    levels: {{a: {{demand.trade: {{block: 20}}}}}}\n{TAIL}",
        ['5:3: error: the factors f and g both change "demand.trade.volume"'],
    ),
    "name of a column": (
        f"{HEAD}factors:\n  replication: {{{DEPTH}, values: [5 m]}}\n{TAIL}",
        ['4:3: error: "replication" is the name of a column of the tables; choose another'],
    ),
    "replications as factor": (
        one("{path: run.replications, values: [5, 6]}"),
        ["4:13: error: a point is what is replicated; write how often under replications"],
    ),
    "set": (
        one(f"{{{DEPTH}, values: [5 m]}}", HEAD + "set: {run.length: 40, ports.east-prt.depth: 5 m}\n"),
        [
            '3:45: error: there is no "ports.east-prt"; did you mean "ports.east-port"?',
        ],
    ),
    "outcomes": (
        one(
            f"{{{DEPTH}, values: [5 m]}}",
            tail='design: {kind: grid}\noutcomes: ["transit.p90[trad]", "transit.p90[trade/ovr]", "use[hub/b]"]\n',
        ),
        [
            '6:12: error: "trad" is no flow that is compared in small, allowed: trade, returns; did you mean "trade"?',
            '6:33: error: "ovr" is no route of it in small, allowed: over, around; did you mean "over"?',
            '6:59: error: "b" is no facility of it in small, allowed: berth rail',
        ],
    ),
    "targets": (
        one(f"{{{DEPTH}, values: [5 m]}}", HEAD + 'until: ["transit.p50[trad] ± 1 d", "difference.mean ± 1 d"]\n'),
        [
            '3:9: error: "transit.p50[trad] ± 1 d": found "trad", allowed in small: trade, returns; '
            'did you mean "trade"?',
            '3:36: error: "difference.mean ± 1 d": a point of a sweep has no difference; bound transit or promise',
        ],
    ),
    "points of a list": (
        one(
            f"{{{DEPTH}, values: [5 m, 6 m]}}",
            tail="design: {kind: list, points: [{f: 500 cm}, {g: 5 m}, {f: 7 m}, {f: 5}, {}]}\noutcomes: [cost]\n",
        ),
        [
            '5:45: error: "g" is no factor, allowed: f',
            '5:58: error: found "7 m", allowed: 5, 6 m',
            "5:68: error: found 5, where a number in m is due",
        ],
    ),
    "a design too large": (
        f"{HEAD}factors:\n  f: {{{DEPTH}, range: [5 m, 6 m], steps: 5000}}\n"
        f"  g: {{path: ports.west-port.depth, range: [5 m, 6 m], steps: 50000}}\n{TAIL}",
        ["6:1: error: this design makes 250,000,000 points, allowed: 100,000 at most"],
    ),
    "sobol": (
        one(
            f"{{{DEPTH}, range: [5 m, 6 m]}}",
            HEAD + "replications: 3\n",
            "design: {kind: sobol, samples: 100}\noutcomes: [cost]\n",
        ),
        [
            "3:1: error: a design of kind sobol makes one run a point, chosen by the factor realisation; "
            "set design.realisations",
            "6:32: error: found 100, where a power of 2 is due",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_mistake_is_told_where_it_stands(name: str) -> None:
    text, told = FAULTS[name]
    assert faults(text) == told


def test_all_mistakes_of_a_file_are_told_at_once_and_nothing_is_written(folder: Path) -> None:
    (folder / "s.yaml").write_text(
        """\
base: small.yaml
factors:
  f: {path: fleets.feeders.vesels, values: [1, 2]}
  g: {path: ports.east-port.depth, vals: [5 m]}
design: {kind: gird}
outcomes: [transit.p5]
set: {run.lenght: 4 d}
replication: 3
"""
    )
    done = CliRunner().invoke(corridor, ["sweep", "s.yaml"])
    assert done.exit_code == 2
    assert [line.split(" error: ")[0] for line in done.stderr.splitlines()] == [
        f"s.yaml:{place}:" for place in ("1:1", "3:13", "4:36", "5:16", "6:12", "7:19", "8:1")
    ]
    hints = [line.partition("did you mean ")[2] for line in done.stderr.splitlines()]
    assert [hint.split('"')[1] if hint else "" for hint in hints] == [
        *("", "fleets.feeders.vessels", "values", "grid", "transit.p50", "length", "replications"),
    ]
    assert sorted(file.name for file in folder.iterdir()) == ["s.yaml", "small.yaml"]


SPREAD = "design: {kind: latin-hypercube, points: 3}\noutcomes: [cost]\n"


@pytest.fixture
def too_shallow(folder: Path) -> None:
    """At one end of the range of the depth no ship can load; another value has a range, too."""
    text = SMALL.read_text(encoding="utf-8")
    text = text.replace("    depth: 6 m", "    depth: {value: 6 m, range: [2 m, 7 m]}", 1)
    text = text.replace("faulty: 5 %", "faulty: {value: 5 %, range: [0 %, 10 %]}", 1)
    (folder / "small.yaml").write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("too_shallow")
def test_a_doubtful_value_whose_range_makes_faults_is_left_out_and_told(folder: Path) -> None:
    plan = read(one("{every: range}", tail=SPREAD))
    assert [factor.name for factor in plan.factors] == ["terminals.junction.documents.faulty"]
    [(path, why)] = plan.unsound.items()
    assert path == "ports.east-port.depth"
    assert why.startswith("2 m makes this fault: one unit of ")
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(corridor, ["sweep", "s.yaml", "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert "Left out, as an end of their ranges makes no sound scenario" in shown.stdout
    assert path in shown.stdout
    found = CliRunner().invoke(corridor, ["sweep", "s.yaml", "--dry-run", "--json"])
    assert documented(found.stdout, "dry_run")["unsound"] == {path: why}


@pytest.mark.usefixtures("too_shallow")
def test_what_is_left_out_is_on_the_page(folder: Path) -> None:
    short = f"{HEAD}set: {{run.length: 10 d, run.warm_up: 2 d}}\nreplications: 2\n"
    (folder / "s.yaml").write_text(one("{every: range}", short, SPREAD), encoding="utf-8")
    done = CliRunner().invoke(corridor, ["sweep", "s.yaml", "--workers", "1", "--json"])
    assert done.exit_code == 0, done.output
    page = (folder / "results" / "s" / "README.md").read_text(encoding="utf-8")
    [(path, why)] = documented(done.stdout, "sweep")["unsound"].items()
    assert f"| `{path}` | {why} |" in page


@pytest.mark.usefixtures("too_shallow")
def test_a_doubtful_value_whose_range_makes_faults_is_refused_if_it_is_named() -> None:
    line, *_ = faults(one("{every: range, only: [ports.east-port.depth, terminals]}", tail=SPREAD))
    assert line.startswith("4:14: error: ports.east-port.depth: 2 m makes this fault: small.yaml:")
    [line] = faults(one("{every: range, only: [ports]}", tail=SPREAD))
    assert line == "4:6: error: no value with a range makes sound scenarios: ports.east-port.depth"


def test_every_range_of_the_baseline_is_a_factor_but_for_those_that_contradict_another_value() -> None:
    head = "title: A sweep\nbase: baseline-2024\n"
    tail = "design: {kind: morris, trajectories: 2}\noutcomes: [transit.p50]\n"
    plan = read(one("{every: range, only: [fleets, factors]}", head, tail))
    assert "fleets.kmtf-small.vessels" in {factor.name for factor in plan.factors}
    assert "factors.ferry.wtw" in plan.unsound
    assert all(" is more than wtw, " in why or ", more than the capacity of " in why for why in plan.unsound.values())


@pytest.mark.parametrize(
    ("factor", "changes"),
    [
        (
            "{path: services.feeder.stops.east-port.wait, values: [36 h, 2 d]}",
            ['services.feeder.stops.east-port.wait="36 h"', 'services.feeder.stops.east-port.wait="48 h"'],
        ),
        ("{path: fleets.feeders.vessels, range: [1, 7], steps: 3}", [f"fleets.feeders.vessels={n}" for n in (1, 4, 7)]),
        (
            "{path: fleets.feeders.vessels, how: times, values: [0.5, 2]}",
            ["fleets.feeders.vessels=1", "fleets.feeders.vessels=4"],
        ),
        ("{path: ports.east-port.depth, how: plus, values: [-50 cm]}", ['ports.east-port.depth="5.5 m"']),
        ("{path: demand.trade.volume, how: times, values: [150 %]}", ['demand.trade.volume="18000 TEU/a"']),
        (
            "{path: ports.east-port.documents.time, how: mean, values: [1 d]}",
            ['ports.east-port.documents.time={"mean": "24 h"}'],
        ),
        (
            "{path: fleets.trains-east.train_sets, values: [unlimited, 20]}",
            ['fleets.trains-east.train_sets="unlimited"', "fleets.trains-east.train_sets=20"],
        ),
        (
            "{path: demand.returns.compare, values: [true, false]}",
            ["demand.returns.compare=true", "demand.returns.compare=false"],
        ),
        (
            "{path: ports.east-port.weather.discharge, values: [suspend]}",
            ['ports.east-port.weather.discharge="suspend"'],
        ),
    ],
)  # fmt: skip
def test_values_are_written_as_a_planner_would(factor: str, changes: list[str]) -> None:
    plan = read(one(factor))
    (found,) = plan.factors
    assert [change for level in found.levels for change in found.changes(plan.bases[0], level)] == changes


def test_every_value_with_a_range_is_varied_in_its_own_unit(folder: Path) -> None:
    text = SMALL.read_text(encoding="utf-8")
    for old, new in (
        ("depth: 6 m", "depth: {value: 600 cm, range: [550 cm, 7 m]}"),
        ("limit: 1500 TEU", "limit: {value: 1500 TEU, range: [1000 TEU, 2000 TEU]}"),
        ("mean: 12 h, cv: 0.6", "mean: 12 h, cv: 0.6, range: [6 h, 1 d]"),
        ("speed: 11 kn", "speed: {value: 11 kn, range: [10 kn, 14 kn]}"),
        ("faulty: 5 %", "faulty: {value: 5 %, range: [0 %, 10 %]}"),
    ):
        text = text.replace(old, new, 1)
    (folder / "small.yaml").write_text(text, encoding="utf-8")
    tail = "design: {kind: latin-hypercube, points: 3}\noutcomes: [cost]\n"
    plan = read(one("{every: range, without: [terminals]}", tail=tail))
    assert [(f.name, f.how, f.low, f.high, f.unit) for f in plan.factors] == [
        ("ports.east-port.depth", "set", 550, 700, "cm"),
        ("ports.east-port.yards.stack.limit", "set", 1000, 2000, "TEU"),
        ("ports.east-port.documents.time", "mean", 6, 24, "h"),
        ("fleets.feeders.speed", "set", 10, 14, "kn"),
    ]
    assert [f.name for f in read(one("{every: range, only: [terminals.*]}", tail=tail)).factors] == [
        "terminals.junction.documents.faulty"
    ]


def test_what_a_factor_of_its_own_changes_is_no_part_of_every_range(folder: Path) -> None:
    text = SMALL.read_text(encoding="utf-8")
    for old, new in (
        ("depth: 6 m", "depth: {value: 6 m, range: [550 cm, 7 m]}"),
        ("depth: 7 m", "depth: {value: 6 m, range: [550 cm, 7 m]}"),  # at the other port: one value in two places
        ("faulty: 5 %", "faulty: {value: 5 %, range: [0 %, 10 %]}"),
    ):
        text = text.replace(old, new)
    (folder / "small.yaml").write_text(text, encoding="utf-8")
    file = f"{HEAD}factors:\n  f: {{every: range}}\n  g: {{{DEPTH}, range: [5 m, 6 m]}}\n{SPREAD}"
    assert [(factor.name, factor.paths) for factor in read(file).factors] == [
        ("terminals.junction.documents.faulty", ("terminals.junction.documents.faulty",)),
        ("ports.west-port.depth", ("ports.west-port.depth",)),
        ("g", ("ports.east-port.depth",)),
    ]
    whole = file.replace("{path: ports.east-port.depth", "{path: ports.*.depth").replace(
        "every: range}", "every: range, only: [ports]}"
    )
    assert [factor.name for factor in read(whole).factors] == ["g"]


def test_times_scales_each_month() -> None:
    plan = read(one("{path: calendars.storms.closed_share, how: times, values: [50 %]}"))
    (change,) = plan.factors[0].changes(plan.bases[0], 50.0)
    months = json.loads(change.partition("=")[2])
    assert len(months) == 12
    assert (months["jan"], months["sep"]) == ("10 %", "2.5 %")


def test_changes_that_are_sound_only_together_are_set_together() -> None:
    both = "{demand.trade.routes.over: 50 %, demand.trade.routes.around: 50 %}"
    plan = read(f"{HEAD}set: {both}\nfactors:\n  f: {{levels: {{as-is: {{}}, same: {both}}}}}\n{TAIL}")
    assert plan.bases[0].tree["demand"]["trade"]["routes"] == {"over": "50 %", "around": "50 %"}
    assert plan.factors[0].levels == ("as-is", "same")


@pytest.mark.parametrize("file", sorted((ROOT / "scenarios" / "sweeps").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_shipped_sweeps_are_sound(file: Path) -> None:
    plan = read_sweep(file, ROOT / "scenarios")
    assert plan.title
    assert file.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=./sweep.schema.json\n")
