"""What all plots share: paper, colours that colour-blind readers tell apart, titles and footers."""

from __future__ import annotations

from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING

from matplotlib import rc_context
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from sim.study import Result

# Okabe & Ito (2008) without the yellow, which is too pale for lines on white; then grey, and wine, olive and indigo of
# Tol (2021) for scenarios with many routes.
PALETTE = (
    *("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"),
    *("#7F7F7F", "#882255", "#999933", "#332288", "#000000"),
)
INK, GREY, PALE = "#222222", "#6B6B6B", "#D9D9D9"
MODES = {"rail": "#D55E00", "sea": "#0072B2", "road": "#009E73", "waterway": "#56B4E9", "pipeline": "#999933"}
DPI = 150
WIDTH = 9.0  # inches: a page between its margins, at 0.7 of the size
HEAD, FOOT = 0.85, 0.35  # inches for title and reading, and for the footer
FOOT_LETTER = 0.058  # inches that a letter of the footer takes


class Sheet(Figure):
    """A figure with title, a line that says how to read it, and a footer: that of a result, or a text.

    Notebooks show it by itself.
    """

    def __init__(self, result: Result | str, title: str, reading: str, height: float, width: float = WIDTH) -> None:
        super().__init__(figsize=(width, height), facecolor="white")
        self.text(0.15 / width, 1 - 0.15 / height, title, size=13, weight="bold", color=INK, va="top")
        self.text(0.15 / width, 1 - 0.42 / height, reading, size=8.5, color=GREY, va="top", linespacing=1.3)
        foot = result if isinstance(result, str) else footer(result)
        foot = "\n".join(wrap(foot, int((width - 0.3) / FOOT_LETTER)))
        self.text(0.15 / width, 0.12 / height, foot, size=7, color=GREY, va="bottom")

    def panel(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Axes whose frame is given in inches from the lower left corner."""
        across, up = self.get_size_inches()
        axes = self.add_axes((left / across, bottom / up, width / across, height / up))
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(PALE)
        axes.tick_params(colors=GREY, labelcolor=INK, labelsize=8, length=3)
        axes.set_axisbelow(True)
        return axes

    def key(self, handles: Sequence[Artist], left: float) -> None:
        """The legend, in one row below the reading, `left` inches from the edge."""
        across, up = self.get_size_inches()
        self.legend(
            handles=list(handles), ncols=len(handles), loc="upper left", borderaxespad=0, frameon=False, fontsize=8.5,
            handlelength=1.2, bbox_to_anchor=(left / across, 1 - 0.66 / up),
        )  # fmt: skip

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=DPI)
        return buffer.getvalue()


def write(figure: Figure, stem: Path) -> list[Path]:
    """Save as `stem`.png and `stem`.svg, the same bytes for the same figure."""
    files = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "svg")]
    with rc_context({"svg.hashsalt": stem.name}):
        figure.savefig(files[0], dpi=DPI)
        figure.savefig(files[1], metadata={"Date": None})
    return files


def footer(result: Result) -> str:
    """Which scenario, how many replications, which model."""
    count = len(result.replications)
    runs = "one replication" if count == 1 else f"mean over {count} replications"
    return f"{result.title} ({result.scenario}) · {runs} · seed {result.seed} · model {result.model_version}"


def route_colours(result: Result) -> dict[str, str]:
    """One colour a route that is compared, by its position in the scenario: the same in every plot."""
    compared = set(result.frames["routes"]["route"])
    shown = [route for route in result.atlas.routes if route in compared]
    return {route: PALETTE[i % len(PALETTE)] for i, route in enumerate(shown)}
