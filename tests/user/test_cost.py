"""What a route costs and emits, through the command and from Python, against sums made by hand and box by box."""

from __future__ import annotations

import io
import math
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from rich.console import Console

import sim
from sim.measure.emissions import emission_frame
from sim.model import simulate
from sim.network import build
from sim.show.tables import costs_table

PRICED = """\
extends: small.yaml
title: The small corridor with prices
factors:
  diesel:
    {title: Diesel, wtw: 28 g/(t km), ttw: 23 g/(t km), load_factor: 60 %, empty_running: 33 %, empty_energy: 40 %}
  ship: {title: Ship, wtw: 80 g/(TEU km), ttw: 65 g/(TEU km), load_factor: 70 %}
cargo:
  box: {time_value: 30 USD/(TEU d)}
links:
  hub-east-port: {freight: 0.3 USD/(TEU km), factor: diesel, operator: East Railway}
  west-port-market: {freight: 250 USD/unit, freight_east: 200 USD/unit, factor: diesel}
  hub-junction: {freight: 0.02 USD/(t km), factor: diesel}
  junction-market: {freight: 0.25 USD/(TEU km), factor: diesel}
services:
  feeder: {freight: 400 USD/TEU, factor: ship, operator: Small Sea Line}
  rail-broad: {load_factor: 90 %, empty_running: 80 %}
ports:
  east-port:
    charges:
      {move: 50 USD/TEU, storage: 6 USD/(TEU d), free: 12 h, wtw: 1.2 kg/t, ttw: 0.8 kg/t, operator: East Port Co}
    documents: {fee: 40 USD/unit}
  west-port:
    charges: {move: 80 USD/unit, storage: 4 USD/(TEU d), free: 2 h}
"""
KM = {"hub-east-port": 900.0, "crossing": 250 * 1.852, "west-port-market": 500.0}


@pytest.fixture
def priced(folder):
    (folder / "priced.yaml").write_text(PRICED, encoding="utf-8")
    return folder / "priced.yaml"


def paid(row):
    return {kind: row[kind] for kind in ("freight", "port", "storage", "documents", "time value")}


@pytest.mark.parametrize("change", [(), ("--set", "links.junction-market={freight: null, factor: null}")])
def test_the_json_has_the_documented_form(priced, corridor_json, documented, change):
    found = corridor_json("cost", "priced.yaml", "-n", 1, *change)
    documented("cost", found)
    assert all(found[name] for name in ("routes", "costs", "emissions", "break_even"))


def test_what_is_charged_and_emitted_is_what_the_file_says(priced, corridor_json):
    found = corridor_json("cost", "priced.yaml", "-n", 2)
    over = next(row for row in found["routes"] if row["route"] == "over")
    assert over["freight"] == pytest.approx((0.3 * 2 * 900 + 2 * 400 + 250) / 2)
    assert over["port"] == pytest.approx((2 * 50 * 2 + 2 * 80) / 2)  # off and on, at either port
    assert over["documents"] == pytest.approx(40 / 2)
    assert over["time value"] == pytest.approx(30 * over["days"])
    assert over["cost"] == pytest.approx(sum(paid(over).values()) - over["time value"])
    assert over["cost_per_t"] == pytest.approx(over["cost"] * 2 / 20)
    rail = 20 * (KM["hub-east-port"] + KM["west-port-market"])
    assert over["wtw"] == pytest.approx((0.028 * rail + 0.080 * 2 * KM["crossing"] + 1.2 * 20) / 2)
    assert over["ttw"] == pytest.approx((0.023 * rail + 0.065 * 2 * KM["crossing"] + 0.8 * 20) / 2)
    assert over["wtw_g_tkm"] == pytest.approx(2000 * over["wtw"] / (20 * sum(KM.values())))
    assert {"East Railway", "Small Sea Line", "East Port Co", "West Port"} <= {
        row["operator"] for row in found["costs"]
    }


