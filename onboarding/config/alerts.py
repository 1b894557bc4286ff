"""`[alerts]` of config.toml: where the producer's alerts go, and how often each is repeated."""

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, SecretStr

from onboarding.model.addresses import encode_address_domain, is_loopback
from onboarding.model.durations import SettingDuration

SHORTEST_REPEAT = timedelta(minutes=10)


def _check_to(value: str) -> str:
    local, _, domain = value.rpartition("@")
    is_bare = not set(value) & set(' <>,;"\t\r\n') and "@" not in local
    is_written = local.isascii() and local and domain and is_bare
    if value and not is_written:
        raise ValueError('write a bare address, such as "producer@example.com"')
    try:
        return encode_address_domain(value)
    except ValueError:
        raise ValueError("the domain of this address can't exist") from None


def _check_webhook(value: SecretStr) -> SecretStr:
    """Accept an address that is encrypted, or on this machine. The value is in no message."""
    address = value.get_secret_value().strip()
    # An empty variable replaces the one that is set elsewhere: there is no webhook.
    if not address:
        return SecretStr("")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    is_private = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not (host and is_private and address.isprintable() and " " not in address):
        raise ValueError("it has to be an https:// address")
    return SecretStr(address)


def _check_repeat(value: timedelta) -> timedelta:
    if value < SHORTEST_REPEAT:
        raise ValueError('write at least "10m"')
    return value


class AlertSettings(BaseModel, extra="forbid", frozen=True):
    """Where alerts go: to an address by mail, to a webhook, or to both.

    `webhook` is a secret: who knows it can write there.
    """

    to: Annotated[str, AfterValidator(_check_to)] = ""
    format: Literal["json", "slack"] = "json"
    repeat: Annotated[SettingDuration, AfterValidator(_check_repeat)] = timedelta(hours=24)
    webhook: Annotated[SecretStr, AfterValidator(_check_webhook)] | None = None

    @property
    def is_configured(self) -> bool:
        """Whether alerts go anywhere."""
        return bool(self.to or self.webhook)
