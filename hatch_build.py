"""Build hook: a standard wheel carries the scenario library; an editable install reads it in place.

With CORRIDOR_COMPILE=1 in the environment a standard wheel also carries the model, compiled by mypyc and Cython for
this Python and this kind of machine, beside its sources. `make fast` does so.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NOT_BY_MYPYC = "__init__.py", "kernels.py"  # the latter has kernels.pyx in its place
# What the model imports is read for its types; what these import is not, which would take most of the time.
MYPY = """
[mypy]
cache_dir = {folder}/cache
follow_imports = skip
ignore_missing_imports = True

[mypy-numpy.*,simpy.*,sim.model.kernels,sim.network.*,sim.scenario.*]
follow_imports = silent
"""


class ScenarioLibrary(BuildHookInterface):
    """Ships `scenarios/` as `sim/data/scenarios`, where `sim.library()` finds it, and compiles the model if asked."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add to the wheel what is not in the package; `version` is "standard" or "editable"."""
        if version != "standard":
            return
        build_data["force_include"]["scenarios"] = "sim/data/scenarios"
        if os.environ.get("CORRIDOR_COMPILE") == "1":
            self._folder = TemporaryDirectory()  # until the wheel is made: beside the sources it would hide their edits
            wheel = self._compiled(Path(self._folder.name))
            build_data["force_include"] |= {
                str(file): str(file.relative_to(wheel)) for file in wheel.rglob("*") if file.is_file()
            }
            build_data["pure_python"] = False
            build_data["infer_tag"] = True

    def _compiled(self, folder: Path) -> Path:
        """Make extension modules of the model, and return where. If it cannot be done, end with the reason."""
        compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
        if shutil.which(compiler.split()[0]) is None:
            self.app.abort(f"To compile the model a C compiler is needed, and {compiler.split()[0]} was not found.")
        if not Path(sysconfig.get_path("include"), "Python.h").exists():
            self.app.abort("To compile the model the headers of Python are needed: install python3-dev or the like.")
        try:
            import numpy as np
            from Cython.Build import cythonize
            from mypyc.build import mypycify
            from setuptools import Distribution, Extension
        except ImportError as missing:
            self.app.abort(f"To compile the model Cython, mypy and setuptools are needed where it is built: {missing}.")
        config = folder / "mypy.ini"
        config.write_text(MYPY.format(folder=folder))
        sources = sorted(str(path) for path in Path("sim", "model").glob("*.py") if path.name not in NOT_BY_MYPYC)
        with redirect_stdout(StringIO()) as said:  # remarks; errors are among them
            try:
                extensions = mypycify(
                    [f"--config-file={config}", *sources],
                    target_dir=str(folder / "c"),
                    group_name="sim.model",
                    debug_level="0",
                )
            except SystemExit:
                self.app.abort(f"mypyc cannot compile the model:\n{said.getvalue()}")
        kernels = Extension(
            "sim.model.kernels",
            ["sim/model/kernels.pyx"],
            include_dirs=[np.get_include()],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        )
        extensions += cythonize(kernels, build_dir=str(folder / "c"), quiet=True)
        build = Distribution({"name": "sim", "ext_modules": extensions}).get_command_obj("build_ext")
        build.build_temp, build.build_lib = str(folder / "objects"), str(folder / "wheel")
        build.ensure_finalized()
        build.run()
        return folder / "wheel"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is made."""
        if not build_data["pure_python"]:
            self._folder.cleanup()
