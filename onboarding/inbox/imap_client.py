"""The line to an IMAP server, with limits on the time and the bytes of each answer.

The library waits for each piece of an answer by itself, and keeps all that comes. A server that
drips a byte now and then, or that never ends, would hold a run for ever or fill the machine's
memory. Here an answer that is too long or takes too long is an `OSError`, and a stop signal ends
the wait for one. Knows no commands: `imap` does.
"""

import imaplib
import io
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from imap_tools import BaseMailBox
from imap_tools.errors import MailboxStarttlsError
from imap_tools.utils import check_command_status

from onboarding.inbox.settings import ImapSettings
from onboarding.interrupt import stop_error

SILENCE = 60.0
"""Seconds to connect, and without a byte."""

ANSWER_SECONDS = 300.0
"""For an answer as a whole: some megabytes of messages over a slow line."""

READING_SECONDS = 600.0
"""For all of a reading: the webinars wait for it, and what is left is read the next time."""

ANSWER_BYTES = 16 * 1024 * 1024
"""Of an answer, beside the messages that were asked for."""

LONGEST_LINE = 1024 * 1024
"""Bytes of a line of an answer: a thousand UIDs need eleven thousand."""

_HUGE_LITERAL = re.compile(rb"\{\d{10,}\+?\}\s*\Z")
"""At the end of a line, how many bytes follow (RFC 9051 4.3); a longer number Python can't read."""

LOOK = 0.5
"""Seconds after which a wait looks for a stop signal."""


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """What an answer may take. `is_stopped` tells whether a stop signal has come.

    After `reading` seconds no further part of a folder is read.
    """

    most_bytes: int = ANSWER_BYTES
    seconds: float = ANSWER_SECONDS
    silence: float = SILENCE
    reading: float = READING_SECONDS
    is_stopped: Callable[[], bool] = lambda: False


class _AnswerReader(io.RawIOBase):
    """Reads from a socket within the limits. `begin` is called before each answer."""

    def __init__(self, line: socket.socket, limits: AnswerLimits) -> None:
        self._line = line
        self._limits = limits
        self.begin()

    def begin(self) -> None:
        """Count from here on."""
        self.left = self._limits.most_bytes
        self._end = monotonic() + self._limits.seconds

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read what is there, at least a byte. Raises OSError, or Interrupted after a signal."""
        count = self._wait_for_bytes(buffer)
        self.left -= count
        if self.left < 0:
            raise OSError("the answer is too large")
        return count

    def _wait_for_bytes(self, buffer: memoryview) -> int:
        silent_at = monotonic() + self._limits.silence
        while monotonic() < min(self._end, silent_at):
            if self._limits.is_stopped():
                raise stop_error()
            # In short waits, because nothing else could end one: this runs in a thread.
            self._line.settimeout(LOOK)
            try:
                return self._line.recv_into(buffer)
            except TimeoutError:
                continue
            finally:
                # For what is done with the line besides: sending, and beginning TLS.
                self._line.settimeout(self._limits.silence)
        raise TimeoutError("the answer takes too long")


class _LimitedReading(imaplib.IMAP4):
    """The library's client, with its reading replaced: documented methods that may be."""

    limits: AnswerLimits
    _reader: _AnswerReader | None = None
    _read_from: socket.socket | None = None
    _buffered: io.BufferedReader

    def read(self, size: int) -> bytes:
        """Read the bytes of a literal. Raises OSError for one that is too large."""
        # Looked at first: the memory for all of it would be taken at once.
        if size > self._source().left:
            raise OSError("the answer is too large")
        return self._buffered.read(size)

    def readline(self) -> bytes:
        """Read a line. Raises OSError for one that is too long, or announces too much."""
        self._source()
        line = self._buffered.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE or _HUGE_LITERAL.search(line):
            raise OSError("the answer is too large")
        return line

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """Send a command: what comes from here on is its answer."""
        self._source().begin()
        super().send(data)

    def _source(self) -> _AnswerReader:
        # STARTTLS puts another socket in its place. What was sent before it must not count.
        if self._reader is None or self._read_from is not self.sock:
            self._read_from, self._reader = self.sock, _AnswerReader(self.sock, self.limits)
            self._buffered = io.BufferedReader(self._reader)
        return self._reader


class _PlainClient(_LimitedReading):
    def __init__(self, host: str, port: int, limits: AnswerLimits) -> None:
        self.limits = limits
        super().__init__(host, port, limits.silence)


class _TlsClient(_LimitedReading, imaplib.IMAP4_SSL):
    def __init__(
        self, host: str, port: int, limits: AnswerLimits, context: ssl.SSLContext | None
    ) -> None:
        self.limits = limits
        imaplib.IMAP4_SSL.__init__(self, host, port, ssl_context=context, timeout=limits.silence)


class LimitedMailBox(BaseMailBox):  # type: ignore[misc]  # imap-tools has no types
    """A mailbox of imap-tools, over a line with limits; encrypted as the settings say."""

    def __init__(
        self, settings: ImapSettings, context: ssl.SSLContext | None, limits: AnswerLimits
    ) -> None:
        self._settings = settings
        self._context = context
        self._limits = limits
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        host, port, security = self._settings.host, self._settings.port, self._settings.security
        if security == "tls":
            return _TlsClient(host, port, self._limits, self._context)
        client = _PlainClient(host, port, self._limits)
        if security == "starttls":
            check_command_status(client.starttls(self._context), MailboxStarttlsError)
        return client
