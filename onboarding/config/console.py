"""`[console]` of config.toml: where the web pages listen, and who may see and do what.

Checks the form of each value only. Whether the values fit together is checked when the console
starts (`console.start`): a mistake here must not stop a run that cron starts.
"""

import ipaddress
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr

LOOPBACK_HOST = "127.0.0.1"

USER_NAME = r"^[a-z0-9]+(_[a-z0-9]+)*$"
"""No hyphen and no two underscores: the name is a part of its password's variable."""


ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
"""The address of a site without a path. A host with other letters is written as its A-label."""


class ConsoleRole(StrEnum):
    """What a user of the console may do. An approver may do all that a viewer may."""

    VIEWER = "viewer"
    APPROVER = "approver"


class ConsoleUser(BaseModel, extra="forbid", frozen=True):
    """`[console.users.NAME]`: one person, by the name that history shows.

    Without `webinars` the person sees all of them. `password_hash` is Argon2's text, as
    `onboarding console-password` prints it. The console starts only if each user has a role and a
    hash; other commands do not ask, so that a secret which is left of a former user stops no run.
    """

    role: ConsoleRole | None = None
    webinars: tuple[str, ...] = ()
    password_hash: SecretStr | None = None


def _check_network(value: str) -> str:
    # No names: a proxy is believed by its address, and a name would have to be looked up.
    try:
        return str(ipaddress.ip_network(value.strip()))
    except ValueError:
        raise ValueError('write an address or a network, such as "127.0.0.1"') from None


def _check_public_url(value: str) -> str:
    """Accept the origin of a page, without a path. Raises ValueError for all else."""
    if not value:
        return ""
    origin = value.lower().removesuffix("/")
    if not ORIGIN.fullmatch(origin):
        raise ValueError('write it as "https://console.example.com", without a path')
    # As browsers write it in Host and Origin: the scheme's own port is left out (RFC 6454 6.2).
    usual = ":443" if origin.startswith("https:") else ":80"
    return origin.removesuffix(usual)


class ConsoleSettings(BaseModel, extra="forbid", frozen=True):
    """Where the console listens: on this machine only, unless TLS and users are configured.

    `public_url` is how browsers reach it through a reverse proxy; `forwarded_from` are the proxy's
    addresses: what it says about the client's address counts.
    """

    host: Annotated[str, Field(min_length=1)] = LOOPBACK_HOST
    port: Annotated[int, Field(ge=0, le=65535)] = 8040
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    public_url: Annotated[str, AfterValidator(_check_public_url)] = ""
    forwarded_from: tuple[Annotated[str, AfterValidator(_check_network)], ...] = ()
    users: dict[Annotated[str, Field(pattern=USER_NAME, max_length=64)], ConsoleUser] = {}
