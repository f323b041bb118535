"""Settings of a spec changed from outside: `acks=1`, `offsets=in-transaction`, `processors.enricher.instances=2`.

A change is made to the parsed YAML, before anything is checked, so whatever is wrong with it is found as if it stood in
the file. Kafka's own settings go to every client that knows them, keys of the spec to the parts that have them; a key
that could mean several things needs its path. Client settings that stand in a file of their own are laid over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eoscheck.model.clientkeys import CONSUMER_IRRELEVANT, CONSUMER_KEYS, PRODUCER_IRRELEVANT, PRODUCER_KEYS
from eoscheck.model.source import Node, Place, SpecError, did_you_mean, parse_yaml
from eoscheck.model.spec import FAULTS

UNSET = "unset"
"""As a value: the key is taken away, and with it goes whatever the file says."""

KNOWN = {
    "producers": PRODUCER_KEYS | PRODUCER_IRRELEVANT,
    "consumers": CONSUMER_KEYS | CONSUMER_IRRELEVANT,
    "readers": frozenset({"isolation.level"}),
}
"""By kind of client, the settings that it knows. Of its own, the model asks a reader for nothing else."""

GROUPS = (("processors", "consumers"), ("producers",), ("stores",), ("lookups",))
"""Sections whose keys may be given bare, for all their entries."""

NAMED = ("processors", "consumers", "producers", "stores", "lookups", "topics", "readers")
CONFIGS = ("producer", "consumer", "config")
SHORT = {"kafka": "version", "faults.*": "budget"}
"""`kafka: 3.9` is short for `kafka: {version: 3.9}`, and `crash: 1` for `crash: {budget: 1}`."""

Overlay = dict[Place, dict[str, Node | None]]
"""By place of a client's settings that stand in a file: what to take instead, or None for nothing."""


class BadChange(Exception):
    """A change that says nothing, or that this spec has no place for. Its text is one line."""


@dataclass(frozen=True)
class Change:
    """A key, and what it is to be.

    said   the value as it was written, in YAML; `node` is that parsed, None where the key is taken away
    """

    key: str
    said: str
    node: Node | None

    def __str__(self) -> str:
        return f"{self.key}={self.said}"


def change(text: str) -> Change:
    """One change, "KEY=VALUE". Raises BadChange.

    >>> change("acks=1").node.value
    1
    """
    key, value = _divided(text, "KEY=VALUE")
    return _change(key, value)


def variation(text: str) -> tuple[Change, ...]:
    """One change for each value, "KEY=V1,V2,...". Commas in quotes or brackets divide nothing. Raises BadChange.

    >>> [str(c) for c in variation("acks=0,all")]
    ['acks=0', 'acks=all']
    """
    key, values = _divided(text, "KEY=V1,V2,...")
    found = tuple(_change(key, value) for value in _pieces(values))
    for i, one in enumerate(found):
        if one.said in [other.said for other in found[:i]]:
            raise BadChange(f"{key}: {one.said} is given twice")
    return found


def _divided(text: str, form: str) -> tuple[str, str]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not key:
        raise BadChange(f"{text!r} is not {form}")
    return key, value


def _change(key: str, said: str) -> Change:
    if not said:
        raise BadChange(f"{key} has an empty value; the word {UNSET} takes it away, '' is an empty text")
    if said == UNSET:
        return Change(key, said, None)
    try:
        documents = parse_yaml(said, key)
    except SpecError as error:
        raise BadChange(f"{key}={said}: {error.message}") from None
    if len(documents) != 1:
        raise BadChange(f"{key}={said} is not one value")
    return Change(key, said, documents[0])


def _pieces(text: str) -> Iterator[str]:
    """What lies between commas."""
    depth, quote, piece = 0, "", ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not quote and depth <= 0:
            yield piece.strip()
            piece = ""
        else:
            piece += letter
    yield piece.strip()


# --- making a change


