"""Mailboxes in files: a maildir, or an mbox file.

Another program delivers into them, so they are read as they are found. An mbox is never written; in
a maildir a message of ours is moved to `cur` with the flag for "seen", as a mail program does
(https://cr.yp.to/proto/maildir.html).
"""

import heapq
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from onboarding.errors import ConfigurationError
from onboarding.files.read import check_file
from onboarding.inbox.mailboxes import (
    FIRST_SPAN,
    MESSAGES_AT_ONCE,
    MOST,
    MessageBatch,
    Position,
    StoredMessage,
)
from onboarding.inbox.parts import MAX_BYTES
from onboarding.inbox.settings import KEEP

OVERLAP = 600 * 10**9
"""Nanoseconds: a file may come into the maildir some time after its bytes were written."""

LONGEST_MBOX_LINE = 65_536
SEPARATOR = b"From "
"""How a message begins in an mbox file, after an empty line."""

FIRST_BYTES = 256
"""Bytes of the first line, by which an mbox is recognised as the one that was read before."""


class Maildir:
    """A maildir. A position's `last` is the time of the newest file that was read, in ns."""

    def __init__(self, folder: Path, done: str, now: datetime, limit: int = MAX_BYTES) -> None:
        self._folder = folder
        self._limit = limit
        self._done = done
        self._now = now

    def read(self, position: Position | None) -> Iterator[MessageBatch]:
        """Read the files that came since. Raises ConfigurationError where there is no maildir."""
        last = position.last if position else 0
        found = self._find_files(last)
        for start in range(0, len(found), MESSAGES_AT_ONCE):
            chosen = found[start : start + MESSAGES_AT_ONCE]
            read = [self._read_file(name) for _, name in chosen]
            messages = [message for message in read if message]
            yield MessageBatch(messages, Position(0, max(chosen[-1][0], last)))

    def _find_files(self, last: int) -> list[tuple[int, str]]:
        """Find the files to read after a position, oldest first, with their times."""
        oldest = int((self._now - FIRST_SPAN).timestamp() * 10**9)
        since = last - OVERLAP if last else oldest
        # Without a list of all: the folder may hold a million. What was read before comes last:
        # else so many of them would keep out for ever what came after them.
        chosen = heapq.nsmallest(
            MOST,
            (file for file in self._list_files() if file[0] > since),
            key=lambda file: (file[0] <= last, abs(file[0] - last)),
        )
        return sorted(chosen)

    def find_end(self) -> Position:
        """Find the position of now. Raises ConfigurationError where there is no maildir."""
        self.check()
        return Position(0, int(self._now.timestamp() * 10**9))

    def check(self) -> None:
        """Make sure that there is a maildir. Raises ConfigurationError where there is none."""
        next(self._list_files(), None)

    def _list_files(self) -> Iterator[tuple[int, str]]:
        try:
            for part in ("new", "cur"):
                with os.scandir(self._folder / part) as entries:
                    for entry in entries:
                        if entry.is_file(follow_symlinks=False):
                            yield (
                                entry.stat(follow_symlinks=False).st_mtime_ns,
                                (f"{part}/{entry.name}"),
                            )
        except OSError as error:
            raise unreadable_mailbox(self._folder, error) from None

    def _read_file(self, name: str) -> StoredMessage | None:
        try:
            with (self._folder / name).open("rb") as file:
                return StoredMessage(name, file.read(self._limit))
        except FileNotFoundError:
            # A mail program has moved or removed it since it was listed: then it is read the next
            # time, if it is still there.
            return None
        except OSError as error:
            raise unreadable_mailbox(self._folder / name, error) from None

    def mark_done(self, names: Sequence[str]) -> None:
        """Mark files as seen."""
        if self._done == KEEP:
            return
        for name in names:
            self._mark_seen(self._folder / name)

    def _mark_seen(self, file: Path) -> None:
        base, _, flags = file.name.partition(":2,")
        if "S" in flags:
            return
        target = self._folder / "cur" / f"{base}:2,{''.join(sorted({*flags, 'S'}))}"
        try:
            file.rename(target)
        except FileNotFoundError:
            # A mail program was faster: it is dealt with, and no longer ours to mark.
            return
        except OSError as error:
            raise ConfigurationError(
                f"{file} can't be marked as seen: {error.strerror}.",
                hint='Set [replies] done = "keep", or allow this user to write there.',
            ) from None

    def close(self) -> None:
        """Nothing is open."""


