"""The command line answers at once: help and checks import nothing heavy. Counted in modules, not in seconds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HEAVY = {"matplotlib", "pandas", "pyarrow", "rich", "scipy", "simpy"}
MORE = {"networkx", "numpy", "pydantic", "ruamel"}  # what a check may use, but help need not

REPORT = """
import sys
from sim.__main__ import main
sys.argv[0] = "corridor"
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def modules(*words: str) -> set[str]:
    """The packages that are imported when `corridor` has done this."""
    done = subprocess.run([sys.executable, "-c", REPORT, *words], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["compare", "--help"]], ids=" ".join)
def test_help_imports_nothing_that_it_does_not_need(words: list[str]) -> None:
    assert not modules(*words) & (HEAVY | MORE)


def test_validate_imports_no_tables_plots_or_model(folder: Path) -> None:
    assert not modules("validate", "small.yaml") & HEAVY


CTRL_C = """
import sys
from sim.__main__ import main

pressed = sys.argv.pop(1)

class Press:
    def find_spec(self, name, path, target=None):
        if name == pressed:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Press())
main()
"""


@pytest.mark.parametrize(
    ("module", "words"),
    [("click", ["--help"]), ("sim.sweep_commands", ["--help"]), ("networkx", ["validate", "small.yaml"])],
    ids=["before the command line is read", "while it is read", "in a command"],
)
def test_ctrl_c_while_something_is_imported_ends_quietly(folder: Path, module: str, words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", CTRL_C, module, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Stopped. Nothing was saved.\n")


def test_importing_the_package_imports_nothing_else() -> None:
    script = "import sys, sim; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in done.stdout.split()} & (HEAVY | MORE)


def test_every_command_has_help_with_examples_of_its_words(corridor: Callable[..., object]) -> None:
    from sim.cli import corridor as group

    for name in group.commands:
        result = corridor(name, "--help")
        assert result.exit_code == 0
        assert "Usage: corridor" in result.stdout
