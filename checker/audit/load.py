"""A history from a file, in whichever of the formats it is written."""

from __future__ import annotations

from pathlib import Path

from eoscheck.checker.audit.history import BadHistory, History
from eoscheck.checker.audit.jepsen import read_jepsen
from eoscheck.checker.audit.jsonlines import read_json_lines


def load_history(path: str) -> History:
    """The history in a file: EDN if it is called so or looks so, else JSON lines. Raises BadHistory."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise BadHistory(f"{path}:1: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadHistory(f"{path}:{line}: it is not UTF-8") from None
    begin = text.lstrip()[:20].replace(" ", "")
    edn = path.endswith(".edn") or begin.startswith(("{:", "[{:", "#", ";", "("))
    return read_jepsen(path, text) if edn else read_json_lines(path, text)
