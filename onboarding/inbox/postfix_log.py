"""Finds in Postfix's log whether it has taken a message.

Evidence is a line that only a message in its queue gets: `qmgr` has it active, or a delivery agent
tells its status. The line of `cleanup` says no more than which queue id belongs to a Message-ID: it
is written before the final dot (Postfix's `cleanup(8)`), so alone it is none.
"""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from onboarding.errors import ConfigurationError
from onboarding.files.read import check_file

TAIL = 256 * 1024 * 1024
"""Bytes of the log that are read, from its end: a message in doubt is hours old, not weeks."""

LONGEST_LOG_LINE = 4096

# Anchored at the process's own tag: what follows it may hold what a client said.
_LINE_TAG = rb"^[^\[\]]{0,200}/(\w+)\[\d+\]: ([0-9A-Za-z]{5,30}): "
_CLEANUP = re.compile(rb"^(?:resent-)?message-id=(<[^\r\n]{1,998}>)\s*$")
_ACTIVE = re.compile(rb"^from=<.*\(queue active\)\s*$")
_STATUS = re.compile(rb"^to=<.*\bstatus=(?:sent|deferred|bounced|expired) \(")
_LINE = re.compile(_LINE_TAG + rb"(.*)$", re.DOTALL)


def find_logged(log: Path, message_ids: Collection[str]) -> set[str]:
    """Find the messages that Postfix has had in its queue, by Message-ID.

    Looks into the log before the last rotation, too. Raises ConfigurationError where the log can't
    be read.
    """
    wanted = frozenset(message_ids)
    queue: dict[bytes, str] = {}
    found: set[str] = set()
    for file in (log.with_name(f"{log.name}.1"), log):
        if file == log or file.exists():
            for line in _read_lines(file):
                _read_line(line, wanted, queue, found)
    return found


def _read_line(
    line: bytes, wanted: Collection[str], queue: dict[bytes, str], found: set[str]
) -> None:
    """Note what a line ties together or proves."""
    match = _LINE.match(line)
    if match is None:
        return
    service, queue_id, words = match.groups()
    if service == b"cleanup":
        if tied := _CLEANUP.match(words):
            # Also for a message of others: short queue ids are used again.
            queue[queue_id] = tied[1].decode("utf-8", "replace")
            if queue[queue_id] not in wanted:
                del queue[queue_id]
        return
    is_proof = _ACTIVE.match(words) if service == b"qmgr" else _STATUS.match(words)
    if is_proof and queue_id in queue:
        found.add(queue[queue_id])


def _read_lines(log: Path) -> Iterator[bytes]:
    try:
        check_file(log, 2**62)
        with log.open("rb") as file:
            _seek_tail(file)
            yield from iter(lambda: file.readline(LONGEST_LOG_LINE), b"")
    except OSError as error:
        raise ConfigurationError(
            f"The mail server's log {log} can't be read: {error.strerror}.",
            hint="Check [smtp.sent] log, and that this user may read it (group adm on Debian).",
        ) from None


def _seek_tail(file: BinaryIO) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL))
