"""The checked mode finds what is put wrong in the model on purpose, and changes nothing where all is well."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import sim
import sim.model.world
from sim.cli import corridor
from sim.model import simulate
from sim.model.calendars import Closures
from sim.model.check import ConservationError
from sim.model.clock import Actor, Clock
from sim.model.documents import Desk
from sim.model.facilities import Pool, Track, Yard
from sim.model.kernels import put_row
from sim.model.stock import Lane, Queue, Stock
from sim.model.vehicles import Line, Vehicle
from sim.model.world import World
from sim.network import Network, build
from sim.scenario.load import load

ORACLES = Path(__file__).parents[1] / "oracles"
SHORT = ("run.length=30 d", "run.run_out=5 d")


def network_of(file: str) -> Network:
    return build(load(ORACLES / f"{file}.yaml", set=SHORT))


@pytest.mark.parametrize("file", sorted(path.stem for path in ORACLES.glob("*.yaml")))
def test_the_journal_is_the_same_with_and_without(file: str) -> None:
    network = network_of(file)
    plain, checked = simulate(network), simulate(network, check=True)
    assert plain.events == checked.events > 100
    others = checked.tables()
    for name, table in plain.tables().items():
        for column, values in table.items():
            assert values.tobytes() == others[name][column].tobytes(), (name, column)


def test_a_ferry_may_cross_in_no_time() -> None:
    """It takes its cargo and lands it in the same event."""
    ferry = build(load(Path(__file__).parent / "ferry.yaml", set=("run.length=60 d",)))
    assert np.isfinite(simulate(ferry, check=True).units["finished"]).any()


def test_ordinary_cargo_of_several_kinds_stays_where_priority_cargo_fills_the_train(tmp_path: Path) -> None:
    """There is no room left for any of it, also where none of it is ready."""
    (tmp_path / "small.yaml").write_bytes((ORACLES.parent / "user" / "small.yaml").read_bytes())
    hub = "origin: hub, destination: east-port, direction: west, volume: 8000 TEU/a, routes: {over: 100 %}"
    (tmp_path / "full.yaml").write_text(
        f"""\
extends: small.yaml
cargo: {{pair: {{title: Two boxes that never part, space: 4 TEU, teu: 4}}}}
fleets: {{trains-east: {{accepts: [box, pair]}}}}
demand:
  pairs: {{title: Pairs, {hub}, cargo: pair}}
  hot: {{title: In a hurry, {hub}, cargo: box, block: 40, priority: priority}}
""",
        "utf-8",
    )
    journal = simulate(build(load(tmp_path / "full.yaml", set=SHORT)), check=True)
    trains = journal.calls["fleet"] == journal.names["fleets"].index("trains-east")
    assert journal.calls["space_out"][trains].max() == 80


def lose_a_box(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Queue.take

    def fewer(queue: Queue, count: int) -> Any:
        head, end = take(queue, count)
        return (head + 1 if count > 1 else head), end

    monkeypatch.setattr(Queue, "take", fewer)


def double_a_box(monkeypatch: pytest.MonkeyPatch) -> None:
    add = Stock.add

    def twice(stock: Stock, stage: Any, ids: Any, ready: Any) -> None:
        add(stock, stage, np.append(ids, ids[0]), ready if isinstance(ready, float) else np.append(ready, ready[0]))

    monkeypatch.setattr(Stock, "add", twice)


def load_the_same_box_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Queue.take

    def again(queue: Queue, count: int) -> Any:
        head, end = take(queue, count)
        queue.ids[head + 1 : end] = queue.ids[head : end - 1].copy()
        return head, end

    monkeypatch.setattr(Queue, "take", again)


def land_a_box_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    discharge = Vehicle.discharge

    def twice(vehicle: Vehicle, call: Any, halt: Any, cargo: Any, now: float) -> float:
        end = discharge(vehicle, call, halt, cargo, now)
        return discharge(vehicle, call, halt, cargo, end)

    monkeypatch.setattr(Vehicle, "discharge", twice)


def leave_a_box_on_board(monkeypatch: pytest.MonkeyPatch) -> None:
    discharge = Vehicle.discharge

    def keep(vehicle: Vehicle, call: Any, halt: Any, cargo: Any, now: float) -> float:
        end = discharge(vehicle, call, halt, cargo, now)
        vehicle.cargo = cargo
        return end

    monkeypatch.setattr(Vehicle, "discharge", keep)


def take_what_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    by = Queue.by
    monkeypatch.setattr(Queue, "by", lambda queue, hour: by(queue, hour + 1e6))


def overload(monkeypatch: pytest.MonkeyPatch) -> None:
    foresee = Lane.foresee

    def more(lane: Lane, taker: Any, now: float) -> float:
        taker.room *= 1.5
        return foresee(lane, taker, now)

    monkeypatch.setattr(Lane, "foresee", more)


def release_a_berth_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    release = Pool.release

    def twice(pool: Pool, claim: Any, now: float) -> None:
        release(pool, claim, now)
        release(pool, claim, now)

    monkeypatch.setattr(Pool, "release", twice)


def keep_the_berth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "release", lambda pool, claim, now: None)


def forget_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place is given to the first in the queue, who is never told."""
    call_up = Clock.call_up
    begun: set[Actor] = set()

    def only_to_begin(clock: Clock, actor: Actor) -> None:
        if actor not in begun:
            begun.add(actor)
            call_up(clock, actor)

    monkeypatch.setattr(Clock, "call_up", only_to_begin)


