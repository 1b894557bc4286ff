"""Which RingCentral server, and with whose credentials.

Light on purpose: the configuration is read by commands that never make a call. The three credentials come from the
vendor's own variables or a secrets folder, never from `config.toml`; `config` sees to that.
"""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, SecretStr

from onboarding.model.hosts import is_loopback


def _tidy(server: str) -> str:
    """Reduce an address to scheme, host and port, lower case: ledgers tell servers apart by this text."""
    parts = urlsplit(server.strip())
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("write it as https://platform.ringcentral.com")
    if parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("give scheme, host and port only, such as https://platform.ringcentral.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("plain http is for this machine only (the simulator); use https")
    return f"{parts.scheme}://{parts.netloc.lower()}"


class RingCentralSettings(BaseModel, extra="forbid", frozen=True):
    """`[ringcentral]` of `config.toml`, with the credentials that never stand in that file."""

    server: Annotated[str, AfterValidator(_tidy)] = "https://platform.ringcentral.com"
    client_id: str = ""
    client_secret: SecretStr | None = None
    jwt: SecretStr | None = None
