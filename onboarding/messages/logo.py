"""The logo that travels inside messages, where `[brand] logo` is a file."""

from dataclasses import dataclass
from pathlib import Path

from onboarding.errors import ConfigurationError
from onboarding.files.read import read_file
from onboarding.messages.settings import BrandSettings

LOGO_CID = "logo@letters"
"""The logo's Content-ID, without angle brackets; it has to be unique within a message only."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The logo that travels inside messages. `subtype` is `png`, `jpeg` or `gif`."""

    content: bytes
    subtype: str


_SIGNATURES = {b"\x89PNG\r\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}


def logo_of(brand: BrandSettings) -> Picture | None:
    """Read the logo where it is a file. Raises `ConfigurationError` where it can't be read."""
    if not brand.logo or brand.logo.startswith("https://"):
        return None
    try:
        content = read_file(Path(brand.logo))
    except OSError as error:
        raise ConfigurationError(
            f"The logo {brand.logo} can't be read: {error.strerror}."
        ) from error
    # By the first bytes, not the file's name: mail programs believe the subtype.
    for signature, subtype in _SIGNATURES.items():
        if content.startswith(signature):
            return Picture(content, subtype)
    raise ConfigurationError(
        f"The logo {brand.logo} is no PNG, JPEG or GIF; mail programs show no others."
    )
