"""Which certificates prove that a server is who it says: and the variables that may replace the usual ones.

`SSL_CERT_FILE` and `SSL_CERT_DIR` count for every encrypted line, to RingCentral, to a provider's
log-in and to the mail server. OpenSSL says nothing where they lead nowhere, and then trusts no
server at all; so they are looked at here.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path

import certifi

from onboarding.errors import ConfigurationError
from onboarding.files.read import check_file

FILE, FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"


def build_web_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Make a context that verifies web servers: by the variables where they are set, else by certifi's list.

    Raises ConfigurationError where a variable names no file of certificates, or no folder.
    """
    check_variables(environ)
    file, folder = environ.get(FILE) or None, environ.get(FOLDER) or None
    if not (file or folder):
        return ssl.create_default_context(cafile=certifi.where())
    try:
        return ssl.create_default_context(cafile=file, capath=folder)
    except ssl.SSLError:
        raise _certificates_error(FILE, str(file), "it holds no certificate") from None


def check_variables(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError where a variable leads nowhere."""
    file, folder = environ.get(FILE), environ.get(FOLDER)
    if file:
        try:
            check_file(Path(file))
        except OSError as error:
            raise _certificates_error(FILE, file, str(error.strerror)) from None
    if folder and not Path(folder).is_dir():
        raise _certificates_error(FOLDER, folder, "it is no folder")


def _certificates_error(variable: str, value: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The environment variable {variable} names {value}, which can't be used: {why}.",
        hint="Let it name certificates in PEM form, or unset it.",
    )
