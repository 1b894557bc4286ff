"""The certificate authority of the mail servers, for the mailboxes too."""

from tests.smtp.conftest import authority

__all__ = ["authority"]
