"""`[brand]` of `config.toml`: the sender, colours, language, and the kind of calendar entry.

Every command reads it, so this module imports pydantic and nothing heavier. Opens no file: a logo's
path is read by `load`.
"""

import re
from email.headerregistry import Address
from enum import StrEnum
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from onboarding.model.addresses import encode_domain

Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")]
"""`#rrggbb` and nothing else: it goes into style sheets, where any other text could do harm."""


class CalendarMethod(StrEnum):
    """How calendars treat the entry (RFC 5546 3.2): as an event, or as an invitation to answer."""

    PUBLISH = "publish"
    REQUEST = "request"


class Colours(BaseModel, extra="forbid", frozen=True):
    """The brand's colours.

    `button_text` is on `primary`, and `text` on `background` and on white.
    """

    primary: Colour = "#1f5fbf"
    background: Colour = "#eef1f5"
    text: Colour = "#1c2430"
    button_text: Colour = "#ffffff"


# Much narrower than RFC 5322: one mailbox, without comments or quoted local parts. All mail
# programs read what is left in one way.
_MAILBOX = re.compile(
    r"""(?:"?(?P<name>[^"<>]*?)"?\s*<(?P<angle>[^<>@\s]+@[^<>@\s]+)>|(?P<bare>[^<>@\s]+@[^<>@\s]+))"""
)


_HTTPS_ADDRESS = re.compile(r"https://[!-~]+")
"""An address as it is sent (RFC 3986): ASCII only, with `%` and `xn--` for all else."""


@lru_cache(maxsize=64)
def _parse_mailbox(mailbox: str) -> tuple[str, str]:
    """Split name and address; the address's domain becomes an A-label (RFC 5890).

    Remembered, because every message needs it.
    """
    found = _MAILBOX.fullmatch(mailbox.strip())
    # A line break in it would begin a header field of its own.
    if not found or not mailbox.isprintable():
        raise ValueError('write it as "Name <address@example.com>" or "address@example.com"')
    local, _at, domain = (found["angle"] or found["bare"]).partition("@")
    if not local.isascii():
        raise ValueError(
            "the address needs plain letters (a to z) before its @, or many servers refuse it"
        )
    return (found["name"] or "").strip(), f"{local}@{encode_domain(domain)}"


@lru_cache(maxsize=64)
def _safe_name(name: str) -> str:
    # Spaces in their place, so that the words on both sides don't run together.
    return " ".join(re.sub("[@:,]", " ", name).split())


def _check_mailbox(value: str) -> str:
    """Accept `Name <address>` or an address, on one line: it goes into the message's header."""
    _parse_mailbox(value)
    return value


def _check_optional_mailbox(value: str) -> str:
    return _check_mailbox(value) if value else value


def _check_logo(value: str) -> str:
    if "://" in value and not value.startswith("https://"):
        raise ValueError(
            "write an address that begins with https://, or the path of a picture file"
        )
    return value


def _check_https(value: str) -> str:
    """Accept an address to open in a browser, and no other kind of link, like `javascript:`."""
    parts = urlsplit(value)
    if value and not (
        parts.scheme == "https" and parts.hostname and _HTTPS_ADDRESS.fullmatch(value)
    ):
        raise ValueError("write an address that begins with https://, without spaces")
    return value


def _check_one_line(value: str) -> str:
    if value and not value.isprintable():
        raise ValueError("write it on one line, as people dial it")
    return value.strip()


class BrandSettings(BaseModel, extra="forbid", frozen=True):
    """The company's name, the sender of its messages, and how they look.

    `reply_to` is the address for questions; without it, people ask the sender. Calendars show
    `organizer`, and send answers there; without it, it is the sender. `logo` is an
    `https://` address, or the path of a PNG, JPEG or GIF file that is put into every message.
    `language` is that of templates without a language in their name. `imprint` is printed small at
    the end of a message (some countries' law requires it). `dial_in` is the telephone number for
    joining by phone: RingCentral gives each person a code, but no number. `device_test` is a page
    where people try camera and microphone before they join.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    sender: Annotated[str, AfterValidator(_check_mailbox)]
    reply_to: Annotated[str, AfterValidator(_check_optional_mailbox)] = ""
    organizer: Annotated[str, AfterValidator(_check_optional_mailbox)] = ""
    logo: Annotated[str, AfterValidator(_check_logo)] = ""
    colours: Colours = Colours()
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*$")] = (
        "en"
    )
    imprint: str = ""
    dial_in: Annotated[str, Field(max_length=200), AfterValidator(_check_one_line)] = ""
    device_test: Annotated[str, Field(max_length=500), AfterValidator(_check_https)] = ""
    calendar: CalendarMethod = CalendarMethod.REQUEST

    @property
    def sender_address(self) -> str:
        """The sender's bare address (header and envelope)."""
        return _parse_mailbox(self.sender)[1]

    @property
    def sender_name(self) -> str:
        """The sender's name, without `@ : ,`: with them, Microsoft's filters think it is forged."""
        return _safe_name(_parse_mailbox(self.sender)[0] or self.name)

    @property
    def help_address(self) -> str:
        """The address for questions."""
        return _parse_mailbox(self.reply_to)[1] if self.reply_to else self.sender_address

    @property
    def organizer_address(self) -> str:
        """The bare address of the calendar entries' organizer."""
        return _parse_mailbox(self.organizer)[1] if self.organizer else self.sender_address

    @property
    def organizer_name(self) -> str:
        """The name of the calendar entries' organizer."""
        if not self.organizer:
            return self.sender_name
        return _safe_name(_parse_mailbox(self.organizer)[0] or self.name)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses that any message may contain, because they are in the configuration."""
        # The imprint stands in every message, so its addresses must not stop one.
        in_imprint = re.findall(r"[^\s<>,;]+@[\w.-]*\w", self.imprint)
        return tuple({self.sender_address, self.help_address, self.organizer_address, *in_imprint})

    @property
    def sender_header(self) -> Address:
        """The `From:` header's one mailbox."""
        return Address(self.sender_name, addr_spec=self.sender_address)

    @property
    def reply_header(self) -> Address:
        """The `Reply-To:` header's one mailbox."""
        name = _parse_mailbox(self.reply_to)[0] if self.reply_to else ""
        return Address(_safe_name(name), addr_spec=self.help_address)