def applied(root: Node, changes: Sequence[Change], path: str | Path) -> tuple[Node, Overlay]:
    """The document with the changes made, and what is to be laid over files of settings. Raises BadChange."""
    overlay: Overlay = {}
    for one in changes:
        for place in places(root, one.key, path):
            client = root.at(*place[:-1])
            if len(place) == 4 and client is not None and isinstance(client.value, str):
                overlay.setdefault(place[:-1], {})[str(place[-1])] = one.node
            else:
                root = _placed(root, place, one.node, root.line_of(place)) or root
                overlay = {at: told for at, told in overlay.items() if at[: len(place)] != place}
    return root, overlay


def _placed(node: Node | None, place: Place, new: Node | None, line: int, above: str = "") -> Node | None:
    """The node with `new` at a place of it, or without that place. A list or a value has no keys: it is left to be
    refused, if it is not short for something."""
    if not place:
        return new and _moved(new, line)
    if node is None:
        if new is None:
            return None
        node = Node(line, None)
    if isinstance(node.value, list):
        return node
    children = dict(node.children)
    if node.value is not None and not isinstance(node.value, dict):
        if above not in SHORT:
            return node
        children = {SHORT[above]: node}
    below = f"{above}.*" if above == "faults" else str(place[0])
    child = _placed(children.get(place[0]), place[1:], new, line, below)
    if child is None:
        children.pop(place[0], None)
    else:
        children[place[0]] = child
    return Node(node.line, {key: c.value for key, c in children.items()}, None, children)


def _moved(node: Node, line: int) -> Node:
    """The node as if it stood in that line."""
    return Node(
        line, node.value, node.text, {key: _moved(child, line) for key, child in node.children.items()}
    )


# --- where a key belongs


def places(root: Node, key: str, path: str | Path) -> list[Place]:
    """Where a key belongs in the document. Raises BadChange where it belongs nowhere, or where that is open."""
    from eoscheck.model.schema import keys_of  # pydantic, only where a file is loaded anyway

    section, _, rest = key.partition(".")
    if section in keys_of() and section != "expect":
        return _by_path(root, section, rest, path)
    if any(key in known for known in KNOWN.values()):
        found = [place for entry in _entries(root) for place in _setting(root, entry, key)]
    else:
        found = _of_entries(root, key, path)
    if found:
        return found
    known_to = [s for s in NAMED if key in keys_of(s)] or [k for k in KNOWN if key in KNOWN[k]]
    if known_to:
        raise BadChange(
            f"{path}: '{key}' is a setting of {' and '.join(known_to)}, and there is nothing that has it"
        )
    raise BadChange(f"{path}: there is no setting '{key}'{_meant(root, key)}")


def _of_entries(root: Node, key: str, path: str | Path) -> list[Place]:
    """The places of a key of the spec's own, given bare."""
    from eoscheck.model.schema import keys_of

    found: list[Place] = [(*entry, key) for entry in _entries(root) if key in keys_of(str(entry[0]))]
    sections = {str(place[0]) for place in found}
    if len(found) > 1 and not any(sections <= set(group) for group in GROUPS):
        raise BadChange(f"{path}: '{key}' is open; say which: {', '.join(_dotted(p) for p in found)}")
    return found


def _entries(root: Node) -> list[Place]:
    """Everything in the spec that has a name: (section, name)."""
    sections = {section: root.at(section) for section in NAMED}
    return [
        (s, name)
        for s, node in sections.items()
        if node and isinstance(node.value, dict)
        for name in node.children
    ]


def _setting(root: Node, entry: Place, key: str) -> list[Place]:
    """Where a client setting belongs in an entry: nowhere, or with the clients that know it."""
    section = str(entry[0])
    if section == "processors":
        clients = [("consumers", "consumer")]
        clients += [("producers", "producer")] if root.at(*entry, "to") else []
    elif section == "readers":
        clients = [("readers", "config" if _given(root, (*entry, "config")) else "")]
    elif section == "consumers":
        clients = [("consumers", "consumer" if _given(root, (*entry, "consumer")) else "config")]
    else:
        clients = [("producers", "config")] if section == "producers" else []
    return [(*entry, *([at] if at else []), key) for kind, at in clients if key in KNOWN[kind]]


