"""Programs of Debian that tests need and this machine may lack, unpacked beside it: nothing here asks for root.

apt-get is given lists and archives of its own in the cache, chooses what the machine lacks, and dpkg unpacks that into
a folder which is made once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from eoscheck.checker.files import cache

LIBRARIES = "usr/lib/x86_64-linux-gnu"


@dataclass(frozen=True)
class Program:
    """How to start a program: its file, and what it needs in the environment."""

    path: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


def dot() -> Program:
    """Graphviz. Skips the test where it cannot be had."""
    if found := shutil.which("dot"):
        return Program(found)
    root = _unpacked("graphviz")
    program = Program(
        str(root / "usr/bin/dot"), {"GVBINDIR": str(root / LIBRARIES / "graphviz"), **_libraries(root)}
    )
    if not list(root.glob(f"{LIBRARIES}/graphviz/config*")):
        subprocess.run([program.path, "-c"], env=program.env, check=True)
    return program


def chromium() -> Program:
    """Chromium. Skips the test where it cannot be had."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return Program(found)
    root = _unpacked("chromium")
    return Program(str(root / "usr/lib/chromium/chromium"), _libraries(root))


def _libraries(root: Path) -> dict[str, str]:
    folders = {
        str(file.parent) for file in root.rglob("*.so*") if file.parent.name not in ("chromium", "graphviz")
    }
    return {"LD_LIBRARY_PATH": ":".join([*sorted(folders), os.environ.get("LD_LIBRARY_PATH", "")])}


def _unpacked(package: str) -> Path:
    """The folder with the files of a package and of all that it needs and this machine has not."""
    folder = cache() / "debian" / package
    if folder.is_dir():
        return folder
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        pytest.skip(f"no {package} on this machine, and no apt-get to fetch it with")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        try:
            root = _fetched(package, Path(scratch))
        except subprocess.CalledProcessError as error:
            pytest.skip(
                f"no {package} on this machine, and apt-get does not fetch it: {error.stderr.strip()[-200:]}"
            )
        try:
            root.rename(folder)
        except OSError:  # another run was faster
            assert folder.is_dir()
    return folder


def _fetched(package: str, scratch: Path) -> Path:
    for part in ("state/lists/partial", "cache/archives/partial", "root"):
        (scratch / part).mkdir(parents=True)
    settings = {
        "Dir::State": scratch / "state",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": scratch / "cache",
        "Debug::NoLocking": "true",
        "APT::Sandbox::User": "",
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in settings.items())]
    _run(*apt, "update")
    _run(*apt, "-y", "--download-only", "--no-install-recommends", "install", package)
    for archive in sorted((scratch / "cache/archives").glob("*.deb")):
        _run("dpkg", "-x", str(archive), str(scratch / "root"))
    return scratch / "root"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
