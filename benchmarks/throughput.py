"""Messages a second, from queue to recorded answer, beside other programs (`make bench`).

    python benchmarks/throughput.py [--people 1000 10000 100000] [--connections 8]
                                    [--no-copies] [--no-peers] [--no-latency]

A discarding server on loopback (`smtp-sink` of the package postfix; no mail daemon is needed or
started), a message from the shipped templates with calendar, a link for each person. Read the
figures as ratios of one run on one machine. All of it takes about six minutes.
"""

import argparse
import contextlib
import multiprocessing
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import crowd
import peers
from crowd import Measurement
from slow_line import slow_line

ROUND_TRIP = 0.050
TARGETS = {"smtp-source": 0.16, "nodemailer": 1.5, "mailmerge": 10.0}
"""At least so many times as fast, with the crowd all alike."""
MEMORY = 200
"""MB at the most, however many people there are."""
COPIES = 0.10
"""By how much kept messages may lower the messages a second."""
WITHIN = 0.15
"""By how much the cost of a message may differ between crowds, and latency from what is due."""


@contextlib.contextmanager
def run_sink(*options: str) -> Iterator[int]:
    """Run a server that takes and discards everything; gives its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    words = [peers.find_program("smtp-sink"), *user, *options, f"127.0.0.1:{port}", "1000"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    for _attempt in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise SystemExit("smtp-sink does not answer")


def measure(
    port: int, connections: int, people: int, seats: int = crowd.SEATS, days: int = 90
) -> Measurement:
    """Mail one crowd from a process of its own, so that its memory is its own too."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process,
    ):
        return process.submit(
            crowd.run, Path(folder), port, connections, people, seats, days
        ).result()


def measure_crowds(sizes: list[int], connections: int) -> list[Measurement]:
    """Measure ourselves with each crowd, and print it."""
    print(f"{'people':>9}{'messages/s':>12}{'CPU us each':>13}{'peak MB':>9}")
    results = []
    with run_sink() as port:
        for people in sizes:
            result = measure(port, connections, people)
            print(
                f"{people:9,}{result.rate:12,.0f}{result.each:13,.0f}{result.memory:9,.0f}",
                flush=True,
            )
            results.append(result)
    costs = [result.each for result in results]
    apart = max(costs) / min(costs) - 1
    memory = max(result.memory for result in results)
    print(f"cost per message: {verdict(apart <= WITHIN)} ", end="")
    print(f"(at most {WITHIN:.0%} apart: {apart:.0%}); memory: {verdict(memory < MEMORY)}\n")
    return results


def compare_with_peers(messages: int, connections: int) -> None:
    """Measure the others and ourselves in turn, against one server, and print the ratios."""
    with tempfile.TemporaryDirectory() as name, run_sink() as port:
        folder = Path(name)
        message = crowd.make_sample(crowd.make_config(folder, port, connections))
        ours = measure(port, connections, messages).rate
        # No peer keeps what it has sent.
        bare = measure(port, connections, messages, days=0).rate
        print(
            f"{'onboarding':14}{ours:8,.0f} messages/s, {len(message):,} bytes each, "
            f"over {connections} connections; {bare:,.0f} without copies"
        )
        trials: dict[str, Callable[[], float]] = {
            "smtp-source": lambda: peers.smtp_source(port, messages, connections, len(message)),
            "nodemailer": lambda: peers.nodemailer(folder, port, messages, connections, message),
            "mailmerge": lambda: peers.mailmerge(folder, port, min(messages, 300), message),
        }
        for peer, trial in trials.items():
            try:
                theirs = trial()
            except peers.Absent as reason:
                print(f"{peer:14}skipped: {reason}")
                continue
            good = verdict(ours / theirs >= TARGETS[peer])
            print(f"{peer:14}{theirs:8,.0f} messages/s: ours is {ours / theirs:.2f} of it ", end="")
            print(f"(at least {TARGETS[peer]:g}: {good}; ", end="")
            print(f"without copies {bare / theirs:.2f})", flush=True)
    print()


def measure_copies(people: int, connections: int, rounds: int = 5) -> None:
    """Measure what kept messages cost, in turn with none kept; the best of each counts."""
    rates: dict[int, list[Measurement]] = {0: [], 90: []}
    with run_sink() as port:
        for _round in range(rounds):
            for days, results in rates.items():
                results.append(measure(port, connections, people, days=days))
    none, kept = (max(result.rate for result in results) for results in rates.values())
    bare, whole = (min(result.each for result in results) for results in rates.values())
    print(f"kept messages: {kept:,.0f} messages/s, {none:,.0f} without them; ", end="")
    print(f"{1 - kept / none:.0%} fewer (at most {COPIES:.0%}: ", end="")
    print(f"{verdict(1 - kept / none <= COPIES)}), {whole / bare - 1:.0%} more processor time\n")


def measure_latency(messages: int, connections: int) -> None:
    """Measure over a slow line, with and without PIPELINING, and print what it had to be."""
    print(f"behind {ROUND_TRIP * 1000:.0f} ms, {connections} connections, one queue of {messages}:")
    for options, words, round_trips in (((), "PIPELINING", 2), (("-p",), "without", 4)):
        with run_sink(*options) as port, slow_line(port, ROUND_TRIP) as slow:
            rate = measure(slow, connections, messages, messages).rate
        due = connections / (round_trips * ROUND_TRIP)
        good = verdict(abs(rate / due - 1) <= WITHIN)
        print(f"{words:>14}: {rate:5.1f} messages/s of {due:.1f} ", end="")
        print(f"({round_trips} round trips): {good}", flush=True)


def verdict(good: bool) -> str:  # noqa: FBT001  -- it is all that the function takes
    """Say whether a target is met."""
    return "met" if good else "MISSED"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--people", type=int, nargs="*", default=[1_000, 10_000, 100_000], help="crowds to mail"
    )
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--no-copies", action="store_true")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-latency", action="store_true")
    given = parser.parse_args()
    try:
        if given.people:
            measure_crowds(given.people, given.connections)
        if not given.no_copies:
            measure_copies(1_000, given.connections)
        if not given.no_peers:
            compare_with_peers(3_000, given.connections)
        if not given.no_latency:
            measure_latency(1_200, given.connections)
    except peers.Absent as reason:
        raise SystemExit(
            f"{reason}: install the package postfix (its daemon need not run)"
        ) from None


if __name__ == "__main__":
    main()
