"""The network on a map, each link as wide as the TEU it carries a year.

Coastlines only: Natural Earth 1:50m, shipped as sim/data/land.json. Borders between countries are not drawn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise, product
from math import ceil, cos, hypot, pi, radians, sin, sqrt
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import Normal, Stroke
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, MultipleLocator
from matplotlib.transforms import Bbox, ScaledTranslation, Transform
from numpy.typing import NDArray

from sim.show.style import FOOT, GREY, HEAD, INK, MODES, Sheet
from sim.study.atlas import Atlas, Course

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.study import Result

Point = tuple[float, float]  # longitude, latitude
Box = tuple[float, float, float, float]  # west, east, south, north in degrees
Pixels = NDArray[np.float64]  # points of the drawing, shape (2,) or (points, 2)

COAST: Box = (-15.0, 145.0, -1.0, 72.0)  # where there is a coastline
ENLARGED: Box = (25.0, 84.0, 36.5, 49.0)  # from the Bosporus to the gates of China: too crowded for the large map
CROWD = 3  # places, from which on it is enlarged
LAND, SHORE, WATER = "#ECE7DC", "#B8B0A0", "#F5F9FB"
MARGIN = 6.0  # degrees
TALLEST, FLATTEST = 1.7, 2.4  # width by height
WIDEST, THINNEST = 7.0, 0.7  # points
BESIDE = 0.6  # points between links on the same course
LEFT, ACROSS, GAP = 0.55, 8.85, 0.45  # inches
KEY_HEIGHT, KEY_COLUMNS = 0.2, 4  # inches a row
IDLE = (0, (2, 2))  # dashes of a link without containers
HALO = [Stroke(linewidth=2, foreground="white", alpha=0.85), Normal()]
DISTANCES = (5, 8, 12, 17, 23, 30)  # points from a place to its name
ANGLES = tuple(pi * turn / 8 for turn in range(16))
LEADER = 10  # points, from which on a line leads from the place to the name
AIR = 4  # pixels that a name needs beside itself, for it is of another size in every resolution
FAR = 8  # points away that are as bad as covering a quarter of a line across the name
STEP = 2  # pixels between the points by which lines are weighed against names


@dataclass(frozen=True)
class Flow:
    """What one link carries, both directions together."""

    ends: tuple[str, str]
    course: Course
    teu: float  # a year, mean over replications


def plot_map(result: Result) -> Figure:
    """The network with its flows: a large map, below it what is too crowded there, and the key."""
    flows = _flows(result)
    area, key = _area(flows), _key(flows)
    weights = _weights(flows)
    crowded = {place for place in weights if _inside(result.atlas.places[place].point, ENLARGED)}
    boxes = [(area, 20), (ENLARGED, 5)] if CROWD <= len(crowded) < len(weights) else [(area, 20)]
    foot = FOOT + 0.1 + KEY_HEIGHT * ceil(len(key) / KEY_COLUMNS)
    beyond = any(lat < area[2] for flow in flows if flow.teu for _, lat in flow.course.points)
    sheet = Sheet(
        result,
        "What the network carries",
        "Containers a year on each link, both directions together. The wider the line, the more TEU."
        + (" Lines that end at the frame go on beyond it." if beyond else ""),
        HEAD - 0.15 + sum(ACROSS / _ratio(box) + GAP for box, _ in boxes) + foot,
        LEFT + ACROSS + 0.2,
    )
    panels, top = [], sheet.get_figheight() - HEAD + 0.15
    for box, step in boxes:
        height = ACROSS / _ratio(box)
        panels.append(sheet.panel(LEFT, top - height, ACROSS, height))
        _ground(panels[-1], box, step)
        _draw(sheet, panels[-1], flows)
        top -= height + GAP
    canvas = FigureCanvasAgg(sheet)
    canvas.draw()  # type: ignore[no-untyped-call]
    if len(boxes) > 1:
        west, east, south, north = ENLARGED
        edge = Rectangle((west, south), east - west, north - south, fill=False, edgecolor=GREY, linewidth=0.8)
        edge.set_zorder(4.5)
        panels[0].add_patch(edge)
        key.append(Line2D([], [], color="white", marker="s", ms=9, markeredgecolor=GREY, label="enlarged below"))
        _label(canvas, panels[1], result.atlas, flows, {place: weights[place] for place in weights if place in crowded})
        weights = {place: weights[place] for place in weights if place not in crowded}
    _label(canvas, panels[0], result.atlas, flows, weights)
    sheet.legend(
        handles=key,
        ncols=KEY_COLUMNS,
        loc="upper left",
        bbox_to_anchor=(LEFT - 0.05, foot + 0.1),
        bbox_transform=sheet.dpi_scale_trans,
        frameon=False,
        fontsize=8.5,
        columnspacing=3,
        borderaxespad=0,
    )
    return sheet


def _flows(result: Result) -> list[Flow]:
    links, atlas = result.frames["links"], result.atlas
    teu = links.groupby("link", sort=False)["teu"].sum() / len(result.replications)
    flows = []
    for row in links.drop_duplicates("link").to_dict("records"):
        flows.append(Flow((row["start"], row["end"]), atlas.courses[row["link"]], float(teu[row["link"]])))
    return sorted(flows, key=lambda flow: -flow.teu)


def _area(flows: list[Flow]) -> Box:
    """Where something runs, with a margin, as far as there is a coastline; neither too flat nor too tall."""
    points = [point for flow in flows if flow.teu for point in flow.course.points] or [COAST[::2], COAST[1::2]]
    lon, lat = zip(*points, strict=True)
    west, east, south, north = min(lon) - MARGIN, max(lon) + MARGIN, min(lat) - MARGIN, max(lat) + MARGIN
    ratio = _ratio((west, east, south, north))
    wider = max(0.0, TALLEST / ratio - 1) * (east - west) / 2
    higher = max(0.0, ratio / FLATTEST - 1) * (north - south) / 2
    west, east, south, north = west - wider, east + wider, south - higher, north + higher
    return max(COAST[0], west), min(COAST[1], east), max(COAST[2], south), min(COAST[3], north)


def _ratio(box: Box) -> float:
    """Width by height of an equirectangular map that is true in its middle latitude."""
    west, east, south, north = box
    return (east - west) * cos(radians((south + north) / 2)) / (north - south)


def _inside(point: tuple[float, float], box: Box) -> bool:
    return box[0] < point[0] < box[1] and box[2] < point[1] < box[3]


def _weights(flows: list[Flow]) -> dict[str, float]:
    """TEU that touch each place: the order in which the places are named."""
    weights: dict[str, float] = {}
    for flow in flows:
        for place in flow.ends:
            weights[place] = weights.get(place, 0.0) + flow.teu
    return weights


@cache
def _land() -> Path:
    """All land as one path. Holes run against the outlines, so that inland seas are left out."""
    polygons = json.loads((files("sim.data") / "land.json").read_text(encoding="utf-8"))
    rings = [(np.array(ring), position == 0) for polygon in polygons for position, ring in enumerate(polygon)]
    return Path.make_compound_path(*(Path(ring if _clockwise(ring) == outer else ring[::-1]) for ring, outer in rings))


def _clockwise(ring: np.ndarray) -> bool:
    x, y = ring.T
    return bool(x @ np.roll(y, -1) < y @ np.roll(x, -1))


def _ground(axes: Axes, box: Box, step: int) -> None:
    west, east, south, north = box
    axes.set(xlim=(west, east), ylim=(south, north), facecolor=WATER)
    axes.set_aspect(1 / cos(radians((south + north) / 2)))
    axes.add_patch(PathPatch(_land(), facecolor=LAND, edgecolor=SHORE, linewidth=0.5, zorder=0.5))
    axes.spines[:].set(visible=True, color=SHORE)
    for axis, sides in ((axes.xaxis, "EW"), (axes.yaxis, "NS")):
        axis.set_major_locator(MultipleLocator(step))
        axis.set_major_formatter(FuncFormatter(lambda value, _, sides=sides: _degrees(value, sides)))
    axes.tick_params(labelsize=7, labelcolor=GREY, color=SHORE)


def _degrees(value: float, sides: str) -> str:
    return f"{abs(value):.0f}°{sides[int(value < 0)] if value else ''}"


def _draw(sheet: Figure, axes: Axes, flows: list[Flow]) -> None:
    """Wide lines first, so that thin ones stay in sight; all on a light edge. A road along a railway is beside it."""
    taken: dict[tuple[Point, ...], float] = {}  # points of width to one side of each course
    for flow in flows:
        course = tuple(min(flow.course.points, flow.course.points[::-1]))
        lon, lat = zip(*course, strict=True)
        if not flow.teu:
            axes.plot(lon, lat, color=GREY, linewidth=0.8, linestyle=IDLE, zorder=2)
            continue
        width = _width(flow.teu, flows[0].teu)
        inner = taken.get(course, -width / 2)  # the first one lies on the course itself
        taken[course] = inner + width + BESIDE
        beside = _beside(sheet, axes, course, inner + width / 2)
        for colour, points, order in (("white", width + 1.2, 3), (MODES[flow.course.mode], width, 4)):
            (line,) = axes.plot(lon, lat, color=colour, linewidth=points, zorder=order, transform=beside)
            line.set(solid_capstyle="round", solid_joinstyle="round")


def _beside(sheet: Figure, axes: Axes, course: Sequence[Point], points: float) -> Transform:
    """So many points to one side of the straight line between the ends of a course."""
    (left, low), (right, high) = axes.transData.transform([course[0], course[-1]])
    across, up = low - high, right - left
    share = points / 72 / (hypot(across, up) or 1.0)
    return axes.transData + ScaledTranslation(share * across, share * up, sheet.dpi_scale_trans)


def _width(teu: float, most: float) -> float:
    """Points; by the square root, for some links carry a hundred times what others do."""
    return max(THINNEST, WIDEST * sqrt(teu / most))


def _label(canvas: FigureCanvasAgg, axes: Axes, atlas: Atlas, flows: list[Flow], weights: dict[str, float]) -> None:
    """Mark and name the places, the busiest first; a name for which there is no room is left out.

    A name covers neither another name nor a mark. Where that can be helped it covers no line, and stands near its mark
    and no other; a line leads to one that stands further away.
    """
    frame, scale = axes.get_window_extent(), canvas.figure.dpi / 72  # pixels a point
    pixels = {key: axes.transData.transform(atlas.places[key].point) for key in weights}
    shown = sorted((key for key in weights if frame.contains(*pixels[key])), key=lambda key: -weights[key])
    links = [_dots(axes.transData.transform(flow.course.points), frame) for flow in flows if flow.teu]
    names: list[Bbox] = []
    leaders: list[Path] = []
    for key in shown:
        spot, point = atlas.places[key], pixels[key]
        marker = "s" if spot.port else "o"
        axes.plot(*spot.point, marker, ms=3.6, color="white", markeredgecolor=INK, markeredgewidth=0.8, zorder=5)
        text = Annotation(atlas.name(key), spot.point, (0, 0), textcoords="offset points", size=7, color=INK, zorder=6)
        text.set(ha="center", va="center", path_effects=HALO)
        axes.add_artist(text)
        size = np.ptp(text.get_window_extent(canvas.get_renderer()).get_points(), axis=0)  # type: ignore[no-untyped-call]
        others = [pixels[other] for other in shown if other != key]
        boxes = [*names, *(Bbox.from_extents(*(mark - 5), *(mark + 5)) for mark in (point, *others))]
        ink = np.concatenate([np.empty((0, 2)), *links, *(_dots(np.asarray(way.vertices), frame) for way in leaders)])
        best, least = None, np.inf
        for away, area in _around(point, size + AIR, scale):
            if away / FAR >= least:  # those that follow are further away still
                break
            if not _within(area, frame) or area.count_overlaps(boxes) or _blocked(point, area, boxes, leaders):
                continue
            badness = _badness(area, away, point, others, ink)
            if badness < least:
                best, least = (away, area), badness
        if best is None:
            text.remove()
            continue
        away, area = best
        text.set_position((np.mean([area.min, area.max], axis=0) - point) / scale)
        names.append(area)
        if away >= LEADER:
            leaders.append(_way(point, area))
            reach = (np.clip(point, area.min, area.max) - point) / scale
            line = {"arrowstyle": "-", "linewidth": 0.5, "color": INK, "shrinkA": 0, "shrinkB": 2}
            axes.add_artist(Annotation("", spot.point, reach, textcoords="offset points", arrowprops=line, zorder=4.8))


def _around(point: Pixels, size: Pixels, scale: float) -> Iterator[tuple[int, Bbox]]:
    """Where a name of this size can stand: points away from its place, and the pixels that it takes."""
    for away, angle in product(DISTANCES, ANGLES):
        middle = point + np.array([cos(angle), sin(angle)]) * (away * scale + size / 2)
        yield away, Bbox.from_extents(*(middle - size / 2), *(middle + size / 2))


def _within(area: Bbox, frame: Bbox) -> bool:
    return frame.contains(area.x0, area.y0) and frame.contains(area.x1, area.y1)


def _way(point: Pixels, area: Bbox) -> Path:
    """From a place straight to its name."""
    return Path([point, np.clip(point, area.min, area.max)])


def _blocked(point: Pixels, area: Bbox, boxes: list[Bbox], leaders: list[Path]) -> bool:
    """Whether the way to a name leads over other names, marks or such ways. A mark on which the place itself stands,
    be it its own, cannot be helped."""
    way = _way(point, area)
    there = [box for box in boxes if not box.contains(*point)]
    return any(way.intersects_bbox(box) for box in there) or any(way.intersects_path(leader) for leader in leaders)


def _badness(area: Bbox, away: int, point: Pixels, others: list[Pixels], ink: Pixels) -> float:
    """How badly a name stands there: far away, on lines, as if it belonged to another place."""
    covered = np.count_nonzero(((ink > area.min) & (ink < area.max)).all(axis=1)) * STEP / area.height
    astray = away < LEADER and any(_distance(area, other) <= _distance(area, point) for other in others)
    return away / FAR + 4 * covered + 3 * astray


def _distance(area: Bbox, point: Pixels) -> float:
    return float(np.hypot(*(point - np.clip(point, area.min, area.max))))


def _dots(line: Pixels, frame: Bbox) -> Pixels:
    """Points along a line, a step apart, those within the frame."""
    steps = [max(2, int(np.hypot(*(end - start)) / STEP)) for start, end in pairwise(line)]
    parts = [np.linspace(*ends, count) for ends, count in zip(pairwise(line), steps, strict=True)]
    points = np.concatenate(parts)
    return points[((points > frame.min) & (points < frame.max)).all(axis=1)]


def _key(flows: list[Flow]) -> list[Line2D]:
    """Modes, three widths, and the marks."""
    used = {flow.course.mode for flow in flows if flow.teu}
    most = flows[0].teu if flows else 0.0
    decade = 10 ** np.floor(np.log10(most)) if most else 0.0
    largest = max((digit * decade for digit in (1, 2, 5) if digit * decade <= most), default=0.0)
    handles = [Line2D([], [], color=colour, linewidth=3, label=mode) for mode, colour in MODES.items() if mode in used]
    for teu in (largest, largest / 5, largest / 20) if largest else ():
        handles.append(Line2D([], [], color=GREY, linewidth=_width(teu, most), label=f"{teu:,.0f} TEU a year"))
    if len([flow for flow in flows if flow.teu]) < len(flows):
        handles.append(Line2D([], [], color=GREY, linewidth=0.8, linestyle=IDLE, label="no containers"))
    for marker, label in (("s", "port"), ("o", "other place")):
        handles.append(Line2D([], [], color="white", marker=marker, ms=4, markeredgecolor=INK, label=label))
    return handles