def test_stages_and_kinds_add_up(priced):
    result = sim.simulate(sim.load(priced), replications=2, workers=1)
    stages, gases = result.costs(), result.emissions()
    for row in result.route_costs().to_dict("records"):
        own = stages[(stages["flow"] == row["flow"]) & (stages["route"] == row["route"])]
        assert row["generalised"] == pytest.approx(own["usd"].sum(), rel=1e-12)
        assert row["generalised"] == pytest.approx(sum(paid(row).values()), rel=1e-12)
        for name in ("wtw", "ttw"):
            emitted = gases[(gases["flow"] == row["flow"]) & (gases["route"] == row["route"])]
            assert row[name] == pytest.approx(emitted[name].sum(), rel=1e-12)
        assert row["generalised_low"] < row["generalised"] < row["generalised_high"]


def test_storage_and_time_are_those_of_each_box(priced):
    """Box by box from the milestones of the journal, those that have not arrived included."""
    network = build(sim.load(priced, set=["run.run_out=2 d"]))
    journal = simulate(network, 0)
    number = next(i for i, way in enumerate(network.itineraries) if (way.flow, way.route) == ("trade", "over"))
    units, rows = journal.units, journal.carriages
    end = float(network.model.run.length + network.model.run.run_out)
    storage, days, late = [], [], 0
    for unit in np.flatnonzero((units["itinerary"] == number) & (units["released"] >= 0)):
        if units["released"][unit] >= network.model.run.length:
            continue
        legs = {int(rows["leg"][i]): i for i in np.flatnonzero(rows["unit"] == unit) if np.isfinite(rows["landed"][i])}
        due = 0.0
        for leg, price, free in ((1, 6.0, 12.0), (2, 4.0, 2.0)):
            if leg - 1 in legs:
                out = rows["lifted"][legs[leg]] if leg in legs else end
                due += 2 * price * max(out - rows["landed"][legs[leg - 1]] - free, 0.0) / 24
        storage.append(due)
        late += 2 not in legs
        days.append(((rows["landed"][legs[2]] if 2 in legs else end) - units["released"][unit]) / 24)
    result = sim.simulate(sim.load(priced, set=["run.run_out=2 d"]), replications=1)
    row = next(
        row for row in result.route_costs().to_dict("records") if (row["flow"], row["route"]) == ("trade", "over")
    )
    assert 0 < late < len(days)
    assert row["storage"] == pytest.approx(np.mean(storage) / 2, rel=1e-9)
    assert row["storage"] > 0
    assert row["time value"] == pytest.approx(30 * np.mean(days), rel=1e-9)


def test_a_service_that_runs_emptier_emits_more(priced, corridor_json):
    """A vehicle uses 40 % when empty: 40 % + 60 % of its utilisation, over its utilisation, a t km."""
    found = corridor_json("cost", "priced.yaml", "-n", 1)
    stage = next(row for row in found["emissions"] if row["stage"] == "rail Hub–Junction" and row["flow"] == "trade")
    here, there = 0.9 / 1.8, 0.6 / 1.33
    scaled = 28 * ((0.4 + 0.6 * here) / here) / ((0.4 + 0.6 * there) / there)
    assert stage["wtw_g_tkm"] == pytest.approx(scaled)


def test_emissions_tell_what_they_rest_on(priced, corridor, corridor_json):
    sourced = ("--set", "factors.ship.wtw={value: 80 g/(TEU km), source: yard, grade: low}", "--set",
               "sources.yard={title: Shipyard}", "--set", "links.junction-market.factor=ship")  # fmt: skip
    found = corridor_json("cost", "priced.yaml", "-n", 1, "--flow", "trade", *sourced)
    legs = [row for row in found["emissions"] if row["route"] == "around" and row["kind"] == "leg"]
    basis = [(row["factor"], row["source"], row["grade"]) for row in legs]
    assert basis == [("diesel", "", "not stated"), ("ship", "yard", "low")]
    loads = [row[name] for row in legs for name in ("load_factor", "empty_running")]
    assert loads == pytest.approx([0.9, 0.8, 0.7, 0])  # what the service says, or the factor
    hub = next(row for row in found["emissions"] if row["kind"] == "hub")
    assert (hub["factor"], hub["load_factor"], hub["grade"]) == ("", None, "not stated")
    shown = corridor("cost", "priced.yaml", "-n", 1, "--flow", "trade", *sourced).stdout
    line = next(line for line in shown.splitlines() if "ship: " in line)
    assert "emissions  ship: 70 %, 0 %;" in line