class Mbox:
    """An mbox file. A position's `last` is the byte after the last message that was read."""

    def __init__(self, path: Path, limit: int = MAX_BYTES) -> None:
        self._path = path
        self._limit = limit

    def read(self, position: Position | None) -> Iterator[MessageBatch]:
        """Read what was appended. Raises ConfigurationError where the file can't be read."""
        try:
            # Of any size: it is read from where the last reading ended.
            check_file(self._path, sys.maxsize)
            with self._path.open("rb") as file:
                validity = self._read_validity(file)
                # A mail program that removes messages writes the whole file again, and shorter.
                is_known = (
                    position is not None
                    and position.validity == validity
                    and position.last <= file.seek(0, os.SEEK_END)
                )
                start = position.last if position and is_known else 0
                yield from self._read_batches(file, start, validity)
        except OSError as error:
            raise unreadable_mailbox(self._path, error) from None

    def find_end(self) -> Position:
        """Find the end of the file. Raises ConfigurationError where it can't be read."""
        self.check()
        try:
            with self._path.open("rb") as file:
                validity = self._read_validity(file)
                return Position(validity, file.seek(0, os.SEEK_END))
        except OSError as error:
            raise unreadable_mailbox(self._path, error) from None

    def check(self) -> None:
        """Make sure that it can be read. Raises ConfigurationError where it can't."""
        try:
            check_file(self._path, sys.maxsize)
            with self._path.open("rb") as file:
                self._read_validity(file)
        except OSError as error:
            raise unreadable_mailbox(self._path, error) from None

    def _read_validity(self, file: BinaryIO) -> int:
        """Name the file by its first line. Raises ConfigurationError if that begins no message."""
        first = file.readline(FIRST_BYTES)
        # Read as an mbox, any other file would hold no message, and nothing would ever come back.
        if first.strip() and not first.startswith(SEPARATOR):
            raise ConfigurationError(
                f"The mailbox {self._path} is no mbox: it does not begin with “From ”.",
                hint="Check [replies] mbox. A folder with cur, new and tmp is a maildir.",
            )
        return zlib.crc32(first)

    def _read_batches(self, file: BinaryIO, start: int, validity: int) -> Iterator[MessageBatch]:
        file.seek(start)
        batch: list[StoredMessage] = []
        for count, (content, end) in enumerate(split_mbox(file, self._limit), 1):
            batch.append(StoredMessage(str(end), content))
            if len(batch) == MESSAGES_AT_ONCE or count == MOST:
                yield MessageBatch(batch, Position(validity, end))
                batch = []
            if count == MOST:
                return
        if batch:
            yield MessageBatch(batch, Position(validity, int(batch[-1].name)))

    def mark_done(self, names: Sequence[str]) -> None:
        """Nothing is written to an mbox: another program appends to it."""

    def close(self) -> None:
        """Nothing is open."""


def split_mbox(file: BinaryIO, limit: int = MAX_BYTES) -> Iterator[tuple[bytes, int]]:
    """Split an mbox from where it is: each message's first bytes, and the offset of its end.

    A message at the end without the empty line after it is still being written, and is left.
    """
    content, end, after_empty = bytearray(), file.tell(), True
    is_open = False
    for line in iter(lambda: file.readline(LONGEST_MBOX_LINE), b""):
        if line.startswith(SEPARATOR) and after_empty:
            if is_open:
                yield bytes(content), end
            content, is_open = bytearray(), True
        elif len(content) < limit:
            content += line
        end += len(line)
        after_empty = line in {b"\n", b"\r\n"}
    if is_open and after_empty:
        yield bytes(content), end


def unreadable_mailbox(path: Path, error: OSError) -> ConfigurationError:
    """Make the error for a file that can't be read."""
    return ConfigurationError(
        f"The mailbox {path} can't be read: {error.strerror}.",
        hint="Check [replies] maildir and mbox, and that this user may read it.",
    )
