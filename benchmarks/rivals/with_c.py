"""The reference corridor in C (loop.c): the practical limit. The machine's `cc` compiles it at the first use."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.corridor import MILESTONES, Corridor, Floats

SOURCE = Path(__file__).with_name("loop.c")
COMPILE = ("cc", "-O3", "-march=native", "-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
HOURS = ("end", "wait")
WHOLE = ("boxes", "blocks", "train", "station_cranes", "ships", "capacity", "berths", "quay_cranes", "gauge_tracks")
ARRAYS = ("arrived", "unload", "load", "discharge", "out", "back", "to_gauge", "change", "onward", "closes", "opens")


class Arguments(ctypes.Structure):
    """`Corridor` of loop.c."""

    _fields_ = (
        *((name, ctypes.c_double) for name in HOURS),
        *((name, ctypes.c_int64) for name in (*WHOLE, "trains", "voyages", "closures")),
        *((name, ctypes.POINTER(ctypes.c_double)) for name in (*ARRAYS, "log")),
    )


def available() -> bool:
    """Whether there is a compiler."""
    return shutil.which(COMPILE[0]) is not None


def simulate(corridor: Corridor) -> Floats:
    """The hours of MILESTONES of each box; NaN: not by the end."""
    log = np.full((len(MILESTONES), corridor.boxes), np.nan)
    numbers = {name: getattr(corridor, name) for name in (*HOURS, *WHOLE)}
    arrays = {name: np.ascontiguousarray(getattr(corridor, name)) for name in ARRAYS} | {"log": log}
    pointers = {name: array.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for name, array in arrays.items()}
    sizes = {"trains": len(corridor.onward), "voyages": corridor.out.shape[1], "closures": len(corridor.closes)}
    if compiled().simulate(ctypes.byref(Arguments(**numbers, **sizes, **pointers))):
        raise IndexError("more trains began with the same block than were drawn ahead")
    return log


@cache
def compiled() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "loop.so")
        subprocess.run([*COMPILE, SOURCE, "-o", library, "-lm"], check=True)
        return ctypes.CDLL(str(library))
