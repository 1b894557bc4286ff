"""A folder of a mailbox, by IMAP (RFC 9051, and RFC 3501 before it).

imap-tools and the standard library talk to the server; all of it blocks. Messages are read without
marking them (`BODY.PEEK`, and EXAMINE in place of SELECT), in part, and in windows of UIDs, so that
no answer of the server grows with its folder.
"""

import asyncio
import imaplib
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any, TypeGuard, TypeVar

from imap_tools import BaseMailBox
from imap_tools.errors import (
    ImapToolsError,
    MailboxLoginError,
    UnexpectedCommandStatusError,
)
from imap_tools.utils import encode_folder

from onboarding.errors import ConfigurationError, Interrupted, OnboardingError, Refused, TryLater
from onboarding.inbox.imap_client import AnswerLimits, LimitedMailBox
from onboarding.inbox.mailboxes import (
    FIRST_SPAN,
    MESSAGES_AT_ONCE,
    MOST,
    MessageBatch,
    Position,
    StoredMessage,
)
from onboarding.inbox.parts import MAX_BYTES, parse_incoming, read_message_ids
from onboarding.inbox.settings import KEEP, SEEN, ImapSettings
from onboarding.interrupt import wait_unless_stopped
from onboarding.model.foreign_text import clean
from onboarding.model.known_secrets import Secrets
from onboarding.smtp.connect import build_tls_context
from onboarding.smtp.oauth import select_token_source

WINDOW = 1000
"""UIDs that are asked for at a time."""

MOST_WINDOWS = 500
"""In one reading: UIDs have gaps, and there may be nothing in a window."""

FIRST_READ = 20_000
"""UIDs that the first reading looks back at most, besides `FIRST_SPAN`."""

READ_LATER_HINT = "Nothing is lost: it is read the next time."
_FAULTS = (ImapToolsError, imaplib.IMAP4.error, OSError, ValueError)
"""What talking to the server can raise. `ssl.SSLError` is an OSError.

A ValueError is raised for what the library can't put into bytes, or can't read from them.
"""

T = TypeVar("T")
_RESPONSE_CODE = re.compile(r"^\[[^\]]*\]\s*")
"""What programs read at the beginning of an answer, such as `[CANNOT]` (RFC 9051 7.1)."""
# A UID has 32 bits (RFC 9051 2.3.1.1), and Python reads no number of thousands of digits.
_UID = re.compile(rb"UID (\d{1,10})(?!\d)")
_NUMBER = re.compile(rb"\d{1,10}")
_QUOTABLE = re.compile(r"<[!#-\[\]-~]{1,900}>")
"""What may stand between the quotes of a search: no quote, no backslash, no line end."""


async def load_secret(settings: ImapSettings) -> str:
    """Load the password, or fetch a token. Raises ConfigurationError where it is missing."""
    if settings.auth == "xoauth2":
        token = await select_token_source(settings)()
        return token.value.get_secret_value()
    if settings.password is None:
        variable = f"ONBOARDING_{settings.section.upper().replace('.', '__')}__PASSWORD"
        raise ConfigurationError(
            f"The password of {settings.username} for the mailbox at {settings.host} is missing.",
            hint=f"Set {variable}, or put a file of that name into the secrets folder.",
        )
    return settings.password.get_secret_value()


