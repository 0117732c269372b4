"""Results as files, in a folder of their own. A folder is there whole or not at all: it is written under another name
and renamed."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.scenario.sources import shares
from sim.show.files import put_frame
from sim.show.map import plot_map
from sim.show.plots import (
    plot_costs,
    plot_differences,
    plot_emissions,
    plot_facilities,
    plot_queues,
    plot_stages,
    plot_trade_off,
    plot_transit,
)
from sim.show.style import write
from sim.study.replicate import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.model import Journal
    from sim.scenario.load import Scenario
    from sim.study import Comparison, Result

LIBRARIES = ("matplotlib", "networkx", "numpy", "pandas", "pyarrow", "pydantic", "ruamel.yaml", "scipy", "simpy")
RECORD = "run.json"  # a folder that holds it was written here, and may be replaced

PLOTS: dict[str, tuple[Callable[[Result], Figure], str]] = {
    "transit": (plot_transit, "distribution of the transit time by route, with the promised days"),
    "stages": (plot_stages, "mean days of each stage of the way"),
    "facilities": (plot_facilities, "use of each facility over the year"),
    "queues": (plot_queues, "ships and trains that wait at the ports over the year"),
    "map": (plot_map, "the network with its flows"),
}
COST_PLOTS: dict[str, tuple[Callable[[Result], Figure], str]] = {
    "costs": (plot_costs, "USD a TEU of each route, by kind"),
    "emissions": (plot_emissions, "kg CO2e a TEU of each route, by leg and hub"),
    "trade-off": (plot_trade_off, "days against USD, with the greenhouse gases as size"),
}
COSTS = {
    "route-costs": "USD a TEU by kind, generalised cost, days and kg CO2e a TEU of each route, with 95 % intervals",
    "costs": "USD a TEU and a t by stage, kind and operator",
    "emissions": "kg CO2e a TEU and g a t km by leg and hub, with factor, load factor, empty running and source",
    "break-even": "the value of time at which two routes of one pair of places cost the same",
}
MEASURES = {
    "routes": "transit days, shares within the promise, boxes and TEU of each compared flow and route",
    "causes": "days a box by cause and place; they add up to the mean of the row in routes",
    "stages": "days a box by stage of the way",
    "transit": "boxes by transit time, in bins of half a day named by their lower edge",
    "releases": "boxes by day of release (0: the first measured one), their days under way, how many kept the promise",
    "facilities": "utilisation (0 to 1), mean queue (units) and mean wait (h) of each facility",
    "facility_days": "utilisation and queue by day",
    "links": "units, TEU, t and vehicles with cargo a year on each link and direction",
    "fleets": "voyages, loads and use of time of each fleet",
    "costs": "USD a unit of cargo by stage, kind and operator",
    "emissions": "t km, and kg CO2e a unit of cargo, well-to-wheel and tank-to-wheel, by stage",
}


def check_folder(target: Path) -> None:
    """Raise OSError, before anything is simulated, if a result could not be written to `target`."""
    if target.exists() and not (target / RECORD).is_file():
        raise FileExistsError(errno.EEXIST, "There is something that is not a result of this program", str(target))
    check_place(target)


def check_place(target: Path) -> None:
    """Raise OSError, which names the folder of `target`, if nothing could be written there."""
    trial = target.with_name(f".{target.name}.trial-{os.getpid()}")
    made = [folder for folder in (trial, *target.parents) if not folder.exists()]
    try:
        trial.mkdir(parents=True)
    except OSError as error:
        error.filename = str(target.parent)  # as it was given, and not the name that was tried
        raise
    for folder in made:  # nothing is left behind
        with suppress(OSError):  # what another process writes there meanwhile is its own
            folder.rmdir()


def save(result: Result, out: Path, *, scenario: Scenario | None = None, journal: Journal | None = None) -> Path:
    """Write everything about a result to `out`/<scenario>, and return that folder.

    An earlier result of the same scenario there is replaced as a whole. `scenario` adds its resolved tree, `journal`
    the tables of one replication. Raises FileExistsError if the folder holds something else.
    """
    with _whole(out / result.scenario) as folder:
        listed: dict[str, str] = {}
        if scenario is not None:
            write_resolved(scenario, folder / "scenario.yaml")
            listed["scenario.yaml"] = "the scenario with all that it extends; each value with the file that set it"
        result.summary().to_csv(folder / "summary.csv", index=False)
        _json(result.to_json(), folder / "summary.json")
        listed["summary.csv, summary.json"] = "means over the replications with 95 % intervals"
        (folder / "measures").mkdir()
        for name, frame in result.frames.items():
            put_frame(frame, folder / "measures" / name)
            listed[f"measures/{name}.csv, .parquet"] = f"by replication: {MEASURES.get(name, name)}"
        if journal is not None:
            _journal(journal, folder / "journal")
            listed["journal/*.parquet"] = f"all that happened in replication {journal.replication}, times in h"
            listed["journal/names.json"] = "what the numbers in the journal stand for"
        if result.priced():
            (folder / "costs").mkdir()
            for name, what in COSTS.items():
                put_frame(getattr(result, name.replace("-", "_"))(), folder / "costs" / name)
                listed[f"costs/{name}.csv, .parquet"] = what
        (folder / "plots").mkdir()
        for name, (plot, what) in (PLOTS | (COST_PLOTS if result.priced() else {})).items():
            write(plot(result), folder / "plots" / name)
            listed[f"plots/{name}.png, .svg"] = what
        listed[RECORD] = "seed, versions, replications, start and end of the run"
        _json(_record(result, scenario), folder / RECORD)
        _readme(folder, result.title, _story(result), listed)
    return out / result.scenario


def save_comparison(comparison: Comparison, out: Path) -> Path:
    """Write the differences between scenarios to their folder in `out`, and return that."""
    names = [result.scenario for result in comparison.results]
    target = differences_folder(names, out)
    with _whole(target) as folder:
        put_frame(comparison.differences(), folder / "differences")
        _json(comparison.to_json(), folder / "summary.json")
        write(plot_differences(comparison), folder / "differences")
        _json({"runs": [_record(result, None) for result in comparison.results]}, folder / RECORD)
        listed = {
            "differences.csv, .parquet": "each scenario minus the first: paired differences with intervals",
            "differences.png, .svg": "the same as a plot",
            "summary.json": "the scenarios and their differences",
            RECORD: "seed, versions, replications, start and end of the runs",
        }
        _readme(folder, f"Difference to {comparison.base.title}", ", ".join(names[1:]), listed)
    return target


def differences_folder(names: Sequence[str], out: Path) -> Path:
    """`out`/<first>-vs-<others>."""
    return out / f"{names[0]}-vs-{'-'.join(names[1:])}"[:100]


def save_part(
    result: Result,
    part: str,
    out: Path,
    *,
    title: str,
    summary: Any,
    frames: Mapping[str, tuple[pd.DataFrame, str]],
    figures: Mapping[str, tuple[Figure, str]],
) -> Path:
    """Write what a question about a scenario gave to `out`/<scenario>-<part>, and return that folder.

    `frames` and `figures` are by file name, each with what it is; `summary` is the object of `--json`. An earlier
    answer there is replaced as a whole. Raises FileExistsError if the folder holds something else.
    """
    target = out / f"{result.scenario}-{part}"
    with _whole(target) as folder:
        listed = {"summary.json": "all of it, as `--json` prints it"}
        _json(summary, folder / "summary.json")
        for name, (frame, what) in frames.items():
            put_frame(frame, folder / name)
            listed[f"{name}.csv, .parquet"] = what
        for name, (figure, what) in figures.items():
            write(figure, folder / name)
            listed[f"{name}.png, .svg"] = what
        listed[RECORD] = "seed, versions, replications, start and end of the run"
        _json(_record(result, None), folder / RECORD)
        _readme(folder, f"{title}: {result.title}", _story(result), listed)
    return target


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A folder to write into that takes the place of `target` at the end, and is gone if anything fails before."""
    check_folder(target)
    fresh, former = (target.with_name(f".{target.name}.{name}-{os.getpid()}") for name in ("new", "old"))
    fresh.mkdir(parents=True)
    try:
        yield fresh
        if target.exists():
            target.rename(former)
        fresh.rename(target)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(target)  # what fills the disk does not say where
        if former.exists() and not target.exists():
            former.rename(target)
        raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


