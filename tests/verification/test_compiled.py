"""The compiled model (`make fast`) is the same model: every journal is equal to the bit. Takes a minute or two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
LENGTHS = {"benchmarks/reference-corridor-ferries.yaml": "40 d", "scenarios/baseline-2024.yaml": "20 d"}


def run(package: Path, *words: str) -> str:
    """What Python prints to the words, if it finds the program in this folder."""
    environment = os.environ | {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A wheel with the model compiled, as it is when it is installed."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "wheel")]
    environment = os.environ | {"CORRIDOR_COMPILE": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if "To compile the model" in built.stderr + built.stdout:
        pytest.skip((built.stderr + built.stdout).strip())
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "wheel").iterdir()
    assert not wheel.name.endswith("-any.whl")
    ZipFile(wheel).extractall(tmp_path / "installed")
    return tmp_path / "installed"


def test_the_compiled_model_is_the_same_to_the_bit(installed: Path) -> None:
    assert not list((ROOT / "sim").rglob(f"*{EXTENSION_SUFFIXES[0]}"))  # which would hide an edit of the source
    assert run(installed, str(HERE / "both_kernels.py"), str(ROOT / "sim" / "model" / "kernels.py")) == "the same\n"
    words: list[str] = []
    for file in sorted((ROOT / "tests" / "oracles").glob("*.yaml")):
        words += [str(file), "run.length=30 d", "run.run_out=5 d", "--"]
    for name, length in LENGTHS.items():
        words += [str(ROOT / name), f"run.length={length}", "--"]
    plain, fast = [json.loads(run(package, str(HERE / "journals.py"), *words)) for package in (ROOT, installed)]
    assert not plain.pop("compiled")
    assert fast.pop("compiled")
    assert Path(plain.pop("code")) == ROOT / "sim" / "model" / "world.py"
    assert Path(fast.pop("code")) == installed / "sim" / "model" / f"world{EXTENSION_SUFFIXES[0]}"
    assert fast == plain  # the name of the model, too, so that a sweep can go on with either
    assert len(plain) > 20
    version = "from sim.__main__ import main; import sys; sys.argv[:] = ['corridor', '--version']; main()"
    said = [run(package, "-c", version).strip() for package in (ROOT, installed)]
    assert said[1] == f"{said[0]} (compiled model)"
