"""A TCP connection with a delay: every byte arrives so much later, in order, however many wait.

For `throughput.py`, in a process of its own: it stands for a mail server on another continent.
"""

import asyncio
import contextlib
import multiprocessing
from collections.abc import Iterator

import uvloop


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on what comes, each piece `delay` seconds after it came."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def hand_on() -> None:
        while True:
            due, piece = await waiting.get()
            await asyncio.sleep(max(due - loop.time(), 0))
            if not piece:
                return writer.close()
            writer.write(piece)
            await writer.drain()

    handing_on = asyncio.create_task(hand_on())
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            waiting.put_nowait((loop.time() + delay, piece))
    waiting.put_nowait((loop.time() + delay, b""))
    with contextlib.suppress(ConnectionError):
        await handing_on


async def _serve(port: int, delay: float, ports: "multiprocessing.Queue[int]") -> None:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_carry(reader, there[1], delay), _carry(there[0], writer, delay))

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    ports.put(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _run(port: int, delay: float, ports: "multiprocessing.Queue[int]") -> None:
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(port, delay, ports))


@contextlib.contextmanager
def slow_line(port: int, round_trip: float) -> Iterator[int]:
    """Run a line to a local port with this round-trip time (seconds); gives its own port."""
    spawning = multiprocessing.get_context("spawn")
    ports: multiprocessing.Queue[int] = spawning.Queue()
    process = spawning.Process(target=_run, args=(port, round_trip / 2, ports), daemon=True)
    process.start()
    try:
        yield ports.get(timeout=30)
    finally:
        process.terminate()
        process.join()
