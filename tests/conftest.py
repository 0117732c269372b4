"""What all tests share: seeded property tests, no display, and the command line in a fresh folder."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import settings

from tests.painting import nothing_painted

# The same examples in every run, so that a red test is the change's own doing;
# HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("seeded", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "seeded"))

# A shell ignores Ctrl-C in what it runs in the background, and programs that are started inherit that: those that tests
# interrupt must hear it all the same.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SMALL = Path(__file__).parent / "user" / "small.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with `small.yaml` in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_bytes(SMALL.read_bytes())
    return tmp_path


@pytest.fixture
def unpainted() -> Iterator[None]:
    """Plots are made, but not painted."""
    with nothing_painted():
        yield


@pytest.fixture
def corridor(folder: Path) -> Callable[..., Result]:
    """Call `corridor` with these words, in this process."""
    from sim.cli import corridor as command

    def call(*words: object) -> Result:
        result = CliRunner().invoke(command, [str(word) for word in words], prog_name="corridor")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call
