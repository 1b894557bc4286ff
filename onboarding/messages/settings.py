"""`[brand]` of `config.toml`: who writes, in which colours and language, and how the calendar entry behaves.

Light on purpose (pydantic only): every command reads it. Opens no file; a logo's path is read by
`TemplateSet.load`.
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
"""`#rrggbb` and nothing else: a colour ends up inside style sheets, where any other text could do harm."""


class CalendarMethod(StrEnum):
    """How calendars take the entry (RFC 5546 3.2): added as it is, or as an invitation to be answered."""

    PUBLISH = "publish"
    REQUEST = "request"


class Colours(BaseModel, extra="forbid", frozen=True):
    """The brand's colours, each `#rrggbb`. `button_text` stands on `primary`, `text` on `background` and on white."""

    primary: Colour = "#1f5fbf"
    background: Colour = "#eef1f5"
    text: Colour = "#1c2430"
    button_text: Colour = "#ffffff"


_MAILBOX = re.compile(
    r"""(?:"?(?P<name>[^"<>]*?)"?\s*<(?P<angle>[^<>@\s]+@[^<>@\s]+)>|(?P<bare>[^<>@\s]+@[^<>@\s]+))"""
)


_ADDRESS = re.compile(r"https://[!-~]+")
"""An address as it is sent (RFC 3986): what is beyond ASCII has to be written with `%`, or as `xn--`."""


@lru_cache(maxsize=64)
def _parse_mailbox(mailbox: str) -> tuple[str, str]:
    """Take name and address apart, once, for every letter asks; the address's domain as A-label (RFC 5890)."""
    found = _MAILBOX.fullmatch(mailbox.strip())
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
    return " ".join("".join(" " if one in "@:," else one for one in name).split())


def _one_mailbox(value: str) -> str:
    """Accept `Name <address>` or an address; header injection ends here, in the configuration."""
    _parse_mailbox(value)
    return value


def _one_mailbox_or_none(value: str) -> str:
    return _one_mailbox(value) if value else value


def _https_or_path(value: str) -> str:
    if "://" in value and not value.startswith("https://"):
        raise ValueError(
            "write an address that begins with https://, or the path of a picture file"
        )
    return value


def _https_or_none(value: str) -> str:
    """Accept an address to open in a browser; what else a link could be (`javascript:`) has no place in a letter."""
    parts = urlsplit(value)
    if value and not (parts.scheme == "https" and parts.hostname and _ADDRESS.fullmatch(value)):
        raise ValueError("write an address that begins with https://, without spaces")
    return value


def _one_line(value: str) -> str:
    if value and not value.isprintable():
        raise ValueError("write it on one line, as people dial it")
    return value.strip()


class BrandSettings(BaseModel, extra="forbid", frozen=True):
    """What the company is called, from whom its letters come, and how they look.

    `reply_to` is whom people ask; without it they ask the sender. `logo` is an `https://` address,
    or the path of a PNG, JPEG or GIF file that then travels inside every message. `language` is
    that of templates without a language in their name. `imprint` stands small at a letter's end (in
    some countries the law wants it there). `dial_in` is the telephone number for joining by phone:
    RingCentral gives each person a code, and no number with it. `device_test` is a page where people
    try camera and microphone before they join.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    sender: Annotated[str, AfterValidator(_one_mailbox)]
    reply_to: Annotated[str, AfterValidator(_one_mailbox_or_none)] = ""
    logo: Annotated[str, AfterValidator(_https_or_path)] = ""
    colours: Colours = Colours()
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*$")] = (
        "en"
    )
    imprint: str = ""
    dial_in: Annotated[str, Field(max_length=200), AfterValidator(_one_line)] = ""
    device_test: Annotated[str, Field(max_length=500), AfterValidator(_https_or_none)] = ""
    calendar: CalendarMethod = CalendarMethod.PUBLISH

    @property
    def sender_address(self) -> str:
        """The bare address that letters come from (header and envelope)."""
        return _parse_mailbox(self.sender)[1]

    @property
    def sender_name(self) -> str:
        """The name that letters come from, without `@ : ,`, for which Microsoft's filters take a name as forged."""
        return _safe_name(_parse_mailbox(self.sender)[0] or self.name)

    @property
    def help_address(self) -> str:
        """Whom a person asks."""
        return _parse_mailbox(self.reply_to)[1] if self.reply_to else self.sender_address

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses that may stand in anybody's letter, because they stand in the configuration."""
        in_imprint = re.findall(r"[^\s<>,;]+@[\w.-]*\w", self.imprint)
        return tuple({self.sender_address, self.help_address, *in_imprint})

    @property
    def sender_header(self) -> Address:
        """The `From:` header's one mailbox."""
        return Address(self.sender_name, addr_spec=self.sender_address)

    @property
    def reply_header(self) -> Address:
        """The `Reply-To:` header's one mailbox."""
        return Address(
            _safe_name(_parse_mailbox(self.reply_to)[0]) if self.reply_to else "",
            addr_spec=self.help_address,
        )