def test_a_leg_has_a_row_for_each_of_its_factors(baseline):
    frame = emission_frame(build(sim.load(baseline))).set_index(["flow", "stage"]).sort_index()
    rail = frame.loc[("xian-poti", "rail Khorgos/Altynkol–Aktau")]
    assert list(rail["factor"]) == ["electric-coal", "diesel"]
    assert rail["tkm"].sum() == pytest.approx(22 * 3128, rel=1e-3)  # t of a box, km
    assert list(1000 * rail["wtw"] / rail["tkm"]) == pytest.approx([20, 28])


def test_eastbound_has_a_price_of_its_own(priced, corridor_json):
    found = corridor_json("cost", "priced.yaml", "-n", 1, "--flow", "returns")
    assert {row["flow"] for row in found["routes"]} == {"returns"}
    rail = [
        row["usd"] for row in found["costs"] if row["stage"] == "rail Market–West Port" and row["kind"] == "freight"
    ]
    assert rail == [pytest.approx(200 / 2)]


FARES = "services.feeder.freight_of={box: {freight: 150 USD/unit, freight_east: 90 USD/unit}}"


@pytest.mark.parametrize(
    ("change", "west", "east"),
    [
        (FARES, 150 / 2, 90 / 2),
        ("services.feeder.freight_of={box: {freight: 150 USD/unit}}", 150 / 2, 150 / 2),
        ("services.feeder.freight_of={empty: {freight: 150 USD/unit}}", 400, 400),  # boxes pay what all others pay
        ("links.crossing.freight_of={box: {freight: 1 USD/unit}}", 400, 400),  # the service asks first
    ],
)
def test_a_kind_of_cargo_has_prices_of_its_own(priced, corridor_json, change, west, east):
    fleet = ("--set", "cargo.empty={title: Empty box, space: 2 TEU}", "--set", "fleets.feeders.accepts=[box, empty]")
    found = corridor_json("cost", "priced.yaml", "-n", 1, *fleet, "--set", change)
    rows = [row for row in found["costs"] if row["operator"] == "Small Sea Line" and row["kind"] == "freight"]
    assert {row["flow"]: row["usd"] for row in rows} == {
        "trade": pytest.approx(west), "returns": pytest.approx(east)
    }  # fmt: skip


def test_a_price_that_does_not_count_the_cargo_is_no_price(priced, corridor_json):
    found = corridor_json("cost", "priced.yaml", "-n", 1, "--set", "links.hub-east-port.freight=1 USD/t", "--set",
                          "cargo.box.payload=0")  # fmt: skip
    over = next(row for row in found["routes"] if row["route"] == "over" and row["flow"] == "trade")
    assert over["freight"] is None
    assert over["cost"] is None


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ("title=As it is", {"rail Hub–East Port", "East Port port", "rail West Port–Market"}),
        ("ports.east-port.charges={wtw: 9 kg/unit, ttw: 8 kg/unit}", {"rail Hub–East Port", "rail West Port–Market"}),
        ("factors.diesel={wtw: 9 g/(TEU km), ttw: 8 g/(TEU km)}", {"East Port port"}),
    ],
)
def test_a_factor_that_does_not_count_the_cargo_is_no_factor(priced, corridor, corridor_json, change, stages):
    words = ("cost", "priced.yaml", "-n", 1, "--flow", "trade", "--set", "cargo.box.payload=0", "--set", change)
    found = corridor_json(*words)
    over = [row for row in found["emissions"] if row["route"] == "over"]
    assert {row["stage"] for row in over if not row["known"]} == stages
    assert next(row["wtw"] for row in over if row["factor"] == "ship") == pytest.approx(0.080 * KM["crossing"])
    (route,) = (row for row in found["routes"] if row["route"] == "over")
    assert (route["wtw"], route["ttw"]) == (None, None)
    assert "does not count the cargo" in corridor(*words).stdout


