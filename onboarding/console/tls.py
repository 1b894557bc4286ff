"""Loads the console's certificate and key, and says in words why they can't be used."""

import ssl

from onboarding.config.console import ConsoleSettings
from onboarding.errors import ConfigurationError
from onboarding.files.read import check_file
from onboarding.model.foreign_text import printable


def load_tls(settings: ConsoleSettings) -> ssl.SSLContext | None:
    """Load the certificate and its key; None without them. Raises ConfigurationError."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Python's default, said here because the machine's OpenSSL may be set to allow older ones.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # OpenSSL would wait for ever for what is in a FIFO.
        check_file(certificate)
        check_file(key)
        # An empty password: else OpenSSL would ask for one on the terminal, and cron would hang.
        context.load_cert_chain(certificate, key, password="")
    except FileNotFoundError:
        missing = next((file for file in (certificate, key) if not file.exists()), certificate)
        raise ConfigurationError(
            f"There is no {missing}.", hint="Check [console] tls_certificate and tls_key."
        ) from None
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"{certificate} and {key} can't be used for TLS: {_describe_tls_error(error)}.",
            hint="They have to be PEM files: the certificate with its chain, and its key "
            "without a password.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{certificate} or {key} can't be read: {error.strerror}.",
            hint="This user has to be allowed to read them.",
        ) from None
    return context


def _describe_tls_error(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    return printable(error.reason or "they are no PEM files").lower().replace("_", " ")
