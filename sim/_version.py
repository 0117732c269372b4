"""The version of the program and of its model: results of different versions are never mixed."""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

__version__ = "0.1.0"


def compiled() -> bool:
    """Whether the model is compiled: then Python takes the extension modules that stand beside its sources."""
    return Path(__file__).with_name("model").joinpath(f"world{EXTENSION_SUFFIXES[0]}").exists()
