"""Ways of services and flows on the graph, what is refused there, and the preview."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.network import Network, build
from sim.network.chains import PlannedLeg, chains
from sim.network.preview import preview
from sim.scenario.faults import ScenarioError
from sim.scenario.load import load

CORRIDOR = Path(__file__).parent.parent / "corridor.yaml"
BYPASS = (
    "places.x={name: X, country: IR, lat: 35, lon: 50}",
    "links.ax={between: [a, x], mode: rail, gauge: 1520, distance: 500 km, speed: 40 km/h}",
    "links.xd={between: [x, d], mode: rail, gauge: 1520, distance: 500 km, speed: 40 km/h}",
    "services.by-x={kind: individual, title: By X, stops: {a: {}, d: {}}, accepts: [container]}",
)


def changed(*changes: str) -> Network:
    return build(load(CORRIDOR, set=changes))


def refused(*changes: str) -> list[str]:
    with pytest.raises(ScenarioError) as error:
        changed(*changes)
    return error.value.lines


def legs(network: Network, flow: str) -> list[str]:
    way = next(i for i in network.itineraries if i.flow == flow)
    return [leg.service for leg in way.legs]


def test_a_flow_goes_through_its_waypoints_in_order_and_back() -> None:
    network = changed()
    assert legs(network, "w") == ["rail-ab", "sea-bc", "rail-cd"]
    assert legs(network, "e") == ["rail-cd", "sea-bc", "rail-ab"]


def test_waypoints_hold_against_a_shorter_way() -> None:
    assert legs(changed(*BYPASS), "w") == ["rail-ab", "sea-bc", "rail-cd"]
    assert legs(changed(*BYPASS, "routes.middle.via=[]"), "w") == ["by-x"]


def test_trucks_take_the_road_where_there_is_a_railway_too() -> None:
    road = "links.road={between: [a, d], mode: road, distance: 900 km, speed: 60 km/h}"
    by_rail, by_road = changed(*BYPASS, road), changed(*BYPASS, road, "services.by-x.mode=road")
    assert [section.link for section in by_rail.ways["by-x"]] == ["ax", "xd"]
    assert [section.link for section in by_road.ways["by-x"]] == ["road"]
    (line,) = refused(*BYPASS, "services.by-x.mode=road")
    assert "no way from a to d on road links; add links, or change via" in line


def test_oil_takes_a_pipeline_where_there_is_nothing_else() -> None:
    pipe = "links.pipe={between: [a, d], mode: pipeline, distance: 900 km, speed: 7 km/h}"
    network = changed(*BYPASS, pipe, "services.by-x.via=[]", "links.ax=null", "links.xd=null")
    assert [section.link for section in network.ways["by-x"]] == ["pipe"]


def test_avoiding_a_place_or_a_service() -> None:
    for avoided in ("x", "by-x"):
        assert legs(changed(*BYPASS, "routes.middle.via=[]", f"routes.middle.avoid=[{avoided}]"), "w")[0] == "rail-ab"


def test_a_route_does_not_come_back_to_where_it_was() -> None:
    """From b the quickest way to d would lead back over a, once there is a railway past the sea."""
    network = changed(*BYPASS, "links.bc.distance=40000 km", "routes.middle.via=[b]")
    assert legs(network, "w") == ["rail-ab", "sea-bc", "rail-cd"]


def test_a_train_stays_on_one_gauge() -> None:
    assert changed("links.cd.gauge=1435").ways["rail-cd"][0].link == "cd"
    halves = (
        "places.m={name: M, country: KZ, lat: 43, lon: 65}",
        "links.ab=null",
        "links.am={between: [a, m], mode: rail, gauge: 1520, distance: 1500 km, speed: 40 km/h}",
        "links.mb={between: [m, b], mode: rail, gauge: 1435, distance: 1500 km, speed: 40 km/h}",
    )
    lines = refused(*halves)
    assert len(lines) == 1
    assert "no way from a to b on rail links of one gauge" in lines[0]


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        (("links.cd.speed=null",), 'key "speed" is missing: rail-cd runs here, and only ships bring their own'),
        ((*BYPASS, "links.ax.speed=null"), "by-x runs here"),
        ((*BYPASS, "services.by-x.kind=timetable", "services.by-x.every=3 d", "links.xd.speed=null"), "by-x runs here"),
    ],
    ids=["trains", "individual", "timetable"],
)
def test_a_link_without_a_speed_is_refused_where_something_runs_that_has_none(
    changes: tuple[str, ...], due: str
) -> None:
    (line,) = refused(*changes)
    assert due in line


def test_what_says_how_long_it_takes_needs_no_speed() -> None:
    assert changed(*BYPASS, "links.ax.speed=null", "services.by-x.time=3 d").itineraries


def test_demand_that_no_route_serves_is_refused_where_it_stands() -> None:
    lines = refused("fleets.bc.accepts=[wagon]", "cargo.wagon={title: W, space: 1 TEU}")
    assert len(lines) == 2  # both flows
    assert "corridor.yaml:" in lines[0]
    assert "so the demand has no route" in lines[0]


def test_a_flow_against_its_route_is_refused_where_it_stands() -> None:
    """Its waypoints would be lost, and it would go another way than its route is told."""
    lines = refused("routes.middle.via=[d, a]")
    assert "corridor.yaml:" in lines[0]
    assert "its route passes d before a in direction west; via is told westbound" in lines[0]


def test_an_unknown_waypoint_comes_with_the_nearest_stop() -> None:
    lines = refused("places.bb={name: BB, country: KZ, lat: 43, lon: 51}", "routes.middle.via=[bb]")
    assert "waypoint bb" in lines[0]
    assert 'did you mean "b"?' in lines[0]


def test_a_yard_smaller_than_a_train_is_refused() -> None:
    lines = refused("ports.b.yards.west.limit=100 TEU")
    assert any("would wait for ever" in line for line in lines)


def test_a_yard_of_one_direction_may_be_smaller_than_what_unloads_for_the_other() -> None:
    assert changed("ports.b.yards.west.limit=150 TEU").itineraries  # the ship holds 200 and brings to b what goes east


def test_a_ship_that_floats_without_a_single_box_is_refused() -> None:
    lines = refused("ports.b.depth=2 m", 'fleets.bc.draught={full: "6 m", empty: "2 m"}')
    assert any("loads no more than 0 TEU" in line for line in lines)


def test_a_diversion_counts_by_how_long_it_lasts_in_the_measured_time() -> None:
    diverted = "{start: 2024-01-21, end: 2024-02-10, routes: {by-x: 25 %, middle: 75 %}}"
    times = ("run.start=2024-01-01", "run.length=40 d")
    network = changed(*BYPASS, *times, "routes.by-x={title: By X, avoid: [b]}", f"demand.w.diversions.x={diverted}")
    shares = {(way.flow, way.route): way.share for way in network.itineraries}
    assert shares["w", "by-x"] == pytest.approx(0.125)
    assert shares["w", "middle"] == pytest.approx(0.875)
    assert shares["e", "middle"] == 1.0


def test_the_preview_by_hand() -> None:
    network = changed("links.ab.delay=null", "ports.b.calendar=null", "ports.c.calendar=null")
    loads = {(x.place, x.facility): x for x in preview(network).loads}
    a_week = 40000 / 8760 * 168
    line = loads["a–b", "rail-ab"]
    assert line.offered == pytest.approx(a_week)
    trains = a_week / 110
    at_a = 4 + 4  # each train brings something back, as it waits for it for 12 h
    at_b = 55 * (1 + 4000 / 40000) * 0.1 / 2
    assert line.capacity == pytest.approx(30 * 110 * 168 / (2 * 3000 / 40 + at_a + at_b))
    assert loads["ab", "paths"].utilisation == pytest.approx(trains / 7 / 4)
    assert loads["a", "berth rail"].offered == pytest.approx(trains / 7 * at_a)
    assert loads["b", "berth rail"].offered == pytest.approx(trains / 7 * at_b)


def test_a_desk_is_asked_for_the_papers_of_each_flow() -> None:
    """At b 40,000 TEU a year come from the west in blocks of 55 boxes, and 4,000 from the east, box by box."""
    network = changed("ports.b.documents.servers=30", "ports.b.documents.eastbound_time=20 h")
    (desk,) = [load for load in preview(network).loads if (load.place, load.facility) == ("b", "documents")]
    assert desk.offered == pytest.approx((40000 / 2 / 55 * 10 + 4000 / 2 * 20) / 365)
    assert desk.capacity == 30 * 24


def test_trains_at_a_border_have_the_papers_of_what_is_on_them() -> None:
    half = (
        "places.m={name: M, country: KZ, lat: 43, lon: 65}",
        "links.ab.between=[a, m]",
        "links.mb={between: [m, b], mode: rail, gauge: 1520, distance: 10 km, speed: 40 km/h}",
    )

    def asked(west: int, east: int) -> float:
        papers = f"borders.m={{time: {west} h, eastbound_time: {east} h, servers: 9}}"
        return next(load.offered for load in preview(changed(*half, papers)).loads if load.place == "m")

    trains = 40000 / 110 / 365  # a day; each brings something back
    assert asked(3, 5) == pytest.approx(trains * (3 + 5))


def test_of_two_lines_the_one_with_the_faster_ships_is_taken() -> None:
    """The link lets both run at 40 km/h; the ships of one cannot."""
    way = "{kind: ships, title: F, stops: {b: {berth: quay, wait: 36 h}, c: {berth: quay, wait: 12 h}}}"
    ships = "{service: fast, title: F, vessels: 4, capacity: 200 TEU, speed: 20 kn, accepts: [container]}"
    network = changed("links.bc.speed=40 km/h", f"services.fast={way}", f"fleets.fast={ships}")
    assert legs(network, "w") == ["rail-ab", "fast", "rail-cd"]


def test_what_keeps_its_own_time_asks_nothing_of_a_border_on_its_way() -> None:
    border = ("borders.x={time: 3 h, servers: 1}", "routes.middle.via=[]")
    asked = [
        next(load.offered for load in preview(changed(*BYPASS, *border, *own)).loads if load.place == "x")
        for own in ((), ("services.by-x.time=2 d",))
    ]
    assert asked[0] > asked[1] == 0


def planned(flow: str, *changes: str) -> list[PlannedLeg]:
    return next(list(chain.legs) for chain in chains(changed(*changes)) if chain.flow == flow)


def test_a_leg_is_as_far_as_all_links_of_its_way() -> None:
    (leg,) = planned("w", *BYPASS, "routes.middle.via=[]")
    assert (leg.service, leg.km, leg.hours) == ("by-x", 1000, 1000 / 40)


def test_a_leg_takes_the_time_that_its_service_says_and_its_km_may_be_unknown() -> None:
    (leg,) = planned("w", *BYPASS, "services.by-x.mode=pipeline", "services.by-x.time=3 d", "routes.middle.via=[]")
    assert (leg.km, leg.hours, leg.mode) == (None, 72, "individual")


def test_a_leg_takes_the_hours_of_the_fastest_fleet_that_carries_the_cargo() -> None:
    """Ships of the corridor run at 12 kn; where the sea is slower, that counts."""
    more = "fleets.more={{service: sea-bc, title: M, vessels: 1, capacity: 9 TEU, speed: {}, accepts: [{}]}}"
    other = "cargo.other={title: O, space: 1 TEU}"
    cases = (
        (("links.bc.speed=10 km/h",), 47),
        ((more.format("20 km/h", "container"),), 470 / 22.224),
        ((more.format("47 km/h", "container"),), 10),
        ((other, more.format("47 km/h", "other")), 470 / 22.224),
    )
    for changes, hours in cases:
        assert planned("w", *changes)[1].hours == pytest.approx(hours)


def test_papers_of_a_leg_are_those_of_the_flow() -> None:
    """At b papers take 10 h in the mean; eastbound 20 h, and 3 h for cargo that goes first."""
    papers = ("ports.b.documents.eastbound_time=20 h", "ports.b.documents.priority_time=3 h")
    assert [leg.papers_hours for leg in planned("w", *papers)] == pytest.approx([10, 0, 0])
    assert [leg.papers_hours for leg in planned("e", *papers)] == pytest.approx([0, 20, 0])
    assert [leg.papers_hours for leg in planned("e", *papers, "demand.e.priority=priority")] == pytest.approx([0, 3, 0])


def test_papers_of_a_leg_have_the_borders_on_its_way_unless_it_keeps_its_own_time() -> None:
    border = (*BYPASS, "borders.x={time: 4 h, faulty: 50 %, faulty_time: 6 h}", "routes.middle.via=[]")
    assert planned("w", *border)[0].papers_hours == pytest.approx(7)
    assert planned("w", *border, "services.by-x.time=3 d")[0].papers_hours == 0


def test_papers_of_a_leg_by_timetable_have_its_release() -> None:
    liner = ("services.by-x.kind=timetable", "services.by-x.every=3 d", "services.by-x.stops.d.release=30 h")
    assert planned("w", *BYPASS, *liner, "routes.middle.via=[]")[0].papers_hours == 30


def test_the_preview_names_what_is_overloaded() -> None:
    assert not preview(changed()).overloaded()
    names = {x.facility for x in preview(changed("fleets.bc.vessels=1", "fleets.bc.capacity=60 TEU")).overloaded()}
    assert names == {"sea-bc"}
