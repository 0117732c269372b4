"""What can be wrong with a merged scenario: its shape, its references, its sense. All faults are found in one pass."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from sim import units
from sim.scenario.faults import Fault, MisreadError, Path, listed, nearest
from sim.scenario.schema import (
    Block,
    Charges,
    Diversion,
    Documents,
    Fleet,
    FleetService,
    Model,
    Service,
    TimetableService,
)
from sim.scenario.values import MONTHS, Amount, Count, Hours, Months, Quantity, Ratio, Share, Variate
from sim.units import told

Tree = dict[str, Any]
MAX_SHARE = 0.99  # of a month that storms close: they need some open time between them
MONTH = 31 * 24  # h, at most
DATE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?")


def check(tree: Tree) -> tuple[Model | None, list[Fault]]:
    """The model of a merged tree, or None, and everything that is wrong with the tree."""
    model, faults = None, []
    try:
        model = Model.model_validate(tree)
    except ValidationError as error:
        faults += check_shape(tree, error)
    faults += check_references(tree) + check_stops(tree)
    sound = model if not faults else _sound_part(tree, faults)
    if sound is not None:
        faults += [fault for sense in SENSE for fault in sense(sound)]
    if model is not None and not faults:
        faults += check_whole(model, frozenset())
    return (None if faults else model), faults


def check_alone(tree: Tree) -> list[Fault]:
    """What is wrong with a part of a scenario whatever the other parts say: keys unknown, values misread."""
    try:
        Model.model_validate(tree)
    except ValidationError as error:
        return check_shape(tree, error, whole=False)
    return []


def _sound_part(tree: Tree, faults: list[Fault]) -> Model | None:
    """The model without the entries that are at fault, so that the others can still be checked for sense."""
    broken = {fault.path[:2] for fault in faults}
    rest = {
        section: {key: entry for key, entry in entries.items() if (section, key) not in broken}
        if isinstance(entries, dict)
        else entries
        for section, entries in tree.items()
        if (section,) not in broken
    }
    try:
        return Model.model_validate(rest)
    except ValidationError:
        return None


# --- shape: pydantic's findings in our words ---


class Kind(NamedTuple):
    """One type that the schema allows at some place, with its bounds."""

    type: Any
    bounds: tuple[Any, ...] = ()


def kinds(annotation: Any, bounds: Sequence[Any] = ()) -> list[Kind]:
    """The types an annotation allows, None left out."""
    if isinstance(annotation, FieldInfo):
        return kinds(annotation.annotation, annotation.metadata)
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        more = [bound for extra in extras for bound in (extra.metadata if isinstance(extra, FieldInfo) else [extra])]
        return kinds(inner, more)
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for member in get_args(annotation) for kind in kinds(member)]
    return [] if annotation is type(None) else [Kind(annotation, tuple(bounds))]


def below(here: list[Kind], step: str) -> list[Kind]:
    """The types allowed one step down."""
    found = []
    for kind in here:
        if _is_block(kind):
            field = kind.type.model_fields.get(step)
            found += kinds(field) if field else []
        elif get_origin(kind.type) in (dict, list):
            found += kinds(get_args(kind.type)[-1])
    return found


def allowed_at(path: Path, top: type[Block] = Model) -> list[Kind]:
    """The types the schema allows at a path of the tree; `top` is what the whole of it is."""
    here = [Kind(top)]
    for step in path:
        here = below(here, step)
    return here


def allowed_keys(here: list[Kind]) -> list[str]:
    """The keys of these types, if they are blocks."""
    return list(dict.fromkeys(key for kind in here if _is_block(kind) for key in kind.type.model_fields))


def check_shape(tree: Tree, error: ValidationError, top: type[Block] = Model, *, whole: bool = True) -> list[Fault]:
    """Pydantic's errors on a tree that should be a `top`, as faults, one or more for each path.

    If the tree is not the `whole` of it, a mapping may go on elsewhere, and is not blamed for what it is not.
    """
    faults: dict[Path, list[Fault]] = {}
    missing: dict[Path, dict[str, list[Kind]]] = {}
    for details in error.errors(include_url=False):
        if not (whole or _stands_alone(details)):
            continue
        path, here = _follow(details["loc"], top)
        if details["type"] == "missing":
            missing.setdefault(path[:-1], {})[path[-1]] = here
        elif path not in faults:  # a union reports each of its members
            faults[path] = _faults_of(details, path, here, top)
    return [fault for found in faults.values() for fault in found] + [
        Fault(path, _missing(keys), at="key", suggestion=_sibling(tree, path, top)) for path, keys in missing.items()
    ]


def _stands_alone(details: ErrorDetails) -> bool:
    """Whether an error remains one whatever else is written in the same mapping."""
    found = details["input"]
    return details["type"] == "extra_forbidden" or not isinstance(found, dict) or not found.keys().isdisjoint(WHOLE)


WHOLE = ("value", "dist")  # a mapping with one of these is a value, and is replaced as a whole


def _missing(keys: dict[str, list[Kind]]) -> str:
    if len(keys) > 1:
        return f"the keys {listed(keys)} are missing"
    [(key, here)] = keys.items()
    return f'key "{key}" is missing, where {wanted(here)} is due'


def _sibling(tree: Tree, path: Path, top: type[Block]) -> str | None:
    """The id that was probably meant, where an incomplete block may be a misspelt one."""
    if len(path) < 2 or any(_is_block(kind) for kind in allowed_at(path[:-1], top)):
        return None
    siblings: Any = tree
    for key in path[:-1]:
        siblings = siblings[int(key)] if isinstance(siblings, list) else siblings[key]
    return nearest(path[-1], [name for name in siblings if name != path[-1]], alike=0.75)


def _follow(loc: tuple[int | str, ...], top: type[Block]) -> tuple[Path, list[Kind]]:
    """The path in the tree that pydantic's `loc` means, without labels for members of unions, and what is allowed."""
    here, path = [Kind(top)], []
    for step in map(str, loc):
        tagged = [kind for kind in here if step in _tags(kind)]
        if len(here) > 1 and tagged:
            here = tagged
        elif any(_is_block(kind) or get_origin(kind.type) in (dict, list) for kind in here):
            path.append(step)
            here = below(here, step)
        else:
            break
    return tuple(path), here


