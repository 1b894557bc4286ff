"""E-mail addresses and hosts, as they are compared and sent. The only module that uses `idna`.

Whether an address may be used at all is checked where it comes in (`roster.cells`, the settings of
each room).
"""

import re
from functools import lru_cache
from ipaddress import ip_address
from unicodedata import normalize

import idna

DNS_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
"""A pattern of one label of a name, in lower case."""
# Underscores are no part of a host's name by RFC 1123, but DNS has names with them.
DNS_LABELS = re.compile(rf"{DNS_LABEL}(?:\.{DNS_LABEL})*")


@lru_cache(maxsize=8192)
def address_key(email: str) -> str:
    """Fold an address so that two spellings of one mailbox compare equal.

    The local part is composed (NFC) and casefolded (RFC 5321 2.4 lets a server tell cases apart;
    none that people use does, and mailing one person twice is the greater harm). The domain becomes
    its A-label (RFC 5890).
    """
    # From the right: a quoted local part may itself hold an @ (RFC 5321 4.1.2).
    local, at, domain = email.strip().rpartition("@")
    return f"{normalize('NFC', local).casefold()}{at}{_domain_key(domain)}"


@lru_cache(maxsize=1024)
def _domain_key(domain: str) -> str:
    """Fold a domain. It has its own cache: domains are few, and IDNA's rules are slow."""
    try:
        return encode_domain(domain)
    except ValueError:
        # A domain that can't exist is compared all the same: RingCentral or an older ledger may
        # hold one, and the other people must not suffer from it.
        return domain.casefold()


def encode_domain(domain: str, *, with_mapping: bool = True) -> str:
    """Encode a domain as A-labels (RFC 5891), in lower case.

    The mapping of UTS 46 accepts what people type, such as capitals; HTTP clients go without it.
    Raises ValueError if the domain can't exist.
    """
    return idna.encode(domain, uts46=with_mapping).decode()


def encode_address_domain(address: str) -> str:
    """Encode an address's domain as A-labels; an ASCII domain stays as written.

    Raises ValueError if the domain can't exist.
    """
    local, at, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}{at}{encode_domain(domain)}"


def is_loopback(host: str) -> bool:
    """Tell whether a host is this very machine, without DNS (RFC 1122 3.2.1.3, RFC 4291 2.5.3).

    Only there a connection may go without encryption.
    """
    try:
        # No look-up: a DNS server that answers 127.0.0.1 must not switch encryption off.
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
