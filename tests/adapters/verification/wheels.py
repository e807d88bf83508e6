"""Wheels to install from a folder, so that no test reaches a package index."""

import zipfile
from importlib.metadata import distribution
from pathlib import Path

FOR_PYTEST = ("pytest", "iniconfig", "pluggy", "packaging", "pygments")


def repack(folder: Path, name: str) -> None:
    """The wheel of a distribution that is installed here."""
    found = distribution(name)
    files = [file for file in found.files or () if file.parts[0] != ".." and "__pycache__" not in file.parts]
    with zipfile.ZipFile(folder / f"{name}-{found.version}-py3-none-any.whl", "w") as wheel:
        for file in files:
            wheel.write(str(file.locate()), str(file))


def make(folder: Path, name: str, version: str, text: str, entry_points: str = "") -> None:
    """The wheel of a package that is one module."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files |= {f"{info}/entry_points.txt": entry_points} if entry_points else {}
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
