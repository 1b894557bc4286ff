"""Reads DMARC policies, and decides whether two domains are aligned (RFC 7489 3.1, 6.3, 6.6.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from onboarding.dns.lookup import FindTexts
from onboarding.dns.tags import parse_tags, select_versions

DMARC_VERSION = "v=DMARC1"
POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """What receivers find: at which domain, how many records, and what the one that counts says.

    `policy` is what receivers are asked to do with mail that fails, empty where that can't be read.
    `spf_strict` and `dkim_strict`: the domains have to be the same, not only related.
    """

    domain: str
    count: int
    policy: str = ""
    spf_strict: bool = False
    dkim_strict: bool = False


async def find_dmarc(domain: str, find_texts: FindTexts) -> DmarcResult:
    """Find a domain's policy, its own or that of the organization above it."""
    for place in dict.fromkeys((domain, find_organization(domain))):
        texts = select_versions(await find_texts(f"_dmarc.{place}"), DMARC_VERSION)
        if texts:
            return _read_policy(place, texts, is_above=place != domain)
    return DmarcResult(domain, 0)


def _read_policy(place: str, texts: Sequence[str], *, is_above: bool) -> DmarcResult:
    tags = parse_tags(texts[0])
    asked = tags.get("p", "").lower()
    # RFC 7489 6.3: what the organization says of its subdomains wins there.
    if is_above:
        asked = tags.get("sp", asked).lower()
    return DmarcResult(
        place,
        len(texts),
        policy=asked if asked in POLICIES else "",
        spf_strict=tags.get("aspf", "").lower() == "s",
        dkim_strict=tags.get("adkim", "").lower() == "s",
    )


def is_aligned(domain: str, sender_domain: str, *, strict: bool) -> bool:
    """Whether a domain that was verified speaks for the domain in From (RFC 7489 3.1)."""
    if strict:
        return domain == sender_domain
    return find_organization(domain) == find_organization(sender_domain)


def find_organization(domain: str) -> str:
    """Find the domain that an organization has registered: the last labels."""
    return str(_load_suffixes().privatesuffix(domain) or domain)


@lru_cache(maxsize=1)
def _load_suffixes() -> PublicSuffixList:
    # The list comes with the package: nothing is fetched.
    return PublicSuffixList()
