"""The settings `[replies]` and `[smtp.sent]`: where to read what comes back, and how to get in.

Light on purpose, like `smtp.settings`, with which they share the ways to log in.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, model_validator

from onboarding.model.addresses import is_loopback
from onboarding.model.durations import SettingDuration
from onboarding.smtp.host_names import format_host_and_port, validate_host
from onboarding.smtp.settings import (
    GoogleSettings,
    MicrosoftSettings,
    check_log_in,
    parse_command,
    select_auth,
)

IMAP_PORTS = {"tls": 993, "starttls": 143, "none": 143}
SEEN, KEEP = "seen", "keep"
"""What `done` can say besides the name of a folder."""

# No line end and no NUL: the name goes into an IMAP command.
FOLDER_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def validate_folder(name: str) -> str:
    """Accept the name of an IMAP folder. Raises ValueError for one that no command can hold."""
    if not FOLDER_NAME.fullmatch(name):
        raise ValueError("a folder's name has 1 to 200 characters in one line")
    return name


def _parse_place(value: Any) -> Any:
    """Read a path; an empty text is none, so that a variable can take back what config.toml has."""
    return None if value == "" else value


PlaceOrNone = Annotated[Path | None, BeforeValidator(_parse_place)]


class ImapSettings(BaseModel, extra="forbid", frozen=True):
    """A folder of a mailbox that is read by IMAP. Unused without a `host`."""

    section: ClassVar[str]

    host: Annotated[str, AfterValidator(validate_host)] = ""
    port: int = Field(default=IMAP_PORTS["tls"], ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "tls"
    ca_file: Path | None = None
    auth: Literal["password", "xoauth2", "none"] = "none"
    username: str = ""
    password: SecretStr | None = None
    token_command: Annotated[tuple[str, ...], BeforeValidator(parse_command)] = ()
    token_lifetime: float = Field(default=3000.0, gt=0)
    m365: MicrosoftSettings = MicrosoftSettings()
    google: GoogleSettings = GoogleSettings()
    folder: Annotated[str, AfterValidator(validate_folder)] = "INBOX"

    @property
    def host_and_port(self) -> str:
        """Host and port, for messages."""
        return format_host_and_port(self.host, self.port)

    @model_validator(mode="before")
    @classmethod
    def _add_defaults(cls, given: Any) -> Any:
        """Choose port and log-in where the user left them open."""
        if not isinstance(given, dict):
            return given
        filled: dict[str, Any] = {**given}
        filled.setdefault("port", IMAP_PORTS.get(str(filled.get("security")), IMAP_PORTS["tls"]))
        filled.setdefault("auth", select_auth(filled))
        return filled

    @model_validator(mode="after")
    def _check_account(self) -> Self:
        if not self.host:
            return self
        # A mailbox always has an owner: IMAP has no way in without a log-in.
        if self.auth == "none":
            raise ValueError("needs a username: no mailbox can be read without a log-in")
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError(
                f"{self.host} is another machine, so the line has to be encrypted: "
                'set security = "tls" or "starttls"'
            )
        check_log_in(self)
        return self


class RepliesSettings(ImapSettings, extra="forbid", frozen=True):
    """`[replies]`: the mailbox to which bounces and calendar answers come. Unused if empty.

    One of `host` (IMAP), `maildir` and `mbox` says where it is. `done` is what happens to a message
    that was recognised as ours: `seen`, `keep`, or the folder to which it is moved.
    """

    section: ClassVar[str] = "replies"

    done: Annotated[str, AfterValidator(validate_folder)] = SEEN
    maildir: PlaceOrNone = None
    mbox: PlaceOrNone = None

    @property
    def is_configured(self) -> bool:
        """Whether there is a mailbox to read, so that answers are worth asking for."""
        return bool(self.host or self.maildir or self.mbox)

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.username and not self.is_configured:
            raise ValueError("names no mailbox: give host, maildir or mbox")
        if _count_given({"host": self.host, "maildir": self.maildir, "mbox": self.mbox}) > 1:
            raise ValueError("leave one of host, maildir and mbox: they name the same mailbox")
        # Other programs write to these files too; a folder is IMAP's.
        if (self.maildir or self.mbox) and self.done not in {SEEN, KEEP}:
            raise ValueError('with maildir or mbox, done is "seen" or "keep"')
        return self


class SentSettings(ImapSettings, extra="forbid", frozen=True):
    """`[smtp.sent]`: where it shows whether the server has a message in doubt. Unused if empty.

    The folder in which the server stores what it sent, or Postfix's `log`. A person is told of a
    message in doubt once it has been so for `wait`.
    """

    section: ClassVar[str] = "smtp.sent"

    folder: Annotated[str, AfterValidator(validate_folder)] = "Sent"
    log: PlaceOrNone = None
    wait: SettingDuration = timedelta(minutes=10)

    @property
    def is_configured(self) -> bool:
        """Whether there is a place to look for evidence."""
        return bool(self.host or self.log)

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.username and not self.is_configured:
            raise ValueError("names no place to look: give host or log")
        if _count_given({"host": self.host, "log": self.log}) > 1:
            raise ValueError("leave one of host and log")
        return self


def _count_given(places: Mapping[str, Any]) -> int:
    return sum(bool(place) for place in places.values())