def test_a_leg_without_a_price_makes_the_route_unknown_not_cheap(priced, corridor, corridor_json):
    change = ("--set", "links.junction-market.freight=null")
    found = corridor_json("cost", "priced.yaml", "-n", 2, *change)
    around = next(row for row in found["routes"] if row["route"] == "around" and row["flow"] == "trade")
    assert around["freight"] is None
    assert around["cost"] is None
    assert around["generalised"] is None
    assert around["wtw"] > 0
    assert {row["verdict"] for row in found["break_even"]} == {"unknown"}
    shown = corridor("cost", "priced.yaml", "-n", 2, "--flow", "trade", *change)
    assert "no price" in shown.output
    assert "a leg has no price" in shown.output


CHARTERED = ("--set", "services.feeder.freight=null", "--set", "fleets.feeders.charter=7000 USD/d")
WAYS = ("trade/over", "trade/around", "returns/over", "returns/around")
NO_BOX, SOME = "no box was released in the measured time", "of 1 of 2 replications"
NO_SAILING = "nothing went by a chartered service in the measured time"
NO_PRICE, NO_FACTOR, NO_TEU = (
    "a leg has no price", "a leg has no emission factor", "the cargo is not counted in TEU"
)  # fmt: skip
NOT_COUNTED = "a factor does not count the cargo"
NOT_CHARGED = "a charge does not count the cargo"
NO_PAYLOAD = ["run.length=20 d", "cargo.box.payload=0", "links.hub-junction.freight=300 USD/unit"]


@pytest.mark.parametrize(
    ("change", "costs", "emissions"),
    [
        (["run.length=2 d"], {"trade/over": f"{NO_BOX} {SOME}", "trade/around": NO_BOX}, {}),
        (["run.length=1 h"], dict.fromkeys(WAYS, NO_BOX), {}),
        (
            ["run.length=2 d", "links.junction-market={freight: null, factor: null}"],
            {"trade/over": f"{NO_BOX} {SOME}", "trade/around": f"{NO_PRICE}; {NO_BOX}", "returns/around": NO_PRICE},
            {"trade/around": NO_FACTOR, "returns/around": NO_FACTOR},
        ),
        (
            ["run.length=12 h", *CHARTERED[1::2]],
            {"trade/over": f"{NO_BOX}; {NO_SAILING} {SOME}", "trade/around": NO_BOX}
            | {"returns/over": f"{NO_SAILING} {SOME}", "returns/around": f"{NO_BOX} {SOME}"},
            {},
        ),
        (["run.length=20 d", "cargo.box.teu=0"], dict.fromkeys(WAYS, NO_TEU), dict.fromkeys(WAYS, NO_TEU)),
        (NO_PAYLOAD, {}, dict.fromkeys(WAYS, NOT_COUNTED)),
        *(
            (
                [*NO_PAYLOAD, charge],
                dict.fromkeys(("trade/over", "returns/over"), NOT_CHARGED),
                dict.fromkeys(WAYS, NOT_COUNTED),
            )
            for charge in (
                "ports.east-port.charges.move=3 USD/t",
                "ports.west-port.charges.storage=1 USD/(t d)",
                "ports.east-port.documents.fee=2 USD/t",
            )
        ),
        (
            [*NO_PAYLOAD, "run.length=1 h", "ports.west-port.charges.storage=1 USD/(t d)"],
            dict.fromkeys(WAYS, NO_BOX),
            dict.fromkeys(WAYS, NOT_COUNTED),
        ),
        (
            [*NO_PAYLOAD, "links.junction-market.factor=null"],
            {},
            dict.fromkeys(WAYS, NOT_COUNTED)
            | dict.fromkeys(("trade/around", "returns/around"), f"{NOT_COUNTED}; {NO_FACTOR}"),
        ),
        (["run.length=20 d"], {}, {}),
    ],
)
def test_what_is_unknown_tells_why(priced, documented, change, costs, emissions):
    """In the JSON, the table and the pictures, for each flow and route; and what is known has no reason."""
    result = sim.simulate(sim.load(priced, set=change), replications=2, workers=1)
    found = result.costs_json()
    documented("cost", found)
    for name, figures, told in (
        ("cost_unknown", ("generalised", "days", "cost"), costs),
        ("emissions_unknown", ("wtw", "ttw", "wtw_g_tkm"), emissions),
    ):
        assert {f"{row['flow']}/{row['route']}": row[name] for row in found["routes"] if row[name]} == told
        for row in found["routes"]:
            assert (row[figures[0]] is None) == bool(row[name])
            assert row[name] or None not in [row[figure] for figure in figures]

    fewest = result.frames["routes"].groupby(["flow", "route"])["boxes"].min()
    for row in found["routes"]:
        assert NO_TEU in costs.values() or (NO_BOX in row["cost_unknown"]) == (fewest[row["flow"], row["route"]] == 0)

    table = printed(costs_table(result))
    for route, title in (("over", "Over the sea"), ("around", "Around the sea")):
        said = {way: [own[way] for own in (costs, emissions) if way in own] for way in WAYS if way.endswith(route)}
        for reason in ("; ".join(dict.fromkeys(one)) for one in said.values() if one):
            assert re.search(rf"\? unknown, {re.escape(reason)}: ([^?:]+ · )?{title}", table)
    assert (NO_PRICE in table) == any(NO_PRICE in reason for reason in costs.values())
    assert ("? unknown" in table) == bool(costs or emissions)

    for figure, told in ((result.plot_costs(), costs), (result.plot_emissions(), emissions)):
        drawn = [" ".join(text.split()) for text in words(figure) if "unknown" in text]
        assert sorted(drawn) == sorted(f"unknown: {reason}" for reason in told.values())
    left_out = f"Left out, as unknown: {len({*costs, *emissions})} of 4."
    assert any(left_out in text for text in words(result.plot_trade_off())) == bool(costs or emissions)