def _faults_of(details: ErrorDetails, path: Path, here: list[Kind], top: type[Block]) -> list[Fault]:
    match details["type"]:
        case "extra_forbidden":
            _, block = _follow(details["loc"][:-1], top)
            keys = allowed_keys(block)
            message = f'unknown key "{path[-1]}", allowed here: {listed(keys, most=24)}'
            return [Fault(path, message, at="key", suggestion=nearest(path[-1], keys))]
        case "union_tag_not_found":
            words = [word for kind in here for word in _tags(kind)]
            near = nearest("kind", details["input"])
            if near:
                return [Fault((*path, near), f'unknown key "{near}"', at="key", suggestion="kind")]
            return [Fault(path, f'key "kind" is missing, allowed: {", ".join(words)}', at="key")]
        case "union_tag_invalid":
            words = [word for kind in here for word in _tags(kind)]
            found = details["input"]["kind"]
            near = nearest(str(found), words)
            return [Fault((*path, "kind"), f"found {told(found)}, allowed: {', '.join(words)}", suggestion=near)]
        case "value_error" if isinstance(cause := details["ctx"]["error"], MisreadError):
            return [
                _beside_words(Fault((*path, *f.path), f.message, f.at, f.suggestion), path, here) for f in cause.faults
            ]
    found = details["input"]
    if details["type"] == "too_short" and not found:
        least = details["ctx"]["min_length"]
        return [Fault(path, f"found nothing, where {least} {'entry' if least == 1 else 'entries'} or more are due")]
    if details["loc"][-1] == "[key]":
        return [Fault(path, f'found the key "{found}", where {ID} is due', at="key", suggestion=_as_id(found))]
    near = nearest(found, _words(here)) if isinstance(found, str) else None
    return [Fault(path, f"found {told(found)}, where {wanted(here)} is due", suggestion=near)]


def _words(here: list[Kind]) -> list[str]:
    """The words that are allowed as they stand."""
    return [str(word) for kind in here if get_origin(kind.type) is Literal for word in get_args(kind.type)]


def _beside_words(fault: Fault, path: Path, here: list[Kind]) -> Fault:
    """A fault of a whole value, where words are allowed as well."""
    words = _words(here)
    if not words or fault.path != path:
        return fault
    found = fault.message.partition('"')[2].partition('"')[0]
    message = f"{fault.message.removesuffix(' is due')} or {', '.join(words)} is due"
    return replace(fault, message=message, suggestion=nearest(found, words))