def _journal(journal: Journal, folder: Path) -> None:
    import pandas as pd

    folder.mkdir()
    for name, table in journal.tables().items():
        pd.DataFrame(table).to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
    _json(journal.names, folder / "names.json")


def _json(value: object, file: Path) -> None:
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def write_resolved(scenario: Scenario, file: Path) -> None:
    """The merged tree as a scenario file, with the origin of each value behind it."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096
    with file.open("w", encoding="utf-8") as stream:
        stream.write(f"# {scenario.name}, resolved; behind each value the file and line that set it\n")
        yaml.dump(_commented(scenario.tree, (), scenario.origins), stream)


def _commented(value: Any, path: tuple[str, ...], origins: Mapping[tuple[str, ...], Any]) -> Any:
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(value, dict):
        block = CommentedMap()
        for key, child in value.items():
            here = (*path, key)
            block[key] = _commented(child, here, origins)
            origin = origins.get(here) or origins.get((*here, "0"))
            if origin is not None and (child or not isinstance(child, dict)):
                where = f"{Path(origin.file).name}:{origin.line}" if origin.line else str(origin)
                block.yaml_add_eol_comment(where, key, column=60)
        return block
    if isinstance(value, list):
        flow = CommentedSeq(_commented(child, (*path, str(i)), origins) for i, child in enumerate(value))
        flow.fa.set_flow_style()
        return flow
    return value


def _record(result: Result, scenario: Scenario | None) -> dict[str, Any]:
    return {
        "scenario": result.scenario,
        "title": result.title,
        "file": scenario.file if scenario is not None else None,
        "digest": result.digest,
        "seed": result.seed,
        "model_version": result.model_version,
        "warm_up_days": result.warm_up_days,
        "until": [asdict(found) for found in result.until],
        "replications": list(result.replications),
        "complete": result.complete,
        "failures": [vars(failure) for failure in result.failures],
        "started": result.started.isoformat(timespec="seconds"),
        "finished": result.finished.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _story(result: Result) -> str:
    state = "" if result.complete else " The run is not complete."
    return (
        f"Scenario {result.scenario}: {counted(len(result.replications))}, seed {result.seed}, model "
        f"{result.model_version}.{state} {shares(result.grades)}; scenario.yaml says where each comes from."
    )


def _readme(folder: Path, title: str, story: str, listed: Mapping[str, str]) -> None:
    lines = [f"- `{name}`: {what}" for name, what in listed.items()]
    note = "This folder is replaced as a whole by the next run of the same scenario."
    text = "\n".join([f"# {title}", "", story, "", *lines, "", note, ""])
    (folder / "README.md").write_text(text, encoding="utf-8")
