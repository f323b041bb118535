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
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from eoscheck.gen.clients.background import (
    HOST,
    Background,
    ProxyError,
    exchange,
    framed,
    read_frame,
    reset,
)
from eoscheck.gen.clients.traffic import (
    Exchange,
    Match,
    known,
    offered,
    older_please,
    redirected,
    report,
    topics,
)
from eoscheck.gen.kafka.wire import (
    Header,
    decode_request,
    decode_response,
    encode_response,
    header,
    latest,
)

TIMEOUT = 20.0
"""Seconds to wait for what a client or a broker should do."""

DRAIN = 10.0
"""Seconds that a broker gets to answer what a client asked before its connection ended."""

KEPT = 20_000
"""Requests that are remembered."""

REDIRECTING = (
    "Metadata",
    "FindCoordinator",
    "DescribeCluster",
    "Produce",
    "Fetch",
    "ShareFetch",
    "ShareAcknowledge",
)
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
        self._void = False

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
            self._proxy._soon(self._go.set)

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


@dataclass(eq=False)
class _Link:
    """A client's connection and the one to the broker behind it.

    lost   the client's connection was reset here: nothing more comes from it or goes to it
    ended  nothing more comes from the client, and what was asked before is still answered
    """

    number: int
    actor: str
    upstream: Address
    client: asyncio.StreamWriter
    broker: asyncio.StreamWriter
    lost: bool = False
    ended: bool = False
    unanswered: deque[tuple[Header, Exchange, list[Rule]]] = field(default_factory=deque)

    def cut(self) -> None:
        """Reset the client's connection; the broker's side stays until all is answered."""
        self.lost = True
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
        """Forget rules and timeline, for the next experiment; what is held then is lost.

        Raises ProxyError for a rule that never met its request, and for what went wrong in the proxy.
        """
        said = self.report()
        with self._changed:
            rules, self._rules = self._rules, []
            self._timeline.clear()
        for rule in rules:
            rule._void = True
            self._soon(rule._go.set)
        self._background.check()
        if idle := [str(rule) for rule in rules if rule._hit is None]:
            raise ProxyError(f"never happened: {'; '.join(idle)}\nwhat passed:\n{said}")

    def close(self) -> None:
        """End all connections. Raises as `clear` does."""
        try:
            self.clear()
        finally:
            self._background.close()
        self._background.check()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._background.close()

    # -- the harness's side

    def _rule(self, act: Act, actor: str, match: Match) -> Rule:
        self._background.check()
        rule = Rule(self, act, actor, match)
        with self._changed:
            self._rules.append(rule)
        return rule

    def _soon(self, function: Callable[[], object]) -> None:
        self._background.soon(function)

    def _until(self, found: Callable[[], Exchange | None], what: str, timeout: float) -> Exchange:
        end = time.monotonic() + timeout
        with self._changed:
            while (exchange := found()) is None:
                self._background.check()
                if not self._changed.wait(end - time.monotonic()):
                    raise ProxyError(f"{what}; what passed:\n{self.report()}")
            return exchange

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _send_again(self, rule: Rule) -> None:
        assert rule._hit is not None and rule._upstream is not None
        with self._changed:
            copy = dataclasses.replace(rule._hit, answer=None, errors=(), notes=["the same bytes again"])
            rule._copy = self._remember(copy)
        head = header(rule._frame)
        address, frame = rule._upstream, rule._frame

        async def send() -> None:
            try:
                stream = await asyncio.open_connection(*address)
                try:
                    answer = await exchange(stream, frame)
                finally:
                    reset(stream[1])
            except (OSError, asyncio.IncompleteReadError) as error:
                copy.notes.append(f"not delivered: {error}")
            else:
                self._answered(copy, decode_response(head.key, head.version, answer)[1])

        self._soon(lambda: self._background.spawn(send()))

    # -- from here on in the proxy's thread, `_port` and `_remember` in either

    def _port(self, actor: str, upstream: Address) -> int:
        """Where an actor reaches a broker."""
        with self._changed:
            if (actor, upstream) not in self._ports:
                self._ports[actor, upstream] = self._background.listen(
                    lambda reader, writer: self._serve(actor, upstream, reader, writer)
                )
            return self._ports[actor, upstream]

    def _remember(self, seen: Exchange) -> Exchange:
        self._numbers += 1
        seen.number, seen.at = self._numbers, time.monotonic() - self._began
        self._timeline.append(seen)
        return seen

    async def _serve(
        self, actor: str, upstream: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        broker, broker_writer = await asyncio.open_connection(*upstream)
        self._connections += 1
        link = _Link(self._connections, actor, upstream, writer, broker_writer)
        self._links.add(link)
        answers = self._background.spawn(self._answers(link, broker))
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while not link.lost:
                    await self._request(link, await read_frame(reader))
            link.ended = True
            if link.unanswered:
                await asyncio.wait([answers], timeout=DRAIN)
        finally:
            self._links.discard(link)
            answers.cancel()
            reset(broker_writer)

    async def _request(self, link: _Link, frame: bytes) -> None:
        head = header(frame)
        if head.api == "ApiVersions" and head.version > latest("ApiVersions"):
            link.client.write(framed(encode_response(older_please(), head.correlation)))
            return
        seen, rules = self._arrived(link, head, frame)
        for rule in rules:
            if rule.act is Act.WATCH:
                self._happened(rule, seen)
            elif rule.act is Act.HOLD:
                self._happened(rule, seen, "held")
                await rule._go.wait()
                if rule._void:
                    link.cut()
                    return
                seen.notes.append(f"released after {time.monotonic() - self._began - seen.at:.3f} s")
            elif rule.act is Act.LOSE:
                link.cut()
                self._happened(rule, seen, "request lost")
                return
        if not (head.api == "Produce" and seen.fields.get("acks") == 0):
            link.unanswered.append((head, seen, rules))
        link.broker.write(framed(frame))
        await link.broker.drain()
        for rule in rules:
            if rule.act is Act.DUPLICATE:
                rule._frame, rule._upstream = frame, link.upstream
                self._happened(rule, seen, "to be sent again")

    def _arrived(self, link: _Link, head: Header, frame: bytes) -> tuple[Exchange, list[Rule]]:
        seen = Exchange(0, 0.0, link.actor, link.number, head.api, head.version, head.client)
        if known(head):
            seen.asks(decode_request(frame)[1], self._names)
        else:
            seen.notes.append("not understood")
        with self._changed:
            self._remember(seen)
            return seen, [rule for rule in self._rules if rule.actor == link.actor and rule._counts(seen)]

    def _happened(self, rule: Rule, seen: Exchange, note: str | None = None) -> None:
        with self._changed:
            if note:
                seen.notes.append(note)
            rule._hit = seen
            self._changed.notify_all()

    def _answered(self, seen: Exchange, payload: Any) -> None:
        with self._changed:
            seen.answers(payload, self._names)
            self._changed.notify_all()

    async def _answers(self, link: _Link, broker: asyncio.StreamReader) -> None:
        try:
            while link.unanswered or not link.ended:
                await self._answer(link, await read_frame(broker))
        finally:
            if link.unanswered and not link.lost:
                link.unanswered[0][1].notes.append("the broker ended the connection")
            link.cut()

    async def _answer(self, link: _Link, frame: bytes) -> None:
        head, seen, rules = link.unanswered.popleft()
        if known(head):
            frame, payload = self._translated(link.actor, head, frame)
            self._answered(seen, payload)
        for rule in rules:
            if rule.act is Act.HOLD_ANSWER:
                self._happened(rule, seen, "answer held")
                await rule._go.wait()
                if rule._void:
                    link.cut()
            elif rule.act is Act.LOSE_ANSWER:
                link.cut()
                self._happened(rule, seen, "answer lost")
        if not link.lost:
            with contextlib.suppress(OSError):
                link.client.write(framed(frame))
                await link.client.drain()

    def _translated(self, actor: str, head: Header, frame: bytes) -> tuple[bytes, Any]:
        """An answer as the client is to see it: brokers at our addresses, versions that the codec knows."""
        if head.api == "ApiVersions":
            payload = offered(head, frame)
            return encode_response(payload, head.correlation), payload
        _, payload = decode_response(head.key, head.version, frame)
        if head.api not in REDIRECTING:
            return frame, payload
        if head.api == "Metadata":
            self._names.update(topics(payload))
        moved = redirected(payload, lambda host, port: (HOST, self._port(actor, (host, port))))
        return (frame if moved is payload else encode_response(moved, head.correlation)), moved


def _address(text: str) -> Address:
    host, _, port = text.strip().rpartition(":")
    return host, int(port)
