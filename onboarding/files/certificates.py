"""Reads when the certificates of a file end. Trusts none of them, and verifies nothing."""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from onboarding.files.read import read_file


def read_certificate_ends(path: Path) -> list[datetime]:
    """Read when each certificate of a PEM file ends (RFC 5280 4.1.2.5), in the file's order.

    Raises OSError for a file that can't be read, and ValueError for one without a certificate.
    """
    return [
        certificate.not_valid_after_utc
        for certificate in x509.load_pem_x509_certificates(read_file(path))
    ]
