"""Writing a file so that nobody ever reads half of it, and where to keep what is made once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

DIGEST = 32
"""Bytes before what is kept in the cache, by which it is known to be whole."""


def cache() -> Path:
    """The folder where everything that is made once stays: $EOSCHECK_CACHE, else the user's cache folder."""
    told = os.environ.get("EOSCHECK_CACHE")
    return Path(told).absolute() if told else platformdirs.user_cache_path("eoscheck")


def keep(path: Path, content: bytes) -> None:
    """Write a file of the cache. What cannot be kept is made again the next time."""
    with contextlib.suppress(OSError):
        write_atomically(path, _digest(content) + content)


def kept(path: Path) -> bytes | None:
    """What was kept in a file of the cache; None where nothing was, or where it is damaged."""
    try:
        found = path.read_bytes()
    except OSError:
        return None
    digest, content = found[:DIGEST], found[DIGEST:]
    return content if digest == _digest(content) else None


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST).digest()


def write_atomically(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Replace `path` by `content` (text as UTF-8), making its folder if need be. Where there is a device or a pipe, it
    is written to, and what a link leads to is replaced, not the link.

    durable  it is to be on disk before anything takes its place, whatever happens to the machine

    Raises OSError, with the old file intact.
    """
    data = content if isinstance(content, bytes) else content.encode()
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)
        else:
            _replace(path.resolve() if path.is_symlink() else path, data, durable=durable)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # not that of the temporary file
        raise


def _replace(path: Path, content: bytes, *, durable: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
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