def overfill_the_yard(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(yard: Yard, room: float, now: float) -> None:
        put_row(yard._recorder.uses, yard.index, now, now, now)
        yard._take(room, now)

    monkeypatch.setattr(Yard, "ask", ask)


def keep_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Yard, "give_back", lambda yard, room, now: None)


def take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Yard, "ask", lambda yard, room, now: None)


def release_papers_before_landing(monkeypatch: pytest.MonkeyPatch) -> None:
    release = Desk.release
    monkeypatch.setattr(Desk, "release", lambda desk, t, ids, landed: release(desk, t, ids, landed) - 1000)


def lose_papers(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_all_but_one(world: World, desk: Desk, following: Any, ids: Any, landed: Any) -> Any:
        released = yield from desk.queue(world.env, following.traffic, ids, landed)
        world._forward(following, ids[1:], released)

    monkeypatch.setattr(World, "_papers", of_all_but_one)


def one_vehicle_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    start = sim.model.world.start_fleets

    def twice(world: World) -> None:
        start(world)
        start(world)

    monkeypatch.setattr("sim.model.world.start_fleets", twice)


def lose_a_vehicle(monkeypatch: pytest.MonkeyPatch) -> None:
    start = sim.model.world.start_fleets

    def all_but_one(world: World) -> None:
        start(world)
        world.vehicles.popitem()

    monkeypatch.setattr("sim.model.world.start_fleets", all_but_one)


def enter_before_the_path_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    enter = Track.enter
    monkeypatch.setattr(Track, "enter", lambda track, now, way: (enter(track, now, way)[0], now - 1.0))


def share_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Track, "enter", lambda track, now, way: (now, now))


def enter_a_closed_link(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_soon_as_there_is_a_path(track: Track, now: float, way: int) -> tuple[float, float]:
        lane = 0 if track.single else way
        path = max(now, track._free[lane])
        track._free[lane] = path + track.headway
        return path, path

    monkeypatch.setattr(Track, "enter", as_soon_as_there_is_a_path)


def sail_in_a_storm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Closures, "next_open", lambda closures, hour: hour)


