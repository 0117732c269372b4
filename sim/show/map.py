"""The network on a map, each link as wide as the TEU it carries a year.

Coastlines only: Natural Earth 1:50m, shipped as sim/data/land.json. Borders between countries are not drawn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from math import cos, radians, sqrt
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import Normal, Stroke
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, MultipleLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from sim.show.style import FOOT, GREY, HEAD, INK, MODES, Sheet
from sim.study.atlas import Atlas, Course

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.study import Result

Box = tuple[float, float, float, float]  # west, east, south, north in degrees
Position = tuple[int, tuple[int, int]]  # of a name: points away from its place, to the right or left, up or down
Pixels = NDArray[np.float64]  # a point of the drawing

COAST: Box = (-15.0, 145.0, -1.0, 72.0)  # where there is a coastline
INSET: Box = (40.0, 56.5, 37.0, 46.5)  # the Caspian and the Caucasus: too crowded for the large map
LAND, SHORE, WATER = "#ECE7DC", "#B8B0A0", "#F5F9FB"
MARGIN = 6.0  # degrees
TALLEST, FLATTEST = 1.7, 2.4  # width by height
WIDEST, THINNEST = 7.0, 0.7  # points
LARGE_WIDTH, INSET_WIDTH, LEFT = 8.85, 5.6, 0.55  # inches
IDLE = (0, (2, 2))  # dashes of a link without containers
HALO = [Stroke(linewidth=2, foreground="white", alpha=0.85), Normal()]
DISTANCES = (5, 9, 14)  # points from a place to its name
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))


@dataclass(frozen=True)
class Flow:
    """What one link carries, both directions together."""

    ends: tuple[str, str]
    course: Course
    teu: float  # a year, mean over replications


def plot_map(result: Result) -> Figure:
    """The network with its flows: a large map, and below it the Caspian with the Caucasus and the key."""
    flows = _flows(result)
    area = _area(flows)
    height, inset_height = LARGE_WIDTH / _ratio(area), INSET_WIDTH / _ratio(INSET)
    beyond = any(lat < area[2] for flow in flows if flow.teu for _, lat in flow.course.points)
    bottom = FOOT + 0.35
    sheet = Sheet(
        result,
        "What the network carries",
        "Containers a year on each link, both directions together. The wider the line, the more TEU."
        + (" Lines that end at the frame go on beyond it." if beyond else ""),
        HEAD - 0.15 + height + 0.5 + inset_height + bottom,
        LEFT + LARGE_WIDTH + 0.2,
    )
    large = sheet.panel(LEFT, bottom + inset_height + 0.5, LARGE_WIDTH, height)
    small = sheet.panel(LEFT, bottom, INSET_WIDTH, inset_height)
    for axes, box, step in ((large, area, 20), (small, INSET, 5)):
        _ground(axes, box, step)
        _draw(axes, flows)
    west, east, south, north = INSET
    large.add_patch(Rectangle((west, south), east - west, north - south, fill=False, edgecolor=GREY, linewidth=0.8))
    canvas = FigureCanvasAgg(sheet)
    canvas.draw()  # type: ignore[no-untyped-call]
    weights = _weights(flows)
    enlarged = {key for key in weights if _inside(result.atlas.places[key].point, INSET)}
    _label(canvas, large, result.atlas, flows, {key: weights[key] for key in weights if key not in enlarged})
    _label(canvas, small, result.atlas, flows, {key: weights[key] for key in weights if key in enlarged})
    sheet.legend(
        handles=_key(flows),
        loc="upper left",
        bbox_to_anchor=(LEFT + INSET_WIDTH + 0.3, bottom + inset_height),
        bbox_transform=sheet.dpi_scale_trans,
        frameon=False,
        fontsize=8.5,
        labelspacing=0.7,
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


def _draw(axes: Axes, flows: list[Flow]) -> None:
    """Wide lines first, so that thin ones stay in sight; all on a light edge."""
    for flow in flows:
        lon, lat = zip(*flow.course.points, strict=True)
        if not flow.teu:
            axes.plot(lon, lat, color=GREY, linewidth=0.8, linestyle=IDLE, zorder=2)
            continue
        width = _width(flow.teu, flows[0].teu)
        for colour, points, order in (("white", width + 1.2, 3), (MODES[flow.course.mode], width, 4)):
            (line,) = axes.plot(lon, lat, color=colour, linewidth=points, zorder=order)
            line.set(solid_capstyle="round", solid_joinstyle="round")


def _width(teu: float, most: float) -> float:
    """Points; by the square root, for some links carry a hundred times what others do."""
    return max(THINNEST, WIDEST * sqrt(teu / most))


def _label(canvas: FigureCanvasAgg, axes: Axes, atlas: Atlas, flows: list[Flow], weights: dict[str, float]) -> None:
    """Mark and name the places, the busiest first; a name for which there is no room is left out.

    A name covers neither another name nor a mark. Where that can be helped, it covers no line either, and is nearer to
    its own mark than to any other.
    """
    frame = axes.get_window_extent()
    points = {key: axes.transData.transform(atlas.places[key].point) for key in weights}
    shown = sorted((key for key in weights if frame.contains(*points[key])), key=lambda key: -weights[key])
    lines = [axes.transData.transform_path(Path(flow.course.points)) for flow in flows if flow.teu]
    names: list[Bbox] = []
    for key in shown:
        spot = atlas.places[key]
        marker = "s" if spot.port else "o"
        axes.plot(*spot.point, marker, ms=3.6, color="white", markeredgecolor=INK, markeredgewidth=0.8, zorder=5)
        text = Annotation(atlas.name(key), spot.point, (0, 0), textcoords="offset points", size=7, color=INK, zorder=6)
        text.set_path_effects(HALO)
        axes.add_artist(text)
        others = [points[other] for other in shown if other != key]
        taken = [*names, *(Bbox.from_extents(*(point - 5), *(point + 5)) for point in others)]
        free = [area for area in _around(canvas, text, frame) if not area[1].count_overlaps(taken)]
        if not free:
            text.remove()
            continue
        position, area = min(free, key=lambda place: _faults(place[1], points[key], others, lines))
        _move(text, position)
        names.append(area)


def _around(canvas: FigureCanvasAgg, text: Annotation, frame: Bbox) -> Iterator[tuple[Position, Bbox]]:
    """Where `text` can stand around its place within the frame, the best first."""
    for position in product(DISTANCES, DIRECTIONS):
        _move(text, position)
        area = text.get_window_extent(canvas.get_renderer())  # type: ignore[no-untyped-call]
        if frame.contains(area.x0, area.y0) and frame.contains(area.x1, area.y1):
            yield position, area


def _move(text: Annotation, position: Position) -> None:
    away, (right, up) = position
    text.set_position((right * away, up * away))
    text.set(ha=("center", "left", "right")[right], va=("center", "bottom", "top")[up])


def _faults(area: Bbox, own: Pixels, others: list[Pixels], lines: list[Path]) -> int:
    """What is wrong with a name that stands there: it covers a line, or seems to belong to another place."""
    crossed = any(line.intersects_bbox(area, False) for line in lines)
    astray = any(_distance(area, other) <= _distance(area, own) for other in others)
    return crossed + 2 * astray


def _distance(area: Bbox, point: Pixels) -> float:
    nearest = np.clip(point, area.min, area.max)
    return float(np.hypot(*(point - nearest)))


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
    marks = (("s", 4, INK, "port"), ("o", 4, INK, "other place"), ("s", 9, GREY, "enlarged on the left"))
    for marker, size, colour, label in marks:
        handles.append(Line2D([], [], color="white", marker=marker, ms=size, markeredgecolor=colour, label=label))
    return handles
