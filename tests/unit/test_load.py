"""Files into scenarios: YAML 1.2, extends, merge, changes, positions, and what explain and diff tell of them."""

from __future__ import annotations

import json
import pickle
import textwrap
from itertools import pairwise
from pathlib import Path

import jsonschema as editor
import pytest
from ruamel.yaml import YAML

from sim.scenario import jsonschema, tree
from sim.scenario.explain import diff, explain, unsourced
from sim.scenario.faults import Fault, Origin, ScenarioError
from sim.scenario.load import load, load_all
from sim.scenario.tree import merge, parse
from tests import shipped

BASE = """\
title: Two ports and a ferry
run: {warm_up: 30 d, length: 1 a, run_out: 60 d}
sources:
  port-2024: {title: Yearbook of the port}
places:
  aktau: {name: Aktau, country: KZ, lat: 43.6, lon: 51.2}
  alat: {name: Alat, country: AZ, lat: 39.9, lon: 49.4}
links:
  aktau-alat: {between: [aktau, alat], mode: sea, distance: 253 nm}
seas:
  caspian: {level: {value: -29.3 m, source: port-2024, grade: high, range: [-30 m, -29 m], note: in the year's mean}}
cargo:
  feu: {title: 40-foot box, space: 2 TEU, teu: 2}
ports:
  aktau:
    sea: caspian
    depth: 7 m
    berths: {feeder: {count: 2, discharge: 4 min, load: {dist: lognormal, mean: 4 min, cv: 0.5, grade: low}}}
  alat:
    sea: caspian
    berths: {feeder: {count: 2, discharge: 4 min, load: 4 min}}
services:
  feeder:
    kind: ships
    title: Feeder
    stops: {aktau: {berth: feeder, wait: 3 d}, alat: {berth: feeder, wait: 3 d}}
fleets:
  feeders: {service: feeder, title: Feeders, vessels: 4, capacity: 350 TEU, speed: 11 kn, accepts: [feu]}
routes:
  ferry: {title: By ferry}
demand:
  west:
    {title: West, origin: aktau, destination: alat, direction: west, cargo: feu, volume: 9 TEU/d, routes: {ferry: 1}}
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files into the working folder; base.yaml is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)

    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return name

    return write


# --- YAML ---


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30", "12:30"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("2024-01-01", "2024-01-01"),
        ("0o14", 12),
        ("014", 14),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("+7", 7),
        ("-", "-"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("'7'", "7"),
        ('"null"', "null"),
        ("''", ""),
        ("<<", "<<"),
        ("=", "="),
        ("7 m", "7 m"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    found = parse(f"[{text}]", "f").plain()[0] if text != "-" else parse("a: '-'", "f").plain()["a"]
    assert (found, type(found)) == (value, type(value))


def test_texts_of_several_lines():
    found = parse("a: >-\n  one\n  two\nb: |\n  one\n  two\nc: one\n  two\n", "f").plain()
    assert found == {"a": "one two", "b": "one\ntwo\n", "c": "one two"}


def test_yaml_agrees_with_the_round_trip_loader():
    assert parse(BASE, "f").plain() == YAML(typ="rt").load(BASE)


@pytest.mark.skipif(not tree.COMPILED, reason="the compiled parser is not installed")
def test_the_compiled_parser_reads_the_same(monkeypatch):
    files = [*Path(__file__).parents[1].rglob("*.yaml"), *shipped.scenario_files()]
    texts = [path.read_text(encoding="utf-8") for path in files if path.suffix == ".yaml"]
    texts.append("a: [12:30, 08:00-20:00]\n")  # only the other one reads this, as YAML 1.2 does

    def read():
        return [[(path, node.plain(), node.at, node.key) for path, node in parse(text, "f").leaves()] for text in texts]

    fast = read()
    monkeypatch.setattr(tree, "COMPILED", False)
    assert fast == read()


def test_every_value_knows_its_position():
    root = parse("a:\n  b: [1, {c: two}]\n", "f.yaml")
    node = root.find(("a", "b", "1", "c"))
    assert (node.key, node.at) == (Origin("f.yaml", 2, 11), Origin("f.yaml", 2, 14))
    assert str(node.at) == "f.yaml:2:14"


def test_aliases_are_what_they_stand_for():
    root = parse("a: &x {b: 1}\nc: *x\nd: [*x]\n", "f")
    assert root.plain() == {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}]}
    assert root.find(("c", "b")).at == Origin("f", 1, 11)
    assert root.find(("c",)).key == Origin("f", 2, 1)


@pytest.mark.parametrize(
    "text", ["a: &x [*x]\n", "".join(f"k{n}: &k{n} [{f'*k{n - 1}, ' * 9 if n else 1}]\n" for n in range(9))]
)
def test_aliases_neither_turn_in_circles_nor_explode(text):
    with pytest.raises(ScenarioError):
        parse(text, "f")


def test_nesting_by_aliases_has_an_end():
    text = "k0: &k0 1\n" + "".join(f"k{n}: &k{n} [[[[[[[[[[*k{n - 1}]]]]]]]]]]\n" for n in range(1, 300))
    with pytest.raises(ScenarioError, match="levels of nesting"):
        parse(text, "f")


# --- merge ---


def merged(*texts):
    root, lines = merge(None, parse(texts[0], "0"))
    for number, text in enumerate(texts[1:], 1):
        root, more = merge(root, parse(text, str(number)))
        lines += more
    assert not lines
    return root


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        ("{a: 1, b: 2}", "{b: 3}", {"a": 1, "b": 3}),
        ("{a: {b: 1, c: 2}}", "{a: {c: null}}", {"a": {"b": 1}}),
        ("{a: {b: 1}}", "{a: 2}", {"a": 2}),
        ("{a: 1}", "{a: {b: 2}}", {"a": {"b": 2}}),
        ("{a: [1, 2]}", "{a: [3]}", {"a": [3]}),
        ("{a: 1}", "{}", {"a": 1}),
        ("{a: {value: 1, source: s}}", "{a: 2}", {"a": 2}),
        (
            "{a: {value: 1, source: s, grade: g, range: [0, 9], note: n}}",
            "{a: {value: 2}}",
            {"a": {"value": 2}},
        ),
        ("{a: {value: 1, source: s, grade: g}}", "{a: {value: 2, source: t}}", {"a": {"value": 2, "source": "t"}}),
        ("{a: {value: 1, source: s}}", "{a: {grade: low}}", {"a": {"value": 1, "source": "s", "grade": "low"}}),
        (
            "{a: {dist: gamma, mean: 1, cv: 2, max: 9}}",
            "{a: {dist: gamma, mean: 3, cv: 4}}",
            {"a": {"dist": "gamma", "mean": 3, "cv": 4}},
        ),
        (
            "{a: {dist: gamma, mean: 1, cv: 2, source: s}}",
            "{a: {mean: 3}}",
            {"a": {"dist": "gamma", "mean": 3, "cv": 2}},
        ),
        ("{a: {dist: gamma, mean: 1, cv: 2}}", "{a: {value: 3}}", {"a": {"value": 3}}),
        ("{a: {value: 3}}", "{a: {dist: gamma, mean: 1, cv: 2}}", {"a": {"dist": "gamma", "mean": 1, "cv": 2}}),
        ("{a: {jan: 1, feb: 2, source: s}}", "{a: {feb: 3}}", {"a": {"jan": 1, "feb": 3}}),
    ],
)
def test_a_child_is_laid_over_its_parent(old, new, result):
    assert merged(old, new).plain() == result


def test_what_was_deleted_may_come_back():
    root = merged("{a: {b: 1, c: 2}}", "{a: null}", "{a: {d: 3}}")
    assert root.plain() == {"a": {"d": 3}}


def test_a_merge_keeps_the_origin_of_each_value():
    root = merged("{a: {b: 1, c: 2}}", "\n\n{a: {c: 3}}")
    assert root.find(("a", "b")).at == Origin("0", 1, 9)
    assert root.find(("a", "c")).at == Origin("1", 3, 9)
    assert root.find(("a", "c")).before.at == Origin("0", 1, 15)


# --- files ---


def test_a_file_alone(write):
    scenario = load("base.yaml")
    assert (scenario.name, scenario.file, scenario.model.title) == ("base", "base.yaml", "Two ports and a ferry")
    assert scenario.model.ports["aktau"].depth == 7.0
    assert scenario.tree["ports"]["aktau"]["depth"] == "7 m"
    assert scenario.origins["ports", "aktau", "depth"] == Origin("base.yaml", 17, 12)
    assert scenario.locate(("ports", "aktau", "depth"), "key") == Origin("base.yaml", 17, 5)
    assert scenario.locate(("ports", "aktau", "nothing")) == Origin("base.yaml", 15, 3)
    assert load(Path("base.yaml")).tree == scenario.tree


def test_a_file_extends_another_beside_it(write):
    write("more/child.yaml", "extends: ../base.yaml\ntitle: Deeper\nports: {aktau: {depth: 8 m}}\n")
    scenario = load("more/child.yaml")
    assert (scenario.model.title, scenario.model.ports["aktau"].depth) == ("Deeper", 8.0)
    assert scenario.origins["ports", "aktau", "depth"].file == "more/child.yaml"
    assert scenario.origins["ports", "aktau", "sea"].file == "base.yaml"
    assert "extends" not in scenario.tree


def test_overlays_of_one_base_add_up(write):
    write("ships.yaml", "extends: base.yaml\nfleets: {feeders: {vessels: 8}}\n")
    write("depth.yaml", "extends: base.yaml\nports: {aktau: {depth: 8 m}}\nseas: {caspian: {level: -30 m}}\n")
    write("both.yaml", "extends: [ships.yaml, depth.yaml]\n")
    model = load("both.yaml").model
    assert (model.fleets["feeders"].vessels, model.ports["aktau"].depth) == (8, 8.0)


def test_the_last_of_several_files_prevails(write):
    write("a.yaml", "ports: {aktau: {depth: 8 m}}\n")
    write("b.yaml", "ports: {aktau: {depth: 9 m}}\n")
    write("c.yaml", "extends: [base.yaml, a.yaml, b.yaml]\n")
    write("d.yaml", "extends: [base.yaml, b.yaml, a.yaml]\nports: {aktau: {depth: {value: 6 m, grade: low}}}\n")
    assert load("c.yaml").model.ports["aktau"].depth == 9.0
    assert load("d.yaml").model.ports["aktau"].depth == 6.0


def test_what_several_scenarios_share_is_read_once(write, monkeypatch):
    read = []
    original = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or original(path))
    write("a.yaml", "extends: base.yaml\n")
    write("b.yaml", "extends: base.yaml\n")
    assert [scenario.name for scenario in load_all(["a.yaml", "b.yaml"])] == ["a", "b"]
    assert read == ["a.yaml", "base.yaml", "b.yaml"]


def test_byte_order_mark_and_windows_lines(write):
    Path("win.yaml").write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert load("win.yaml").tree == load("base.yaml").tree


# --- changes ---


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ("ports.aktau.depth=6 m", "ports.aktau.depth", "6 m"),
        ('ports.aktau.depth="6 m"', "ports.aktau.depth", "6 m"),
        ("fleets.feeders.vessels=9", "fleets.feeders.vessels", 9),
        ("ports.aktau.depth={value: 6 m, grade: low}", "ports.aktau.depth.grade", "low"),
        ("seas.caspian.level=-30 m", "seas.caspian.level", "-30 m"),
        ("ports.aktau.weather.enter=finish", "ports.aktau.weather.enter", "finish"),
        ("ports.aktau.documents.time=3 h", "ports.aktau.documents.time", "3 h"),
        ("routes.ferry.title=a=b", "routes.ferry.title", "a=b"),
        ("seas.black={}", "seas.black", {}),
    ],
)
def test_changes_are_laid_over_everything(write, change, path, value):
    scenario = load("base.yaml", set=[change])
    found = scenario.tree
    for key in path.split("."):
        found = found[key]
    assert found == value
    assert str(scenario.locate(tuple(path.split(".")))) == f"--set {change}"


def test_a_change_may_delete(write):
    assert load("base.yaml", set=["ports.aktau.depth=null"]).model.ports["aktau"].depth is None


def test_later_changes_prevail(write):
    assert load("base.yaml", set=["run.seed=2", "run.seed=3"]).model.run.seed == 3


# --- the whole ---


def test_the_digest_is_of_what_the_files_say(write):
    write("same.yaml", "extends: base.yaml\n")
    write("other.yaml", "extends: base.yaml\nrun: {seed: 2}\n")
    digests = [scenario.digest() for scenario in load_all(["base.yaml", "same.yaml", "other.yaml"])]
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 64


def test_scenarios_and_errors_survive_pickling(write):
    scenario = load("base.yaml")
    again = pickle.loads(pickle.dumps(scenario))
    assert (again.tree, again.model, again.digest()) == (scenario.tree, scenario.model, scenario.digest())
    error = pickle.loads(pickle.dumps(ScenarioError(["one", "two"])))
    assert (error.lines, str(error)) == (("one", "two"), "one\ntwo")


def test_faults_found_later_are_placed_too(write):
    faults = [
        Fault(("demand", "west"), "no way", at="key"),
        Fault(("ports", "aktau", "depth"), "too low", suggestion="9 m"),
    ]
    with pytest.raises(ScenarioError) as caught:
        load("base.yaml").refuse(faults)
    assert caught.value.lines == (
        'base.yaml:17:12: error: too low; did you mean "9 m"?',
        "base.yaml:32:3: error: no way",
    )


def test_the_files_of_the_project_are_sound():
    assert len(load_all(shipped.scenarios())) >= 3


def test_unsourced_lists_what_has_neither_source_nor_grade(write):
    paths = unsourced(load("base.yaml"))
    assert "ports.aktau.depth" in paths
    assert "seas.caspian.level" not in paths
    assert "ports.aktau.berths.feeder.load" not in paths
    assert "ports.aktau.weather" not in paths  # a default


# --- explain and diff ---


def test_explain_tells_where_a_value_comes_from(write):
    about = explain(load("base.yaml"), "seas.caspian.level")
    assert (about.path, about.text) == ("seas.caspian.level", "-29.3 m")
    assert str(about.origin) == "base.yaml:11:28"
    assert (about.source, about.source_title, about.grade) == ("port-2024", "Yearbook of the port", "high")
    assert (about.range, about.note) == ("-30 m to -29 m", "in the year's mean")
    assert about.replaced == about.parts == ()


def test_explain_tells_what_was_replaced(write):
    write("a.yaml", "extends: base.yaml\nseas: {caspian: {level: -29.5 m}}\n")
    write("b.yaml", "extends: a.yaml\nseas: {caspian: {level: {value: -30 m, grade: assumption}}}\n")
    about = explain(load("b.yaml", set=["seas.caspian.level=-31 m"]), "seas.caspian.level")
    assert (about.text, str(about.origin)) == ("-31 m", "--set seas.caspian.level=-31 m")
    assert [(was.text, str(was.origin)) for was in about.replaced] == [
        ("-30 m", "b.yaml:2:33"),
        ("-29.5 m", "a.yaml:2:25"),
        ("-29.3 m", "base.yaml:11:28"),
    ]
    assert about.source is None


def test_a_new_grade_replaces_no_value(write):
    write("a.yaml", "extends: base.yaml\nseas: {caspian: {level: {grade: low}}}\n")
    about = explain(load("a.yaml"), "seas.caspian.level")
    assert (about.text, about.grade, about.source) == ("-29.3 m", "low", "port-2024")
    assert (about.replaced, str(about.origin)) == ((), "base.yaml:11:28")


def test_explain_takes_parts_blocks_and_defaults(write):
    scenario = load("base.yaml")
    assert explain(scenario, "seas.caspian.level.value").source == "port-2024"
    assert explain(scenario, "seas.caspian.level.range.0").grade == "high"
    assert explain(scenario, "ports.aktau.berths.feeder.load").text == "lognormal, mean 4 min, cv 0.5"
    assert explain(scenario, "links.aktau-alat.between").text == "[aktau, alat]"
    block = explain(scenario, "fleets.feeders")
    assert [part.path for part in block.parts][:3] == [
        "fleets.feeders.service",
        "fleets.feeders.title",
        "fleets.feeders.vessels",
    ]
    seed, fixed = explain(scenario, "run.seed"), explain(scenario, "ports.aktau.berths.feeder.fixed")
    assert (seed.text, seed.origin, fixed.text) == ("1", None, "0 h")
    assert explain(scenario, "ports.aktau.calendar").text == "not set"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("ports.aktua.depth", "ports.aktau"),
        ("ports.aktau.dept", "ports.aktau.depth"),
        ("prots.aktau", "ports"),
        ("seas.caspian.level.valeu", "seas.caspian.level.value"),
        ("", None),
        ("ports..depth", None),
    ],
)
def test_explain_refuses_what_is_not_there(write, path, hint):
    with pytest.raises(ScenarioError) as caught:
        explain(load("base.yaml"), path)
    [line] = caught.value.lines
    assert line.startswith("base.yaml: error: there is no ")
    assert (f'did you mean "{hint}"?' in line) if hint else ("did you mean" not in line)


def test_diff_lists_what_differs(write):
    write(
        "child.yaml",
        """\
        extends: base.yaml
        fleets: {feeders: {vessels: 8}}
        seas: {caspian: {level: {value: -30 m}}, black: {level: 0 m}}
        ports: {aktau: {depth: null, berths: {feeder: {load: {mean: 5 min}}}}}
        """,
    )
    before, after = load_all(["base.yaml", "child.yaml"])
    changes = {change.path: (change.before, change.after, str(change.where)) for change in diff(before, after)}
    assert changes == {
        "fleets.feeders.vessels": ("4", "8", "child.yaml:2:29"),
        "seas.caspian.level": ("-29.3 m", "-30 m", "child.yaml:3:33"),
        "seas.black.level": (None, "0 m", "child.yaml:3:57"),
        "ports.aktau.berths.feeder.load": (
            "lognormal, mean 4 min, cv 0.5",
            "lognormal, mean 5 min, cv 0.5",
            "child.yaml:4:61",
        ),
        "ports.aktau.depth": ("7 m", None, "child.yaml:4:17"),
    }
    assert diff(before, before) == []


def test_diff_tells_a_block_that_is_gone_once(write):
    write("child.yaml", "extends: base.yaml\nseas: {black: {level: 0 m}}\n")
    after, before = load_all(["base.yaml", "child.yaml"])
    [change] = diff(before, after)
    assert (change.path, change.before, change.after) == ("seas.black", "a block", None)


# --- the schema for editors ---


def test_the_schema_for_editors_takes_scenarios_and_overlays(write, tmp_path):
    path = jsonschema.write(tmp_path)
    schema = json.loads(path.read_text())
    editor.Draft202012Validator.check_schema(schema)
    check = editor.Draft202012Validator(schema)
    yaml = YAML(typ="safe", pure=True)
    overlay = "extends: [a, b]\nports: {aktau: {depth: null}}\nservices: {feeder: {pace: 0.9}}\nfleets: {x: null}\n"
    for text in (BASE, overlay):
        assert list(check.iter_errors(yaml.load(text))) == []
    for text in ("prots: {}", "ports: {aktau: {depht: 7 m}}", "fleets: {feeders: {vessels: 0}}", "run: {length: 3}"):
        assert len(list(check.iter_errors(yaml.load(text)))) == 1


def test_origins_are_in_the_order_of_the_files(write):
    lines = [origin.line for origin in load("base.yaml").origins.values()]
    assert all(one <= next_one for one, next_one in pairwise(lines))