ID = 'an id of small letters, digits and hyphens, like "aktau-alat"'
TEXTS = {r"^[a-z0-9][a-z0-9-]*$": ID, r"^[A-Z]{2}$": 'a country code of two capitals like "KZ"'}


def _as_id(text: str) -> str | None:
    """The id that is probably meant by a name: "Aktau Alat" gives "aktau-alat"."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or None


def wanted(here: list[Kind]) -> str:
    """What is allowed, in words."""
    return " or ".join(dict.fromkeys(map(_described, here)))


# how the values of the language are written, where their dimension does not tell
WRITTEN: dict[type, str] = {
    Variate: 'a time like "36 h" or a share like "40 %"',
    Months: "a mapping of the months jan to dec",
    Hours: 'hours of the day like "08:00-20:00"',
    Share: 'a share like "25 %" or 0.25',
    Ratio: "a number like 1.2",
    Amount: "a number of at least 0",
    Count: "a whole number of at least 1",
}


def _described(kind: Kind) -> str:
    if kind.type in WRITTEN:
        return WRITTEN[kind.type]
    if isinstance(kind.type, type) and issubclass(kind.type, Quantity) and kind.type.dimension:
        return units.wanted(kind.type.dimension)
    if get_origin(kind.type) is Literal:
        words = [str(word) for word in get_args(kind.type)]
        return words[0] if len(words) == 1 else f"one of {', '.join(words)}"
    if kind.type in (int, float):
        return ("a whole number" if kind.type is int else "a number") + _span(kind.bounds)
    if kind.type is str:
        pattern = next((bound.pattern for bound in kind.bounds if hasattr(bound, "pattern")), None)
        return "a text" if pattern is None else TEXTS[pattern]
    if kind.type is bool:
        return "true or false"
    most = next((bound.max_length for bound in kind.bounds if isinstance(bound, MaxLen)), None)
    return ("a list" if get_origin(kind.type) is list else "a mapping") + (f" of {most}" if most else "")


def _span(bounds: tuple[Any, ...]) -> str:
    low = next((bound.ge for bound in bounds if isinstance(bound, Ge)), None)
    high = next((bound.le for bound in bounds if isinstance(bound, Le)), None)
    return f" from {low} to {high}" if high is not None else f" of at least {low}" if low is not None else ""


def _is_block(kind: Kind) -> bool:
    return isinstance(kind.type, type) and issubclass(kind.type, Block)


def _tags(kind: Kind) -> tuple[str, ...]:
    """The words that tell this block from the others of its union."""
    field = kind.type.model_fields.get("kind") if _is_block(kind) else None
    return get_args(field.annotation) if field else ()


# --- references: names that must be the key of something ---

# pattern of a path, whether its last key or its value is the name, and the sections that may hold it
REFERENCES: tuple[tuple[str, Literal["key", "value"], tuple[str, ...]], ...] = (
    ("links.*.between.*", "value", ("places",)),
    ("links.*.calendar", "value", ("calendars",)),
    ("links.*.factor", "value", ("factors",)),
    ("links.*.freight_of.*", "key", ("cargo",)),
    ("calendars.*.storms", "value", ("calendars",)),
    ("terminals.*", "key", ("places",)),
    ("terminals.*.calendar", "value", ("calendars",)),
    ("ports.*", "key", ("places",)),
    ("ports.*.calendar", "value", ("calendars",)),
    ("ports.*.sea", "value", ("seas",)),
    ("borders.*", "key", ("places",)),
    ("borders.*.calendar", "value", ("calendars",)),
    ("services.*.factor", "value", ("factors",)),
    ("services.*.freight_of.*", "key", ("cargo",)),
    ("services.*.stops.*", "key", ("places",)),
    ("services.*.via.*", "value", ("places",)),
    ("services.*.accepts.*", "value", ("cargo",)),
    ("fleets.*.service", "value", ("services",)),
    ("fleets.*.accepts.*", "value", ("cargo",)),
    ("routes.*.via.*", "value", ("places",)),
    ("routes.*.avoid.*", "value", ("places", "services")),
    ("demand.*.origin", "value", ("places",)),
    ("demand.*.destination", "value", ("places",)),
    ("demand.*.cargo", "value", ("cargo",)),
    ("demand.*.routes.*", "key", ("routes",)),
    ("demand.*.diversions.*.routes.*", "key", ("routes",)),
)


def check_references(tree: Tree) -> list[Fault]:
    """Names that are the key of nothing."""
    faults = []
    for pattern, at, sections in REFERENCES:
        known = [name for section in sections for name in _section(tree, section)]
        for path, value in _matches(tree, pattern.split(".")):
            name = path[-1] if at == "key" else value
            if isinstance(name, str) and name not in known:
                faults.append(Fault(path, _absent(name, sections, known), at, nearest(name, known)))
    sources = list(_section(tree, "sources"))
    for path, name in _keyed(tree, "source"):
        if path[0] != "sources" and isinstance(name, str) and name not in sources:
            faults.append(Fault(path, _absent(name, ("sources",), sources), suggestion=nearest(name, sources)))
    return faults


def check_stops(tree: Tree) -> list[Fault]:
    """Trains and ships stop at a terminal or port that has the berths they ask for."""
    terminals = _section(tree, "terminals") | _section(tree, "ports")
    faults = []
    for (_, service, _, place), stop in _matches(tree, ["services", "*", "stops", "*"]):
        entry = tree["services"][service]
        if entry.get("kind") not in ("trains", "ships") or place not in _section(tree, "places"):
            continue
        path = ("services", service, "stops", place)
        if place not in terminals:
            message = f'place "{place}" is no terminal and no port, but {entry["kind"]} need berths where they stop'
            faults.append(Fault(path, message, at="key"))
            continue
        berths = terminals[place].get("berths") if isinstance(terminals[place], dict) else None
        berth = stop.get("berth") if isinstance(stop, dict) else None
        if isinstance(berth, str) and isinstance(berths, dict) and berth not in berths:
            message = f'"{berth}" is no kind of berth at {place}, which has: {listed(berths)}'
            faults.append(Fault((*path, "berth"), message, suggestion=nearest(berth, berths)))
    return faults


def _absent(name: str, sections: tuple[str, ...], known: list[str]) -> str:
    return f'"{name}" is not in {" or ".join(sections)}' + ("" if known else ", where there is nothing")


def _section(tree: Tree, name: str) -> Tree:
    section = tree.get(name)
    return section if isinstance(section, dict) else {}


def _matches(tree: object, pattern: Sequence[str], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Paths that fit a pattern in which * stands for any one key, with their values."""
    if not pattern:
        yield path, tree
        return
    for key, value in _entries(tree):
        if pattern[0] in ("*", key):
            yield from _matches(value, pattern[1:], (*path, key))