def printed(table):
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(table)
    return " ".join(console.file.getvalue().split())


def words(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def test_what_is_known_without_a_box_is_told(priced, corridor, folder):
    """Freight, moves and fees follow from the way; storage and the value of time are unknown, and not left out."""
    free = [word for port in ("east", "west") for word in ("--set", f"ports.{port}-port.charges.storage=null")]
    shown = corridor("cost", "priced.yaml", "-n", 2, "--flow", "trade", "--set", "run.length=1 h", *free)
    assert shown.exit_code == 0
    over = next(line.split() for line in shown.stdout.splitlines() if line.startswith("Over the sea"))
    assert over[3:7] == ["995", "100", "?", "?"]  # (540 + 800 + 250 + 2 × 180 + 40) / 2 USD a TEU
    borne = [line.split()[-1] for line in shown.stdout.splitlines() if "owner of the goods" in line]
    assert set(borne) == {"?"}
    routes = pd.read_csv(folder / "results" / "priced" / "costs" / "route-costs.csv")
    assert set(routes["cost_unknown"]) == {NO_BOX}
    figure = sim.simulate(sim.load(priced, set=["run.length=1 h", *free[1::2]]), replications=1).plot_costs()
    assert "paid 995" in words(figure)


def test_break_even_is_where_both_routes_cost_the_same(priced, corridor_json):
    """With the value of time that is found, the generalised costs are equal in the mean."""
    dear = ("--set", "links.hub-junction.freight=0.8 USD/(TEU km)")
    found = corridor_json("cost", "priced.yaml", "-n", 6, "--flow", "trade", *dear)
    (row,) = found["break_even"]
    routes = {one["route"]: one for one in found["routes"]}
    slow, fast = routes[row["route"]], routes[row["other_route"]]
    assert (slow["route"], fast["route"], row["verdict"]) == ("over", "around", "break even")
    assert slow["cost"] + row["value"] * slow["days"] == pytest.approx(fast["cost"] + row["value"] * fast["days"])
    assert row["low"] < row["value"] < row["high"]


def test_the_table_and_the_files(priced, corridor, folder):
    shown = corridor("cost", "priced.yaml", "-n", 2)
    assert shown.exit_code == 0
    assert "Paid USD" in shown.output
    assert "well-to-wheel" in shown.output
    kept = folder / "results" / "priced"
    for name in ("route-costs", "costs", "emissions", "break-even"):
        assert (kept / "costs" / f"{name}.csv").stat().st_size > 0
        assert (kept / "costs" / f"{name}.parquet").is_file()
    for name in ("costs", "emissions", "trade-off"):
        assert (kept / "plots" / f"{name}.png").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("priced.yaml", "--flow", "trad"), 'did you mean "trade"?'),
        (("small.yaml",), "has no freight on any link or service"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_it_runs(priced, corridor, written, words, message):
    shown = corridor("cost", *words)
    assert shown.exit_code == 2
    assert message in shown.output
    assert written() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("links.crossing.freight=0.3 USD/TEU/km", "USD/(TEU km)"),
        ("links.crossing.factor=shop", '"shop" is not in factors; did you mean "ship"?'),
        ("services.feeder.freight_of={bok: {freight: 9 USD/TEU}}", '"bok" is not in cargo; did you mean "box"?'),
        ("services.feeder.freight_of={box: {freight_east: 9 USD/TEU}}", 'key "freight" is missing'),
        ("factors.diesel.ttw=30 g/(t km)", "30 g/(t km) is more than wtw, 28 g/(t km)"),
        ("factors.diesel.ttw=3 g/(TEU km)", "is not for a t, as wtw is"),
        ("factors.diesel.load_factor=0 %", "vehicles that carry nothing"),
        ("cargo.box.worth=40000 USD/TEU", "time_value is given as well"),
        ("cargo.box.decay=8 %/a", 'key "worth" is missing'),
        ("ports.east-port.charges.wtw=null", 'key "wtw" is missing, of which it is a part'),
    ],
)
def test_faults_are_told(priced, corridor, change, message):
    shown = corridor("validate", "priced.yaml", "--set", change)
    assert shown.exit_code == 2
    assert message in shown.output


