"""Reads the public key that a DKIM selector names (RFC 6376 3.6.1). Verifies no signature."""

import base64
import binascii
from collections.abc import Sequence

from onboarding.dns.tags import parse_tags

KEY_TYPES = {"rsa", "ed25519"}

SHORTEST_RSA = 140
"""Bytes. A key of 1024 bits, the shortest that receivers accept (RFC 8301 3.2), has 162 with what
stands around it, one of 768 bits 124."""


def build_key_name(selector: str, domain: str) -> str:
    """Build the name at which a selector's key is."""
    return f"{selector}._domainkey.{domain}"


def find_key_fault(texts: Sequence[str]) -> str:
    """Say what is wrong with the records at a selector's name; empty for one good key."""
    if not texts:
        return "has no key"
    # RFC 6376 3.6.2.2: with several records, what receivers do is not defined.
    if len(texts) > 1:
        return f"has {len(texts)} records, and receivers may take any of them"
    tags = parse_tags(texts[0])
    if "p" not in tags or tags.get("v", "DKIM1") != "DKIM1":
        return "has a record that is no DKIM key"
    if not tags["p"]:
        return "has a key that was revoked"
    kind = tags.get("k", "rsa").lower()
    if kind not in KEY_TYPES:
        return "has a key of a type that receivers don't know"
    return _find_content_fault(kind, tags["p"])


def _find_content_fault(kind: str, encoded: str) -> str:
    try:
        key = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return "has a key that can't be read: part of it may be missing"
    if kind == "rsa" and len(key) < SHORTEST_RSA:
        return "has an RSA key of less than 1024 bits, which receivers don't accept"
    return ""


def is_test_key(texts: Sequence[str]) -> bool:
    """Whether the key asks receivers to treat its signatures as a test (`t=y`)."""
    return any("y" in parse_tags(text).get("t", "").split(":") for text in texts)
