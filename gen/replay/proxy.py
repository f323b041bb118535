"""A proxy between clients and brokers that delays, loses and doubles requests when told so.

Each actor has addresses of its own, so that one can be treated differently from another; the addresses of brokers in
answers are replaced by those, so that no connection goes around the proxy. What is not hit by a rule passes in order
and unchanged, but for the versions of requests: none is offered to clients that the codec cannot read.

    proxy = Proxy(cluster.bootstrap)
    lost = proxy.lose_answer("producer", Match("Produce", topic="payments"))
    ... start a client with proxy.bootstrap("producer") ...
    lost.wait()          # the broker has appended it, the client's connection is reset
    proxy.close()        # raises ProxyError where a rule never met its request
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any

from eoscheck.gen.replay.background import (
    HOST,
    Background,
    ProxyError,
    exchange,
    first_of,
    framed,
    read_frame,
    reset,
)
from eoscheck.gen.replay.traffic import Exchange, Match, report, topics
from eoscheck.gen.replay.wire import (
    Header,
    WireError,
    decode_request,
    decode_response,
    encode_response,
    header,
    latest,
    response,
)

TIMEOUT = 20.0
"""Seconds to wait for what a client or a broker should do."""

DRAIN = 10.0
"""Seconds that a broker gets to answer what a client asked before its connection ended."""

KEPT = 20_000
"""Requests that are remembered."""

REDIRECTING = ("Metadata", "FindCoordinator", "DescribeCluster", "Produce", "Fetch", "ShareFetch", "ShareAcknowledge")
"""Requests whose answers contain addresses of brokers."""

Address = tuple[str, int]


class Act(Enum):
    """What a rule does to its request."""

    WATCH = "watch"
    HOLD = "hold"
    HOLD_ANSWER = "hold the answer of"
    LOSE = "lose"
    LOSE_ANSWER = "lose the answer of"
    DUPLICATE = "duplicate"


class Rule:
    """One thing that is done once. Made by the methods of `Proxy`, steered from the harness's thread."""

    def __init__(self, proxy: Proxy, act: Act, actor: str, match: Match) -> None:
        self.act, self.actor, self.match = act, actor, match
        self._proxy = proxy
        self._seen = 0
        self._hit: Exchange | None = None
        self._copy: Exchange | None = None
        self._frame = b""
        self._upstream: Address | None = None
        self._go = asyncio.Event()

    def __str__(self) -> str:
        return f"{self.act.value} {self.match} of {self.actor}"

    def wait(self, timeout: float = TIMEOUT) -> Exchange:
        """The request, once it has been hit: arrived (hold, watch, lose), answered (where the answer is), sent on
        (duplicate). Raises ProxyError if that does not happen within the time limit (seconds)."""
        return self._proxy._until(lambda: self._hit, f"{self} did not happen", timeout)

    def release(self) -> None:
        """Let what is held go on, or send the duplicate. The client may have ended long ago."""
        self.wait()
        if self.act is Act.DUPLICATE:
            self._proxy._send_again(self)
        else:
            self._proxy._background.soon(self._go.set)

    def answered(self, timeout: float = TIMEOUT) -> Exchange:
        """The request with the broker's answer to it (duplicate: to the second one), seen by a client or not."""
        sent = self._copy or self.wait(timeout)
        return self._proxy._until(
            lambda: sent if sent.answer is not None else None, f"no answer came to: {sent}", timeout
        )

    def _counts(self, exchange: Exchange) -> bool:
        """Whether this is the request it waits for."""
        if self._hit is None and self._seen < self.match.nth and self.match.fits(exchange):
            self._seen += 1
            return self._seen == self.match.nth
        return False


@dataclass
class _Link:
    """A client's connection and the one to the broker behind it."""

    number: int
    actor: str
    upstream: Address
    client: asyncio.StreamWriter
    broker: asyncio.StreamWriter
    gone: bool = False
    unanswered: deque[tuple[Header, Exchange, Rule | None]] = field(default_factory=deque)
    drained: asyncio.Event = field(default_factory=asyncio.Event)

    def cut(self) -> None:
        """Reset the client's connection; the broker's side stays until all is answered."""
        self.gone = True
        reset(self.client)


class Proxy:
    """Stands between any number of actors and the brokers of one cluster. Used as a context, it is closed in the end.

    bootstrap  addresses of brokers, "host:port,host:port"
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = [_address(one) for one in bootstrap.split(",")]
        self._changed = threading.Condition()  # guards rules and what is remembered
        self._background = Background("proxy", alarm=self._notify)
        self._began = time.monotonic()
        self._ports: dict[tuple[str, Address], int] = {}
        self._rules: list[Rule] = []
        self._timeline: deque[Exchange] = deque(maxlen=KEPT)
        self._numbers = self._connections = 0
        self._links: set[_Link] = set()
        self._names: dict[Any, str] = {}

    # -- what the harness says

    def bootstrap(self, actor: str) -> str:
        """Where an actor connects to, as bootstrap.servers; the same each time."""
        return ",".join(f"{HOST}:{self._port(actor, address)}" for address in self._bootstrap)

    def watch(self, actor: str, match: Match) -> Rule:
        """Let it pass, and say when it arrives."""
        return self._rule(Act.WATCH, actor, match)

    def hold(self, actor: str, match: Match) -> Rule:
        """Keep the request, and what comes after it on its connection, until `release`."""
        return self._rule(Act.HOLD, actor, match)

    def hold_answer(self, actor: str, match: Match) -> Rule:
        """Let the request pass and keep the answer, and those after it, until `release`."""
        return self._rule(Act.HOLD_ANSWER, actor, match)

    def lose(self, actor: str, match: Match) -> Rule:
        """Reset the connection instead of sending the request to the broker."""
        return self._rule(Act.LOSE, actor, match)

    def lose_answer(self, actor: str, match: Match) -> Rule:
        """Let the request pass, and reset the connection instead of giving the answer to the client."""
        return self._rule(Act.LOSE_ANSWER, actor, match)

    def duplicate(self, actor: str, match: Match) -> Rule:
        """Let the request pass, and send it once more, byte for byte and over a new connection, at `release`."""
        return self._rule(Act.DUPLICATE, actor, match)

    def cut(self, actor: str) -> None:
        """Reset all connections of an actor now."""

        async def cut() -> None:
            for link in self._links:
                if link.actor == actor:
                    link.cut()

        self._background.check()
        self._background.run(cut())

    def timeline(self, actor: str | None = None) -> list[Exchange]:
        """What passed since the beginning, or the last `clear`."""
        with self._changed:
            return [one for one in self._timeline if actor in (None, one.actor)]

    def report(self, actor: str | None = None, last: int = 60) -> str:
        """The last lines of the timeline."""
        return report(self.timeline(actor)[-last:])

    def clear(self) -> None:
        """Forget rules and timeline, for the next experiment.

        Raises ProxyError for a rule that never met its request, and for what went wrong in the proxy.
        """
        self._background.check()
        said = self.report()
        with self._changed:
            idle = [str(rule) for rule in self._rules if rule._hit is None]
            for rule in self._rules:
                self._background.soon(rule._go.set)
            self._rules.clear()
            self._timeline.clear()
        if idle:
            raise ProxyError(f"never happened: {'; '.join(idle)}\nwhat passed:\n{said}")

    def close(self) -> None:
        """End all connections. Raises as `clear` does."""
        self._background.close()
        self._background.check()
        with contextlib.suppress(ProxyError if self._background.closed else ()):
            pass
