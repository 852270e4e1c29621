"""A TCP proxy that spoils what goes through it, in toxiproxy's words; where `tc netem` is absent, and without root.

Goal: one fault at a time between a client and a broker, each counted, so that a test can prove that it happened.
Non-goal: Kafka; it sees bytes. A broker behind it must advertise the proxy's port, or its clients go past it.

Toxics may be changed at any time and are looked at for each chunk: latency with jitter (pipelined: a chunk that waits does
not hold back the reading of the next), bandwidth, a slicer. `reset_share` resets (RST) that share of connections once they
carry data; `cut` lets so many bytes of the next answer through and closes; `blackhole` swallows everything, connections stay.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

HOST = "127.0.0.1"
CHUNK = 65_536
MOST_WAITING = 1024  # chunks in one direction; then the sender waits, as on a full link


@dataclass
class Toxics:
    """What is done to one direction. Zero: nothing."""

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    bytes_per_s: float = 0.0
    slice_bytes: int = 0


@dataclass
class Seen:
    """What the proxy did, for a test to prove its fault."""

    connections: int = 0
    delayed: int = 0
    slices: int = 0
    resets: int = 0
    cuts: int = 0
    swallowed_bytes: int = 0
    up_bytes: int = 0
    down_bytes: int = 0


@dataclass(eq=False)
class Link:
    """One connection through the proxy."""

    client: asyncio.StreamWriter
    broker: asyncio.StreamWriter
    doomed: bool
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)


class FaultProxy:
    """A listener on a port of its own, its loop in a thread of its own.

    Args:
        seed: of jitter and of the choice whom to reset.

    Attributes:
        upstream: port of the broker on this host; set before the first connection.
        up, down: toxics towards the broker, and towards the client.
        reset_share, blackhole: see the module.
        seen: counters.
    """

    def __init__(self, seed: int = 1) -> None:
        self.upstream = 0
        self.up, self.down = Toxics(), Toxics()
        self.reset_share, self.blackhole = 0.0, False
        self.seen = Seen()
        self._cut: int | None = None
        self._random = random.Random(seed)
        self._links: set[Link] = set()
        self._loop = asyncio.new_event_loop()
        self._socket = socket.create_server((HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="fault-proxy", daemon=True)
        self._thread.start()

    def heal(self) -> None:
        """No toxic, no reset, no cut, no hole; and the counters at zero."""
        self.up, self.down = Toxics(), Toxics()
        self.reset_share, self.blackhole, self._cut = 0.0, False, None
        self.seen = Seen()

    def cut(self, let_through: int) -> None:
        """Of the next chunk towards a client let so many bytes through, then close that connection."""
        self._cut = let_through

    def reset_all(self) -> None:
        """Reset every connection that there is."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: ([self._reset(link) for link in list(self._links)], done.set()))
        done.wait(5)

    def close(self) -> None:
        """End all connections and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connected, sock=self._socket))
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        for link in list(self._links):
            link.client.transport.abort()
            link.broker.transport.abort()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.seen.connections += 1
        try:
            answers, broker = await asyncio.open_connection(HOST, self.upstream)
        except OSError:
            client.transport.abort()  # a broker that is down: so is its proxy
            return
        for writer in (client, broker):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(client, broker, doomed=self._random.random() < self.reset_share)
        self._links.add(link)
        link.tasks = [
            asyncio.ensure_future(self._carry(link, reader, broker, upwards=True)),
            asyncio.ensure_future(self._carry(link, answers, client, upwards=False)),
        ]
        with contextlib.suppress(OSError):
            await asyncio.wait(link.tasks, return_when=asyncio.FIRST_COMPLETED)
        self._end(link)

    async def _carry(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, upwards: bool
    ) -> None:
        """One direction of one connection: read, and write later what is due later."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MOST_WAITING)
        writing = asyncio.ensure_future(self._write(waiting, writer, upwards=upwards))
        link.tasks.append(writing)
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if self.blackhole:
                    self.seen.swallowed_bytes += len(chunk)
                    continue
                if link.doomed and upwards and self.seen.up_bytes:
                    self._reset(link)
                    return
                if not upwards and self._cut is not None:
                    let_through, self._cut = self._cut, None
                    self.seen.cuts += 1
                    writer.write(chunk[:let_through])
                    return
                toxics = self.up if upwards else self.down
                delay_s = max(toxics.latency_ms + self._random.uniform(-1, 1) * toxics.jitter_ms, 0) / 1000
                self.seen.delayed += delay_s > 0
                await waiting.put((self._loop.time() + delay_s, chunk))
        await waiting.put((0.0, b""))
        await asyncio.wait([writing])

    async def _write(
        self, waiting: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter, *, upwards: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while (due := await waiting.get())[1]:
                await asyncio.sleep(max(due[0] - self._loop.time(), 0))
                toxics = self.up if upwards else self.down
                size = toxics.slice_bytes or (4096 if toxics.bytes_per_s else len(due[1]))
                for start in range(0, len(due[1]), size):
                    piece = due[1][start : start + size]
                    writer.write(piece)
                    await writer.drain()
                    self.seen.slices += bool(toxics.slice_bytes)
                    if toxics.slice_bytes:
                        await asyncio.sleep(0)
                    if toxics.bytes_per_s:
                        await asyncio.sleep(len(piece) / toxics.bytes_per_s)
                if upwards:
                    self.seen.up_bytes += len(due[1])
                else:
                    self.seen.down_bytes += len(due[1])

    def _reset(self, link: Link) -> None:
        """End both sides at once; the client gets RST, not FIN."""
        self.seen.resets += 1
        with contextlib.suppress(OSError):
            link.client.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        link.client.transport.abort()
        self._end(link)

    def _end(self, link: Link) -> None:
        self._links.discard(link)
        for task in link.tasks:
            task.cancel()
        for writer in (link.client, link.broker):
            writer.close()


@contextlib.contextmanager
def fault_proxy(upstream: int = 0, seed: int = 1) -> Iterator[FaultProxy]:
    """A proxy from here to the end of the block."""
    proxy = FaultProxy(seed)
    proxy.upstream = upstream
    try:
        yield proxy
    finally:
        proxy.close()