class ImapFolder:
    """An open folder. A position's `last` is a UID, its `validity` the folder's UIDVALIDITY."""

    def __init__(
        self,
        settings: ImapSettings,
        secret: str,
        done: str,
        now: datetime,
        limit: int = MAX_BYTES,
        limits: AnswerLimits | None = None,
    ) -> None:
        self._settings = settings
        self._limit = limit
        self._done = done
        self._now = now
        self._secrets = Secrets.of(secret)
        # Before the connection: it names a certificate file that can't be read.
        context = build_tls_context(settings)
        self._limits = limits or AnswerLimits()
        # One answer brings so many messages.
        most = self._limits.most_bytes + MESSAGES_AT_ONCE * limit
        room = replace(self._limits, most_bytes=most)
        self._box: BaseMailBox = self._call(lambda: LimitedMailBox(settings, context, room))
        try:
            self._call(lambda: log_in(self._box, settings, secret))
            # Asked again: most servers say only after the log-in what they can do.
            self._capabilities = self._list_capabilities()
        except OnboardingError:
            self.close()
            raise

    def _list_capabilities(self) -> list[bytes]:
        # The library gives None for a server that says yes and lists none.
        answer = self._call(self._box.client.capability)[1]
        return b" ".join(part for part in answer if isinstance(part, bytes)).upper().split()

    def read(self, position: Position | None) -> Iterator[MessageBatch]:
        """Read what came since. Raises TryLater, Refused or ConfigurationError where it fails."""
        self._select(readonly=True)
        validity, following = self._read_number("UIDVALIDITY"), self._read_number("UIDNEXT")
        is_known = position is not None and position.validity == validity
        last = position.last if position and is_known else max(0, following - 1 - FIRST_READ)
        criteria = "" if is_known else f" SINCE {self._now - FIRST_SPAN:%d-%b-%Y}"
        count, end = 0, monotonic() + self._limits.reading
        for _ in range(MOST_WINDOWS):
            if last + 1 >= following or count >= MOST or monotonic() >= end:
                return
            high = min(last + WINDOW, following - 1)
            uids = [uid for uid in self._search(last + 1, high, criteria) if last < uid <= high]
            count += len(uids)
            yield from self._read_uids(uids, validity)
            last = high
            # Also after an empty window, or a long gap would be looked through each time.
            yield MessageBatch((), Position(validity, last))

    def _read_uids(self, uids: Sequence[int], validity: int) -> Iterator[MessageBatch]:
        for start in range(0, len(uids), MESSAGES_AT_ONCE):
            chosen = uids[start : start + MESSAGES_AT_ONCE]
            yield MessageBatch(self._fetch(chosen), Position(validity, chosen[-1]))

    def find_message(self, message_id: str) -> bool:
        """Whether the folder holds the message with a Message-ID, compared as a whole."""
        if not _QUOTABLE.fullmatch(message_id):
            return False
        found = self._command("SEARCH", f'HEADER Message-ID "{message_id}"')
        # The server finds parts of it too (RFC 9051 6.4.4), so each is looked at.
        for uid in _parse_uids(found)[:MESSAGES_AT_ONCE]:
            header = self._command("FETCH", str(uid), "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
            for _, content in _list_literals(header):
                if message_id in read_message_ids(parse_incoming(content), "Message-ID"):
                    return True
        return False

    def find_end(self) -> Position:
        """Find the position after the newest message. Raises what `read` raises."""
        self._select(readonly=True)
        return Position(self._read_number("UIDVALIDITY"), self._read_number("UIDNEXT") - 1)

    def check(self) -> None:
        """Open the folder, as `find_message` needs it. Raises OnboardingError where that fails."""
        self._select(readonly=True)
        if self._moves and not self._call(lambda: self._box.folder.exists(self._done)):
            raise self._make_target_error("it does not exist")

    def mark_done(self, names: Sequence[str]) -> None:
        """Mark messages as seen, or move them to the folder for what is done."""
        if self._done == KEEP or not names:
            return
        self._select(readonly=False)
        uids = ",".join(names)
        if self._done == SEEN:
            self._command("STORE", uids, "+FLAGS.SILENT", r"(\Seen)")
        elif b"MOVE" in self._capabilities:
            self._bring_to_target("MOVE", uids)
        else:
            self._copy_and_delete(uids)

    @property
    def _moves(self) -> bool:
        return self._done not in {SEEN, KEEP}

    def _bring_to_target(self, command: str, uids: str) -> None:
        """Move or copy messages. A server that says no has no such folder, or lets us not in."""
        try:
            self._send(command, uids, encode_folder(self._done))
        except imaplib.IMAP4.abort as error:
            raise self._translate(error) from None
        except imaplib.IMAP4.error as error:
            raise self._make_target_error(self._clean(error)) from None
        except (OSError, ValueError) as error:
            raise self._translate(error) from None

    def _make_target_error(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"Messages can't be moved to the folder {self._done} of {self._settings.username}: "
            f"{why}.",
            hint=f"Create that folder, or correct [{self._settings.section}] done.",
        )

    def _copy_and_delete(self, uids: str) -> None:
        self._bring_to_target("COPY", uids)
        self._command("STORE", uids, "+FLAGS.SILENT", r"(\Deleted)")
        # Without UIDPLUS (RFC 4315), EXPUNGE would remove what other programs have marked too.
        if b"UIDPLUS" in self._capabilities:
            self._command("EXPUNGE", uids)

    def close(self) -> None:
        """Log out. The server may be gone already: nothing is lost by that."""
        with suppress(*_FAULTS, Interrupted):
            self._box.logout()
        # The library leaves the line open where the server does not answer that.
        with suppress(OSError):
            self._box.client.shutdown()

    def _select(self, *, readonly: bool) -> None:
        folder = self._settings.folder
        try:
            self._box.folder.set(folder, readonly=readonly)
        except ImapToolsError as error:
            raise ConfigurationError(
                f"The folder {folder} of {self._settings.username} can't be opened: "
                f"{self._clean(error)}.",
                hint=f"Check [{self._settings.section}] folder.",
            ) from None
        except _FAULTS as error:
            raise self._translate(error) from None

    def _read_number(self, name: str) -> int:
        """Read a number that the server gave as it opened the folder (RFC 9051 6.3.2)."""
        _, found = self._box.client.response(name)
        if found and found[0] and _NUMBER.fullmatch(found[0]):
            return int(found[0])
        raise TryLater(
            f"The server {self._settings.host_and_port} gives no {name} for the folder "
            f"{self._settings.folder}.",
            hint="It is not a mailbox server that this program can read from.",
        )

    def _search(self, low: int, high: int, criteria: str) -> list[int]:
        return sorted(_parse_uids(self._command("SEARCH", f"UID {low}:{high}{criteria}")))

    def _fetch(self, uids: Sequence[int]) -> list[StoredMessage]:
        listed = ",".join(map(str, uids))
        answer = self._command("FETCH", listed, f"(UID BODY.PEEK[]<0.{self._limit}>)")
        return [
            StoredMessage(str(uid), content[: self._limit])
            for uid, content in _list_literals(answer)
            # Not what the server tells unasked.
            if uid in uids
        ]

    def _command(self, name: str, *arguments: Any) -> list[Any]:
        return self._call(lambda: self._send(name, *arguments))

    def _send(self, name: str, *arguments: Any) -> list[Any]:
        kind, answer = self._box.client.uid(name, *arguments)
        if kind != "OK":
            raise imaplib.IMAP4.error(
                f"{name} was answered with {kind} {read_refusal_words(answer)}".strip()
            )
        return list(answer)

    def _call(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except _FAULTS as error:
            raise self._translate(error) from None

    def _translate(self, error: Exception) -> OnboardingError:
        return imap_error(error, self._settings, self._secrets)

    def _clean(self, error: Exception) -> str:
        said = read_refusal_words(error.command_result[1]) if _has_result(error) else str(error)
        return clean(said, self._secrets)[:200].rstrip(".")


def log_in(box: BaseMailBox, settings: ImapSettings, secret: str) -> None:
    """Log in, and open no folder yet. Raises what the library raises."""
    if settings.auth == "xoauth2":
        box.xoauth2(settings.username, secret, initial_folder=None)
    elif "AUTH=PLAIN" in box.client.capabilities:
        # LOGIN knows ASCII only (RFC 9051 6.2.3).
        box.login_utf8(settings.username, secret, initial_folder=None)
    else:
        box.login(settings.username, secret, initial_folder=None)


def _has_result(error: Exception) -> TypeGuard[UnexpectedCommandStatusError]:
    return isinstance(error, UnexpectedCommandStatusError)


def read_refusal_words(answer: Sequence[Any]) -> str:
    """Read what a server says as it refuses a command, without the code before its words."""
    found = b" ".join(part for part in answer if isinstance(part, bytes))
    return _RESPONSE_CODE.sub("", found.decode("utf-8", "replace")).strip()


def imap_error(error: Exception, settings: ImapSettings, secrets: Secrets) -> OnboardingError:
    """Make what the library raised into the error that a person reads."""
    if isinstance(error, OSError | imaplib.IMAP4.abort):
        return _network_error(error, settings)
    if isinstance(error, ValueError):
        return _unreadable_error(error, settings)
    words = clean(str(error), secrets)[:200].rstrip(".")
    is_log_in = "AUTHENTICAT" in str(error).upper()
    if isinstance(error, MailboxLoginError) or is_log_in:
        return Refused(
            f"The mailbox server {settings.host_and_port} refuses the log-in of "
            f"{settings.username}: {words}.",
            hint=f"Check [{settings.section}] username, and its password or token.",
        )
    message = f"The mailbox server {settings.host_and_port} refuses: {words}."
    return TryLater(message, hint=READ_LATER_HINT)


def _network_error(error: Exception, settings: ImapSettings) -> OnboardingError:
    server, section = settings.host_and_port, settings.section
    match error:
        # The order matters: this one is an `SSLError` too.
        case ssl.SSLCertVerificationError():
            why = clean(error.verify_message).rstrip(".")
            message = f"The certificate of {server} can't be trusted: {why}."
            return Refused(message, hint=f"Check [{section}] host and ca_file.")
        case ssl.SSLError():
            message = f"{server} does not begin an encrypted connection."
            return Refused(message, hint=f"Check [{section}] security and port.")
        case socket.gaierror():
            message = f"The mailbox server {settings.host} is not known here."
            return TryLater(message, hint=READ_LATER_HINT)
        case _:
            message = f"The mailbox server {server} can't be reached, or closed the connection."
            return TryLater(
                message, hint=f"{READ_LATER_HINT} Check [{section}] host, port and security."
            )


def _unreadable_error(error: ValueError, settings: ImapSettings) -> OnboardingError:
    # Its own words are left out: they may quote a character of the password.
    server = settings.host_and_port
    if isinstance(error, UnicodeEncodeError):
        return Refused(
            f"The mailbox server {server} takes a user name and a password in ASCII only.",
            hint=f"Change the password, or check [{settings.section}] username.",
        )
    return TryLater(
        f"The mailbox server {server} gives an answer that can't be read.", hint=READ_LATER_HINT
    )


def _parse_uids(answer: Sequence[Any]) -> list[int]:
    words = b" ".join(part for part in answer if isinstance(part, bytes)).split()
    return [int(word) for word in words if _NUMBER.fullmatch(word)]


def _list_literals(answer: Sequence[Any]) -> Iterator[tuple[int, bytes]]:
    """Yield the UID and the bytes of each message in an answer to FETCH."""
    for place, line in enumerate(answer):
        # A tuple is what stands before the bytes, and the bytes.
        if not isinstance(line, tuple):
            continue
        # The UID stands before them or after them, as the server likes.
        rest = answer[place + 1] if place + 1 < len(answer) else b""
        found = _UID.search(line[0]) or _UID.search(rest if isinstance(rest, bytes) else b"")
        yield (int(found[1]) if found else 0), line[1]


async def open_imap(
    settings: ImapSettings,
    done: str,
    now: datetime,
    stop: asyncio.Event,
    limit: int = MAX_BYTES,
) -> ImapFolder:
    """Connect and log in, in a thread. Raises TryLater, Refused or ConfigurationError.

    Once `stop` is set, what waits for the server or a token raises Interrupted.
    """
    secret = await wait_unless_stopped(stop, load_secret(settings))
    limits = AnswerLimits(is_stopped=stop.is_set)
    return await asyncio.to_thread(ImapFolder, settings, secret, done, now, limit, limits)