def end_before_the_cranes(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Vehicle.work

    def at_once(vehicle: Vehicle, task: Any, cargo: Any, now: float, *words: Any, **more: Any) -> Any:
        return (*work(vehicle, task, cargo, now, *words, **more)[:2], now)

    monkeypatch.setattr(Vehicle, "work", at_once)


def stay_at_the_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    halt = Line._halt
    monkeypatch.setattr(
        Line, "_halt", lambda line, world, of, place: replace(halt(line, world, of, place), other=place)
    )


def arrive_before_landing(monkeypatch: pytest.MonkeyPatch) -> None:
    land = World.land

    def too_early(world: World, parts: Any, ids: Any, landed: Any) -> None:
        land(world, parts, ids, landed)
        world.finished[ids] -= 500

    monkeypatch.setattr(World, "land", too_early)


@pytest.mark.parametrize(
    ("fault", "file", "message"),
    [
        (lose_a_box, "base", r"\d+ boxes stand in the stocks, where \d+ were put and not taken"),
        (double_a_box, "base", r"box 0 of boxes/way is in a stock, and found in a stock 2 times"),
        (load_the_same_box_twice, "base", r"box \d+ of \S+ and those with it are doubled"),
        (land_a_box_twice, "base", r"box \d+ of \S+ is \w.*, not on board \(leg 0\)"),
        (
            leave_a_box_on_board,
            "base",
            r"box \d+ of \S+ is on board of vehicle \d+ of fleet \w+ and also (ashore|in a stock|at its dest)",
        ),
        (take_what_is_not_ready, "base", r"vehicle \d+ of fleet \w+ takes box \d+ of \S+ or one with it before"),
        (overload, "base", r"vehicle \d+ of fleet trains has more on board than its 66 TEU"),
        (release_a_berth_twice, "base", r"\d of \d places at \S+ \w+ are (free|taken)"),
        (keep_the_berth, "base", r"vehicle \d+ of fleet \w+ has left \S+/berth \w+ and keeps its place there"),
        (forget_who_waits, "full-yard", r"vehicle \d+ of fleet \w+ waits for 0 things at once, not for one"),
        (overfill_the_yard, "full-yard", r"of \d+ are taken in yard \w+ of east"),
        (keep_the_room, "full-yard", r"are taken in yard \w+ of east, where cargo of \d+ stands"),
        (take_no_room, "full-yard", r"0 are taken in yard \w+ of east, where cargo of \d+ stands"),
        (release_papers_before_landing, "papers", r"box \d+ of \S+ is ready before it has landed"),
        (lose_papers, "desk", r"papers at \w+ release other boxes than they were made out for"),
        (one_vehicle_too_many, "base", r"fleet \w+ has \d+ vehicles, where \d are due"),
        (lose_a_vehicle, "base", r"vehicle \d+ is gone before it did anything"),
        (enter_before_the_path_is_free, "single-track", r'backwards at \S+, call \d+: "entered" < "path"'),
        (share_a_path, "single-track", r"two trains are on one path of \w+"),
        (enter_a_closed_link, "single-track", r"a train enters \S+ at hour \S+, when it is closed"),
        (sail_in_a_storm, "storms", r'call \d+ at \w+ is "(re)?berthed" at hour \S+, when it is closed'),
        (end_before_the_cranes, "base", r"time runs backwards for box \d+ of \S+: hour"),
        (stay_at_the_origin, "border", r"box \d+ of \S+ was taken from (\w+) to \1 on leg \d"),
        (arrive_before_landing, "base", r"box \d+ of \S+ landed at hour \S+ and arrived at hour"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_fault_in_the_model_is_found(monkeypatch: pytest.MonkeyPatch, fault: Any, file: str, message: str) -> None:
    network = network_of(file)
    fault(monkeypatch)
    with pytest.raises(ConservationError, match=message) as caught:
        simulate(network, check=True)
    assert re.match(r"hour -?\d+\.\d+: .* \((after|while|in) .*\)$", str(caught.value))


def test_the_command_tells_what_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lose_a_box(monkeypatch)
    file = str(ORACLES / "base.yaml")
    words = ["--workers", "1", "-n", "1", "--out", str(tmp_path), "--set", "run.length=30 d"]
    result = CliRunner().invoke(corridor, ["run", file, "--check", *words])
    assert result.exit_code == 3
    assert re.search(r"ConservationError: hour -?\d+\.\d+: \d+ boxes stand in the stocks", result.output)
    assert list(tmp_path.iterdir()) == []


def test_from_python() -> None:
    result = sim.simulate(load(ORACLES / "base.yaml", set=SHORT), replications=1, workers=1, check=True)
    assert result.complete
