"""Connections served in a thread of their own, for proxies that a harness steers from outside.

The harness is synchronous; what stands between clients and brokers is an event loop. Nothing that goes wrong in the
loop is lost: it is kept, and raised in the harness by its next call.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

HOST = "127.0.0.1"

T = TypeVar("T")
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class ProxyError(Exception):
    """Something between clients and brokers went otherwise than arranged; the message says what was seen."""


class Background:
    """An event loop in a thread of its own. What goes wrong in it is kept and raised by the next call of `check`."""

    def __init__(self, name: str, alarm: Callable[[], None] = lambda: None) -> None:
        """`alarm` is called, in the loop's thread, when an error was kept: somebody may be waiting in vain."""
        self._alarm = alarm
        self._loop = asyncio.new_event_loop()
        self._errors: list[BaseException] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._listening: list[socket.socket] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the loop and wait for its result; not from the loop's own thread."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except concurrent.futures.CancelledError:
            raise ProxyError("the proxy was closed") from None

    def soon(self, function: Callable[[], object]) -> None:
        """Have the loop call a function, without waiting for it."""
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            raise ProxyError("the proxy was closed") from None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task (in the loop's thread) that `close` cancels; connections may break without being an error."""
        task = self._loop.create_task(self._kept(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # cancelled before it began
        return task

    def listen(self, handler: Handler) -> int:
        """Serve connections on a free port and return it. A connection is reset when its handler returns."""

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.spawn(_served(handler, reader, writer))

        async def serve() -> None:
            self._servers.append(await asyncio.start_server(connected, sock=listening))

        if self._loop.is_closed():
            raise ProxyError("the proxy was closed")
        listening = socket.create_server((HOST, 0))
        self._listening.append(listening)
        self.soon(lambda: self.spawn(serve()))
        return int(listening.getsockname()[1])

    async def _kept(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (OSError, asyncio.IncompleteReadError):
            pass
        except Exception as error:
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """Keep an error for the next `check`."""
        self._errors.append(error)
        self._alarm()

    def check(self) -> None:
        """Raise ProxyError from the first error that was kept, if there is one."""
        if self._errors:
            error = self._errors[0]
            raise ProxyError(f"the proxy failed: {error}") from error

    def close(self) -> None:
        """Reset all connections and end the thread."""
        if self._loop.is_closed():
            return
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listening in self._listening:
            listening.close()


async def _served(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await handler(reader, writer)
    finally:
        reset(writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection the way a broken network does: what is under way is lost, the other side gets an error."""
    with contextlib.suppress(OSError):
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """One message, without its length. Raises IncompleteReadError at the end of the connection."""
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)


async def exchange(stream: Stream, frame: bytes) -> bytes:
    """Send a request over a connection that nothing else is under way on, and wait for its answer."""
    reader, writer = stream
    writer.write(framed(frame))
    return await read_frame(reader)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on bytes as they are, to the end of the connection."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


async def first_of(*work: Coroutine[Any, Any, None]) -> None:
    """Run side by side until one ends; the others are cancelled. Raises what the first raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def framed(frame: bytes) -> bytes:
    """A message with its length before it."""
    return struct.pack(">i", len(frame)) + frame