def _keyed(tree: object, name: str, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every path that ends in this key, with its value."""
    for key, value in _entries(tree):
        if key == name:
            yield (*path, key), value
        yield from _keyed(value, name, (*path, key))


def _entries(tree: object) -> Iterable[tuple[str, Any]]:
    if isinstance(tree, dict):
        return tree.items()
    if isinstance(tree, list):
        return ((str(index), value) for index, value in enumerate(tree))
    return ()


# --- sense: what fits the schema but cannot be meant ---


def check_dimensions(model: Model) -> list[Fault]:
    """Delays of links are shares, every other variate is a time."""
    faults = []
    for path, value in values_of(model):
        due: Literal["share", "time"] = "share" if path[0] == "links" else "time"
        if isinstance(value, Variate) and value.dimension != due:
            faults.append(Fault(path, f'found a {value.dimension}, where a {due} like "{units.EXAMPLES[due]}" is due'))
    return faults


def check_links(model: Model) -> list[Fault]:
    """Links join two different places; only rails have a gauge."""
    faults = []
    for name, link in model.links.items():
        if link.between[0] == link.between[1]:
            faults.append(Fault(("links", name, "between"), f"found {link.between[0]} twice, where two places are due"))
        if link.gauge is not None and link.mode != "rail":
            faults.append(Fault(("links", name, "gauge"), f"a {link.mode} link has no gauge", at="key"))
    return faults


def check_places(model: Model) -> list[Fault]:
    """A place is a terminal or a port, not both, and tables can tell it by its name."""
    both = "is a terminal and a port; write its berths and yards in one of them"
    faults = [Fault(("ports", name), f'"{name}" {both}', at="key") for name in model.ports if name in model.terminals]
    first: dict[str, str] = {}
    for key, place in model.places.items():
        if place.name in first:
            what = f'"{place.name}" is the name of {first[place.name]}, too, and tables could not tell them apart'
            faults.append(Fault(("places", key, "name"), what))
        first.setdefault(place.name, key)
    return faults


def check_whole(model: Model, doubtful: frozenset[Path]) -> list[Fault]:
    """Where nothing fits. These ask for all that there is, and so are silent about what hangs on `doubtful` entries,
    (section, key), of a faulty scenario."""
    faults = [] if any(section == "cargo" for section, _ in doubtful) else check_yards(model)
    if all(key in model.fleets for section, key in doubtful if section == "fleets"):
        faults += check_blocks(model, doubtful)
    if all(section not in ("fleets", "services") for section, _ in doubtful):
        faults += check_fares(model)
    return faults


def check_yards(model: Model) -> list[Fault]:
    """A yard is measured in a unit in which some cargo takes space."""
    known = sorted({cargo.space.unit for cargo in model.cargo.values()})
    faults = []
    for section, terminals in (("terminals", model.terminals), ("ports", model.ports)):
        for name, terminal in terminals.items():
            for key, yard in terminal.yards.items():
                if known and yard.limit.unit not in known:
                    message = f"no cargo takes space in {yard.limit.unit}, only in {listed(known)}"
                    faults.append(Fault((section, name, "yards", key, "limit"), message))
    return faults


def check_documents(model: Model) -> list[Fault]:
    """Where some documents are faulty, it is known how long they take."""
    stays: list[tuple[Path, Documents]] = [(("borders", name), border) for name, border in model.borders.items()]
    for section, terminals in (("terminals", model.terminals), ("ports", model.ports)):
        for name, terminal in terminals.items():
            if terminal.documents is not None:
                stays.append(((section, name, "documents"), terminal.documents))
    faults = [
        Fault((*path, "faulty"), f'{documents.faulty.text} are faulty, but key "faulty_time" is missing')
        for path, documents in stays
        if documents.faulty > 0 and documents.faulty_time is None
    ]
    faults += [
        Fault((*path, "advance"), f'{documents.advance.text} are announced, but key "advance_factor" is missing')
        for path, documents in stays
        if documents.advance > 0 and float(documents.advance_factor) == 1
    ]
    return faults


def check_calendars(model: Model) -> list[Fault]:
    """Weather closures have a share and a length, dated closures a start before their end."""
    faults = []
    for name, calendar in model.calendars.items():
        path = ("calendars", name)
        if calendar.closed_share is not None and calendar.block is None:
            faults.append(Fault((*path, "closed_share"), 'key "block" is missing, the length of one closure', at="key"))
        if calendar.storms is not None and calendar.closed_share is not None:
            faults.append(Fault((*path, "storms"), "closed_share is given as well: storms of its own, or of another?"))
        shared = model.calendars.get(calendar.storms or "")
        if shared is not None and shared.storms is not None:
            faults.append(Fault((*path, "storms"), f'"{calendar.storms}" has its storms from another calendar itself'))
        if calendar.block is not None and calendar.closed_share is None:
            faults.append(Fault((*path, "block"), 'key "closed_share" is missing, how much is closed', at="key"))
        if calendar.block is not None and calendar.block.mean <= 0:
            faults.append(Fault((*path, "block"), "closures that last no time at all"))
        for month, share in zip(MONTHS, calendar.closed_share or (), strict=False):
            if share > MAX_SHARE:
                what = f"a share of {share:g} is more than {MAX_SHARE:g}; what is shut throughout is a dated closure"
                faults.append(Fault((*path, "closed_share", month), what))
        for key, closure in calendar.closures.items():
            faults += _check_span((*path, "closures", key), closure.start, closure.end)
    return faults


def _check_span(path: Path, start: str, end: str) -> list[Fault]:
    faults = _check_date((*path, "start"), start) + _check_date((*path, "end"), end)
    if not faults and not _date(start) < _date(end):
        faults.append(Fault((*path, "end"), f'"{end}" is not after the start "{start}"'))
    return faults


def _check_date(path: Path, text: str) -> list[Fault]:
    try:
        _date(text)
    except ValueError:
        return [Fault(path, f'found "{text}", where a date like "2025-09-12" or "2025-09-12 06:00" is due')]
    return []


def _date(text: str) -> datetime:
    """Raises ValueError."""
    if not DATE.fullmatch(text):
        raise ValueError
    return datetime.fromisoformat(text)


def check_run(model: Model) -> list[Fault]:
    """The run starts at a date, and all of it lies in the calendar."""
    run, path = model.run, ("run", "start")
    if faults := _check_date(path, run.start):
        return faults
    before = run.warm_up if math.isfinite(run.warm_up) else 0.0
    try:
        for hours in (-before - MONTH, run.length + run.run_out + 2 * MONTH):
            _date(run.start) + timedelta(hours=hours)
    except OverflowError:
        return [Fault(path, f'a run around "{run.start}" does not lie within the years 1 to 9999')]
    return []


def check_services(model: Model) -> list[Fault]:
    """Late arrivals have a delay."""
    return [
        Fault(("services", name, "on_time"), 'some arrive late, but key "late" is missing, by how much', at="key")
        for name, service in model.services.items()
        if isinstance(service, TimetableService) and service.on_time < 1 and service.late is None
    ]


def check_waiting(model: Model) -> list[Fault]:
    """Only a ship that waits at its berth can count from berthing, or hold cranes that others wait for."""
    faults = []
    for name, service in model.services.items():
        if not isinstance(service, FleetService):
            continue
        for place, stop in service.stops.items():
            path = ("services", name, "stops", place)
            terminal = model.terminals.get(place) or model.ports.get(place)
            berths = terminal.berths.get(stop.berth) if terminal is not None else None
            if stop.count_from == "berthing" and stop.waits_at == "off-berth":
                message = 'found "berthing", but it waits for its load off the berth; allowed then: opening, first-unit'
                faults.append(Fault((*path, "count_from"), message))
            if stop.waits_at == "berth" and berths is not None and berths.shared and berths.per == "unit":
                message = f'"{place}" shares its cranes out, so a vehicle cannot hold them while it waits for its load'
                faults.append(Fault((*path, "waits_at"), message))
    return faults


MOST_VEHICLES = 10_000  # of a fleet: more ships than carry boxes on all seas; each takes some 20 kB in a run


def check_fleets(model: Model) -> list[Fault]:
    """A fleet is of ships or of train sets, as its service is, and can carry what it accepts."""
    faults = []
    for name, fleet in model.fleets.items():
        path = ("fleets", name)
        service = model.services.get(fleet.service)
        if fleet.vessels is None and fleet.train_sets is None:
            faults.append(Fault(path, "found neither vessels nor train_sets, where one of them is due", at="key"))
        if fleet.vessels is not None and fleet.train_sets is not None:
            other = "train_sets" if service and service.kind == "ships" else "vessels"
            message = "found both vessels and train_sets, where one of them is due"
            faults.append(Fault((*path, other), message, at="key"))
        for key, count in (("vessels", fleet.vessels), ("train_sets", fleet.train_sets)):
            if isinstance(count, Count) and count > MOST_VEHICLES:
                message = f"found {count}, where a whole number from 1 to {MOST_VEHICLES} is due"
                faults.append(Fault((*path, key), message))
        if service is not None:
            faults += _check_vehicles(path, fleet, service)
        faults += _check_load(path, fleet, model)
        if fleet.draught is not None and fleet.draught.empty >= fleet.draught.full:
            faults.append(Fault((*path, "draught", "empty"), "an empty ship draws no less than a full one"))
    return faults


def _check_vehicles(path: Path, fleet: Fleet, service: Service) -> list[Fault]:
    if not isinstance(service, FleetService):
        message = f'service "{fleet.service}" is of kind {service.kind}, where one of trains or ships is due'
        return [Fault((*path, "service"), message)]
    due, other = ("vessels", "train_sets") if service.kind == "ships" else ("train_sets", "vessels")
    faults = []
    if getattr(fleet, other) is not None and getattr(fleet, due) is None:
        faults.append(Fault((*path, other), f"found {other}, where a service of {service.kind} needs {due}", at="key"))
    if service.kind == "ships" and fleet.speed is None:
        faults.append(Fault(path, 'key "speed" is missing: ships bring their own', at="key"))
    if service.kind == "trains":
        for key in ("speed", "draught"):
            if getattr(fleet, key) is not None:
                faults.append(Fault((*path, key), f"trains have no {key} of their own", at="key"))
    return faults


def _check_load(path: Path, fleet: Fleet, model: Model) -> list[Fault]:
    faults = []
    for index, name in enumerate(fleet.accepts):
        cargo = model.cargo.get(name)
        if cargo is None:
            continue
        at, space, capacity = (*path, "accepts", str(index)), cargo.space.text, fleet.capacity.text
        if cargo.space.unit != fleet.capacity.unit:
            faults.append(Fault(at, f'"{name}" takes {space}, but the capacity is {capacity}: the units differ'))
        elif cargo.space > fleet.capacity:
            message = f'one unit of "{name}" takes {space}, more than the capacity of {capacity}'
            faults.append(Fault((*path, "capacity"), message))
    return faults


def check_routes(model: Model) -> list[Fault]:
    """A promise does not end before it begins."""
    promises = [(name, route.promise) for name, route in model.routes.items() if route.promise is not None]
    return [
        Fault(("routes", name, "promise", "high"), f"{promise.high.text} is less than low, {promise.low.text}")
        for name, promise in promises
        if promise.high < promise.low
    ]


def check_demand(model: Model) -> list[Fault]:
    """A flow goes somewhere, its shares add up, and its units fit its cargo."""
    faults = []
    for name, flow in model.demand.items():
        path = ("demand", name)
        if flow.origin == flow.destination:
            faults.append(Fault((*path, "destination"), f'"{flow.destination}" is the origin, too'))
        faults += _check_shares((*path, "routes"), flow.routes)
        faults += _check_diversions((*path, "diversions"), flow.diversions)
        if flow.seasons is not None and not any(flow.seasons):
            faults.append(Fault((*path, "seasons"), "no month has any demand", at="key"))
        cargo = model.cargo.get(flow.cargo)
        if cargo is not None and flow.volume.space not in ("units", cargo.space.unit):
            message = f'{flow.volume.text}, but one unit of "{flow.cargo}" takes {cargo.space.text}: the units differ'
            faults.append(Fault((*path, "volume"), message))
    return faults


def _check_shares(path: Path, routes: dict[str, Share]) -> list[Fault]:
    total = sum(routes.values())
    if abs(total - 1) <= 1e-6:
        return []
    return [Fault(path, f"the shares add up to {total:.6g}, where 1 is due", at="key")]


NEVER = "9999-12-31"


def _check_diversions(path: Path, diversions: dict[str, Diversion]) -> list[Fault]:
    """Each has its time, shares that add up, and ends before the next begins."""
    faults = []
    spans: list[tuple[datetime, datetime, str]] = []
    for key, diversion in diversions.items():
        faults += _check_shares((*path, key, "routes"), diversion.routes)
        wrong = _check_span((*path, key), diversion.start, diversion.end or NEVER)
        faults += wrong
        if not wrong:
            spans.append((_date(diversion.start), _date(diversion.end or NEVER), key))
    for (_, end, before), (start, _, key) in pairwise(sorted(spans)):
        if start < end:
            faults.append(Fault((*path, key, "start"), f'"{before}" has not ended by then'))
    return faults


def check_values(model: Model) -> list[Fault]:
    """Time costs either a price a day, or a share of what the goods are worth; never both, never half."""
    faults = []
    for name, cargo in model.cargo.items():
        path = ("cargo", name)
        if cargo.time_value is not None and cargo.worth is not None:
            faults.append(Fault((*path, "worth"), "time_value is given as well, where one of the two is due", at="key"))
        for one, other in (("worth", "decay"), ("decay", "worth")):
            if getattr(cargo, one) is not None and getattr(cargo, other) is None:
                faults.append(Fault((*path, one), f'key "{other}" is missing, which belongs to it', at="key"))
    return faults


def check_factors(model: Model) -> list[Fault]:
    """What is burnt on the way is no more than all that is emitted for it, and vehicles carry something."""
    faults = []
    for name, factor in model.factors.items():
        path = ("factors", name)
        if factor.ttw.basis != factor.wtw.basis:
            faults.append(Fault((*path, "ttw"), f"{factor.ttw.text} is not for a {factor.wtw.basis}, as wtw is"))
        elif factor.ttw > factor.wtw:
            faults.append(Fault((*path, "ttw"), f"{factor.ttw.text} is more than wtw, {factor.wtw.text}"))
        if not factor.load_factor:
            faults.append(Fault((*path, "load_factor"), "vehicles that carry nothing"))
    for name, service in model.services.items():
        if service.load_factor is not None and not service.load_factor:
            faults.append(Fault(("services", name, "load_factor"), "vehicles that carry nothing"))
    for section, terminals in (("terminals", model.terminals), ("ports", model.ports)):
        for name, terminal in terminals.items():
            faults += _check_hub((section, name, "charges"), terminal.charges)
    return faults


def check_fares(model: Model) -> list[Fault]:
    """A service has prices of their own only for kinds of cargo that it carries."""
    faults = []
    for name, service in model.services.items():
        if isinstance(service, FleetService):
            fleets = [fleet for fleet in model.fleets.values() if fleet.service == name]
            carried = sorted({kind for fleet in fleets for kind in fleet.accepts})
        else:
            carried = service.accepts
        for kind in service.freight_of:
            if kind not in carried:
                path = ("services", name, "freight_of", kind)
                message = f'{name} does not carry "{kind}", only: {listed(carried)}'
                faults.append(Fault(path, message, at="key", suggestion=nearest(kind, carried)))
    return faults


def check_charters(model: Model) -> list[Fault]:
    """Who charters the vehicles of a service pays no freight beside, and charters all of them."""
    faults = []
    for name, fleet in model.fleets.items():
        sisters = [other for other in model.fleets.values() if other.service == fleet.service]
        service = model.services.get(fleet.service)
        if fleet.charter is None:
            continue
        path = ("fleets", name, "charter")
        if fleet.train_sets == "unlimited":
            faults.append(Fault(path, "trains without number cannot be chartered by the day", at="key"))
        if service is not None and (service.freight is not None or service.freight_of):
            faults.append(Fault(path, f"{fleet.service} asks a freight; a charter takes its place", at="key"))
        if any(other.charter is None for other in sisters):
            faults.append(
                Fault(path, f"another fleet of {fleet.service} has no charter; all have one, or none", at="key")
            )
    return faults


def _check_hub(path: Path, charges: Charges | None) -> list[Fault]:
    if charges is None or charges.ttw is None:
        return []
    if charges.wtw is None:
        return [Fault((*path, "ttw"), 'key "wtw" is missing, of which it is a part', at="key")]
    if charges.ttw.basis != charges.wtw.basis:
        return [Fault((*path, "ttw"), f"{charges.ttw.text} is not for a {charges.wtw.basis}, as wtw is")]
    if charges.ttw > charges.wtw:
        return [Fault((*path, "ttw"), f"{charges.ttw.text} is more than wtw, {charges.wtw.text}")]
    return []


def check_blocks(model: Model, doubtful: frozenset[Path]) -> list[Fault]:
    """Ships may share out a block, but a block train that no train can carry is a mistake."""
    faults = []
    for name, flow in model.demand.items():
        trains = {
            key: fleet
            for key, fleet in model.fleets.items()
            if flow.cargo in fleet.accepts and model.services[fleet.service].kind == "trains"
        }
        if any(("fleets", key) in doubtful for key in trains) or ("cargo", flow.cargo) in doubtful:
            continue
        largest = max((fleet.capacity for fleet in trains.values()), default=None)
        space = model.cargo[flow.cargo].space
        if flow.block > 1 and largest is not None and flow.block * space > largest:
            takes = f"a block of {flow.block} takes {flow.block * space:g} {space.unit}"
            fault = Fault(("demand", name, "block"), f"{takes}, more than the largest train, {largest.text}")
            faults.append(fault)
    return faults


SENSE: tuple[Callable[[Model], list[Fault]], ...] = (
    check_dimensions,
    check_run,
    check_links,
    check_places,
    check_documents,
    check_calendars,
    check_services,
    check_waiting,
    check_fleets,
    check_routes,
    check_demand,
    check_values,
    check_factors,
    check_charters,
)


def values_of(block: object, path: Path = ()) -> Iterator[tuple[Path, Quantity | Count | Variate | Months]]:
    """Every quantity, count, variate and table of months that is written below a block, with its path."""
    if isinstance(block, Quantity | Count | Variate | Months):
        yield path, block
    elif isinstance(block, Block):
        for name in block.model_fields_set:
            yield from values_of(getattr(block, name), (*path, name))
    elif isinstance(block, dict):
        for name, value in block.items():
            yield from values_of(value, (*path, name))
