"""Writing a file so that nobody ever reads half of it, and where to keep what is made once."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import platformdirs


def cache() -> Path:
    """The folder where everything that is made once stays: $EOSCHECK_CACHE, else the user's cache folder."""
    told = os.environ.get("EOSCHECK_CACHE")
    return Path(told).absolute() if told else platformdirs.user_cache_path("eoscheck")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace `path` by `content` (text as UTF-8), making its folder if need be. Where there is a device or a pipe, it
    is written to, and what a link leads to is replaced, not the link.

    Raises OSError, with the old file intact.
    """
    data = content if isinstance(content, bytes) else content.encode()
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)
        else:
            _replace(path.resolve() if path.is_symlink() else path, data)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # not that of the temporary file
        raise


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