def test_a_price_for_cargo_that_is_not_carried_is_a_fault(priced, corridor):
    pallets = "cargo.pallets={title: Pallets, space: 2 TEU, teu: 2}"
    price = "services.feeder.freight_of={pallets: {freight: 9 USD/TEU}}"
    shown = corridor("validate", "priced.yaml", "--set", pallets, "--set", price)
    assert shown.exit_code == 2
    assert 'feeder does not carry "pallets", only: box' in shown.output


def test_time_as_a_share_of_the_goods_worth(priced):
    goods = ["cargo.box.time_value=null", "cargo.box.worth=54750 USD/TEU", "cargo.box.decay=20 %/a"]
    one, other = (
        sim.simulate(sim.load(priced, set=[*change, "run.length=20 d"]), replications=1).route_costs()["time value"]
        for change in ((), goods)
    )
    assert all(math.isfinite(value) for value in one)
    assert list(other) == pytest.approx(list(one))  # 54,750 × 20 % / 365 = 30 USD a day


NUMBERLESS = ("--set", "fleets.trains-east.train_sets=unlimited", "--set", "fleets.trains-east.charter=9 USD/d")


def test_a_charter_is_borne_by_what_sails(priced, corridor_json, folder):
    """Two feeders at 7,000 USD a day for the measured days, over the TEU that sailed within them, counted here."""
    scenario = sim.load(priced, set=list(CHARTERED[1::2]))
    network = build(scenario)
    found = corridor_json("cost", "priced.yaml", "-n", 1, *CHARTERED)
    journal = simulate(network, 0)
    feeder = journal.names["fleets"].index("feeders")
    calls, days = journal.calls, float(network.model.run.length) / 24
    mine = (calls["fleet"] == feeder) & (calls["weather_out"] >= 0) & (calls["weather_out"] < 24 * days)
    left = journal.carriages["call_from"]
    boxes = sum(int(np.isin(left, [call]).sum()) for call in np.flatnonzero(mine))
    over = next(row for row in found["costs"] if row["route"] == "over" and row["kind"] == "charter")
    assert over["usd"] == pytest.approx(2 * 7000 * days / (2 * boxes))
    assert over["operator"] == "Small Sea Line"
    assert not any(row["kind"] == "freight" and row["stage"] == over["stage"] for row in found["costs"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (CHARTERED[2:], "feeder asks a freight; a charter takes its place"),
        (("--set", "services.feeder.freight=null", "--set", FARES, *CHARTERED[2:]), "feeder asks a freight"),
        (NUMBERLESS, "without number"),
        (("--set", "fleets.feeders.charter=9 USD/TEU"), 'a charter like "9000 USD/d"'),
    ],
)
def test_charters_that_cannot_be(priced, corridor, change, message):
    done = corridor("validate", "priced.yaml", *change)
    assert done.exit_code == 2
    assert message in done.stdout + done.stderr
