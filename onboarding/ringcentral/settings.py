"""Which RingCentral server, and which credentials.

Light on purpose: the configuration is read by commands that never make a call. The three
credentials come from the vendor's own variables or a secrets folder, never from `config.toml`;
`config` sees to that.
"""

from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, SecretStr

from onboarding.model.addresses import DNS_LABELS, encode_domain, is_loopback
from onboarding.model.durations import SettingDuration

SHORTEST_LIST_EVERY, LONGEST_LIST_EVERY = timedelta(minutes=5), timedelta(days=7)

EXAMPLE = "https://platform.ringcentral.com"


def _validate_server(server: str) -> str:
    """Reduce an address to scheme, host and port, lower case: a ledger's rows hold this text."""
    parts = _split_server(server.strip())
    host = parts.hostname or ""
    # No user and password before the host: the address is stored in the ledger, and shown.
    if "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"give scheme, host and port only, such as {EXAMPLE}")
    if not _is_port(parts):
        raise ValueError(f"the port has to be a number from 1 to 65535, as in {EXAMPLE}:443")
    if not _can_be_looked_up(host):
        raise ValueError(f"the host is none that can be looked up; write it as {EXAMPLE}")
    # The client secret, the JWT and all join links would cross the network in the clear.
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("plain http is for this machine only (the simulator); use https")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _validate_list_every(every: timedelta) -> timedelta:
    """Keep it between the time of a few runs and a week: beyond that it protects no person."""
    if not SHORTEST_LIST_EVERY <= every <= LONGEST_LIST_EVERY:
        raise ValueError('a time from "5m" to "168h" is needed')
    return every


def _split_server(server: str) -> SplitResult:
    """Split a web address. Raises ValueError if it is none."""
    try:
        parts = urlsplit(server)
        host = parts.hostname
    except ValueError:
        raise ValueError(f"write it as {EXAMPLE}") from None
    if parts.scheme not in {"https", "http"} or not host:
        raise ValueError(f"write it as {EXAMPLE}")
    return parts


def _is_port(parts: SplitResult) -> bool:
    """Whether the port can be used: none means the scheme's own, a colon alone is wrong."""
    try:
        return parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        return False


def _can_be_looked_up(host: str) -> bool:
    """Whether a host is an IP address, or a name of DNS in any script (RFC 1123 2.1, RFC 5891)."""
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        # An address with a zone (`fe80::1%eth0`) means something on this machine only.
        return "%" not in host
    try:
        name = host if host.isascii() else encode_domain(host, with_mapping=False)
    except ValueError:
        return False
    return DNS_LABELS.fullmatch(name.removesuffix(".")) is not None


ListEvery = Annotated[SettingDuration, AfterValidator(_validate_list_every)]


class RingCentralSettings(BaseModel, extra="forbid", frozen=True):
    """`[ringcentral]` of `config.toml`, with the credentials, which are never in that file."""

    server: Annotated[str, AfterValidator(_validate_server)] = "https://platform.ringcentral.com"
    list_every: ListEvery = timedelta(hours=24)
    """How often a webinar's invitees are listed although nothing has changed (`run --all`)."""

    client_id: str = ""
    client_secret: SecretStr | None = None
    jwt: SecretStr | None = None
