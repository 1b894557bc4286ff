"""A private certificate authority, for servers whose certificates the client has to verify."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own, and the file that a user would give as `ca_file`."""

    authority: trustme.CA
    ca_file: Path

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Make the TLS side of a server that bears these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*names).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    ca_file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    return Authority(authority, ca_file)
