"""From the text of a module to code in memory; what was compiled once is kept on disk, by content.

Two tiers. The quick one compiles in a quarter of a second what the thorough one takes seconds for, and is half as
fast: a search begins with the one and changes to the other when it turns out to be long.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
from eoscheck.checker.files import cache, keep, kept
from llvmlite import __version__ as llvmlite_version

QUICK, THOROUGH = 0, 2
"""Tiers, as LLVM's levels of optimisation."""

MOST_KEPT = 512 * 2**20
"""Bytes of compiled code that are kept on disk; the oldest goes first."""


class Code:
    """Compiled functions in memory."""

    def __init__(self, compiled: bytes) -> None:
        self.engine: Any = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(QUICK))
        self.engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(compiled))
        self.engine.finalize_object()

    def function(self, name: str, returns: Any, *parameters: Any) -> Any:
        """A function that can be called without holding the interpreter's lock."""
        return ctypes.CFUNCTYPE(returns, *parameters)(self.engine.get_function_address(name))


def _machine(tier: int) -> Any:
    """A new one each time: an engine takes it over."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(llvm.get_host_cpu_name(), features, opt=tier, jit=True)


def is_kept(text: str, tier: int) -> bool:
    """Was this compiled before?"""
    return _kept(text, tier).exists()


@functools.lru_cache(2)
def _digest(text: str) -> str:
    """What stands for a module's text; it is asked for more than once."""
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def _kept(text: str, tier: int) -> Path:
    """The file that keeps the code of a module."""
    host = (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), llvmlite_version, str(tier))
    name = hashlib.blake2b("\n".join([*host, _digest(text)]).encode(), digest_size=32).hexdigest()
    return cache() / "native" / f"{name}.o"


def compiled(text: str, tier: int) -> bytes:
    """The object code of a module."""
    file = _kept(text, tier)
    code = kept(file)
    if code is None:
        code = _emitted(text, tier)
        keep(file, code)
        _forget(file.parent)
    else:
        with contextlib.suppress(OSError):
            os.utime(file)
    return code


def _emitted(text: str, tier: int) -> bytes:
    machine = _machine(tier)
    module = llvm.parse_assembly(text)
    if tier == THOROUGH:
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=tier))
        builder.getModulePassManager().run(module, builder)
    emitted: bytes = machine.emit_object(module)
    return emitted


def _forget(folder: Path) -> None:
    """Remove what was not asked for longest, where too much is kept."""
    with contextlib.suppress(OSError):
        files = sorted(((f.stat().st_mtime, f.stat().st_size, f) for f in folder.iterdir()), reverse=True)
        total = 0
        for _, size, old in files:
            total += size
            if total > MOST_KEPT:
                old.unlink()


class Compiling:
    """A compilation that goes on in a process of its own."""

    def __init__(self, text: str, tier: int) -> None:
        self._code = tempfile.TemporaryFile()  # noqa: SIM115 (it has no name, and lives as long as this)
        command = [sys.executable, "-m", __name__, str(tier)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=self._code,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as into:
            into.write(text.encode())

    def code(self) -> Code | None:
        """The compiled code, once it is there."""
        if self._process.poll() != 0:
            return None
        self._code.seek(0)
        return Code(self._code.read())

    def stop(self) -> None:
        """Nobody needs it any more."""
        self._process.kill()
        self._process.wait()
        self._code.close()


if __name__ == "__main__":
    sys.stdout.buffer.write(compiled(sys.stdin.read(), int(sys.argv[1])))