def _given(root: Node, place: Place) -> bool:
    node = root.at(*place)
    return node is not None and node.value is not None


def _by_path(root: Node, section: str, rest: str, path: str | Path) -> list[Place]:
    from eoscheck.model.schema import keys_of

    whole = f"{section}.{rest}" if rest else section
    if not rest:
        return [(section,)]
    if section in NAMED:
        return _in_entry(root, section, rest, path)
    if section == "faults":
        name, _, key = rest.partition(".")
        if name in FAULTS and key in ("", *keys_of(section)):
            return [(section, name, key) if key else (section, name)]
    elif section in ("kafka", "bounds") and rest in keys_of(section):
        return [(section, rest)]
    raise BadChange(f"{path}: there is no setting '{whole}'{_meant(root, whole)}")


def _in_entry(root: Node, section: str, rest: str, path: str | Path) -> list[Place]:
    """The place of a path into an entry; names may hold dots, so the longest one counts."""
    from eoscheck.model.schema import keys_of

    names = [str(entry[1]) for entry in _entries(root) if entry[0] == section]
    name = max((n for n in names if f"{rest}.".startswith(f"{n}.")), key=len, default=None)
    if name is None:
        hint = did_you_mean(rest.partition(".")[0], names)
        raise BadChange(f"{path}: there is nothing called '{rest.partition('.')[0]}' in {section}{hint}")
    entry, key = (section, name), rest[len(name) + 1 :]
    if not key:
        return [entry]
    found = _setting(root, entry, key)
    if found:
        return found
    config, _, setting = key.partition(".")
    if config in CONFIGS and config in keys_of(section) and setting in _known_in(section, config):
        return [(*entry, config, setting)]
    if key in keys_of(section):
        return [(*entry, key)]
    raise BadChange(f"{path}: there is no setting '{section}.{rest}'{_meant(root, f'{section}.{rest}')}")


def _known_in(section: str, config: str) -> frozenset[str]:
    return KNOWN["producers" if config == "producer" or section == "producers" else "consumers"]


def _dotted(place: Place) -> str:
    return ".".join(map(str, place))


def _meant(root: Node, key: str) -> str:
    """The nearest word there is, those that matter before the others."""
    from eoscheck.model.schema import keys_of

    paths = [f"faults.{fault}" for fault in FAULTS]
    paths += [f"{section}.{k}" for section in ("kafka", "bounds") for k in keys_of(section)]
    for entry in _entries(root):
        section = str(entry[0])
        paths += [_dotted((*entry, k)) for k in keys_of(section)]
        known = (PRODUCER_KEYS | CONSUMER_KEYS) & frozenset().union(*KNOWN.values())
        paths += [_dotted((*entry, k)) for k in known if _setting(root, entry, k)]
        paths += [
            _dotted((*entry, c, k))
            for c in CONFIGS
            if c in keys_of(section)
            for k in known & _known_in(section, c)
        ]
    bare = {k for section in NAMED for k in keys_of(section)} | PRODUCER_KEYS | CONSUMER_KEYS
    for words in (sorted({*bare, *paths}), sorted(PRODUCER_IRRELEVANT | CONSUMER_IRRELEVANT)):
        hint = did_you_mean(key, words, listed=False)
        if hint and any(
            f"{before}{key[:1]}" in hint for before in "'."
        ):  # what begins otherwise was hardly meant
            return hint
    sections = {path for path in paths if path.partition(".")[0] not in NAMED}
    inside = _holding(key, bare | sections) or _holding(key, PRODUCER_IRRELEVANT | CONSUMER_IRRELEVANT)
    return f"; did you mean {' or '.join(repr(word) for word in inside[:3])}?" if inside else ""


def _holding(key: str, words: Iterable[str]) -> list[str]:
    """The words of which a key is a part, between dots."""
    return sorted(word for word in words if f".{key}." in f".{word}.")
