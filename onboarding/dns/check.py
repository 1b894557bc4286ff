"""Says in sentences what receivers find in the DNS about the sender, and what to do about it.

Asks only the DNS, for a handful of names. Each result is one thing that was looked at. A DNS server
that is silent is said once, and ends the check.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from onboarding.dns.dkim import build_key_name, find_key_fault, is_test_key
from onboarding.dns.dmarc import DmarcResult, find_dmarc, is_aligned
from onboarding.dns.lookup import DnsFault, FindTexts, NameUnanswered, ServerSilent
from onboarding.dns.spf import MOST_LOOKUPS, SpfResult, follow_spf
from onboarding.model.checks import CheckResult
from onboarding.model.foreign_text import clean

ALL_SECONDS = 45.0
"""Seconds for all questions together, however many names a record makes us ask for."""

SHOWN_TERM = 120
"""Characters of what a record says that are shown."""

SERVER = "server"
"""Names the result after which no question is worth asking."""

OTHER_SERVER_HINT = "Try again, or ask another DNS server with --resolver."


@dataclass(frozen=True, slots=True)
class MailSender:
    """The domains that a message shows, and what its mail server needs in the DNS.

    `domain` is that of From, `return_domain` that of the envelope's sender. `provider` is a name to
    show, empty for an unknown one. `include` is what the provider wants in SPF. With
    `writes_return` the provider puts in a return address of its own. `selectors` are DKIM's: each
    has to be there if `needs_all`, otherwise they are the provider's usual ones.
    """

    domain: str
    return_domain: str
    dkim_domain: str
    provider: str = ""
    include: str = ""
    writes_return: bool = False
    selectors: tuple[str, ...] = ()
    needs_all: bool = False


async def check_sender(
    sender: MailSender, find_texts: FindTexts, seconds: float = ALL_SECONDS
) -> AsyncIterator[CheckResult]:
    """Look at SPF, DKIM, DMARC and alignment, for so many seconds at most."""
    end = asyncio.get_running_loop().time() + seconds
    for what, check in (("SPF", _check_spf), ("DKIM", _check_dkim), ("DMARC", _check_dmarc)):
        try:
            async with asyncio.timeout_at(end):
                results = await check(sender, find_texts)
        except NameUnanswered as error:
            results = [_make_fault(what, error)]
        except ServerSilent as error:
            yield _make_fault(SERVER, error)
            return
        except TimeoutError:
            late = DnsFault(f"the answers took longer than {seconds:g} seconds")
            yield _make_fault(SERVER, late)
            return
        for result in results:
            yield result


def is_about_server(result: CheckResult) -> bool:
    """Whether a result says that the DNS server itself can't be asked."""
    return result.what == f"DNS: {SERVER}"


def _make_fault(what: str, error: DnsFault) -> CheckResult:
    return CheckResult(f"DNS: {what}", ok=False, detail=clean(str(error)), hint=OTHER_SERVER_HINT)


async def _check_spf(sender: MailSender, find_texts: FindTexts) -> list[CheckResult]:
    result = await follow_spf(sender.return_domain, find_texts)
    if result.count != 1:
        return [_check_count(sender, result)]
    return [_check_record(sender, result), _check_lookups(sender, result)]


def _check_count(sender: MailSender, result: SpfResult) -> CheckResult:
    domain = sender.return_domain
    if result.count:
        detail = f"{domain} has {result.count} SPF records, so none of them counts"
        return _spf(detail, "Join them to one TXT record: RFC 7208 allows one.")
    if sender.writes_return:
        return _spf(f"{domain} has no record, and needs none: {_describe_own_return(sender)}")
    terms = f"include:{sender.include}" if sender.include else "(your mail server's addresses)"
    return _spf(
        f"{domain} has no SPF record, so receivers can't tell who may send for it",
        f'Publish a TXT record at {domain}: "v=spf1 {terms} ~all".',
    )


def _check_record(sender: MailSender, result: SpfResult) -> CheckResult:
    domain, rest = sender.return_domain, result.record.rest
    if result.faults:
        fault = clean(result.faults[0], limit=SHOWN_TERM)
        return _spf(f"receivers can't use the record of {domain}: {fault}", "Correct that record.")
    if rest == "+":
        detail = f"the record of {domain} lets every machine in the world send for it (+all)"
        return _spf(detail, "Let it end in ~all or -all.")
    if sender.include and sender.include not in result.names:
        return _check_missing_include(sender)
    if not sender.include:
        detail = f"{domain} has a record; whether it allows your mail server is not known here"
        hint = "Compare it with the addresses from which your mail server sends."
        return _spf(detail, hint, ok=True)
    # A record may hand on the last word by a redirect.
    if rest not in {"~", "-"} and not result.record.redirect:
        detail = f"{domain} names {sender.include}, and says nothing about all other machines"
        return _spf(detail, "Let the record end in ~all or -all.", ok=True)
    return _spf(f"{domain} names {sender.include}, as {sender.provider} wants it")


def _check_missing_include(sender: MailSender) -> CheckResult:
    domain, include = sender.return_domain, sender.include
    if sender.writes_return:
        detail = f"the record of {domain} does not name {include}, and need not"
        return _spf(f"{detail}: {_describe_own_return(sender)}")
    return _spf(
        f"the record of {domain} does not name {include}, so {sender.provider} may not send for it",
        f"Add include:{include} to the record, before its last word.",
    )


def _describe_own_return(sender: MailSender) -> str:
    return f"{sender.provider} puts in a return address of its own"


def _check_lookups(sender: MailSender, result: SpfResult) -> CheckResult:
    count = result.lookups
    detail = f"the record of {sender.return_domain} takes {count} of {MOST_LOOKUPS} look-ups"
    if count <= MOST_LOOKUPS:
        return CheckResult("DNS: SPF look-ups", ok=True, detail=detail)
    return CheckResult(
        "DNS: SPF look-ups",
        ok=False,
        detail=f"the record of {sender.return_domain} takes {count} look-ups, and receivers "
        f"give it up after {MOST_LOOKUPS}",
        hint="Take out what no longer sends for you, or send from a subdomain of its own.",
    )


def _spf(detail: str, hint: str = "", *, ok: bool | None = None) -> CheckResult:
    return CheckResult("DNS: SPF", ok=not hint if ok is None else ok, detail=detail, hint=hint)


async def _check_dkim(sender: MailSender, find_texts: FindTexts) -> list[CheckResult]:
    if not sender.selectors:
        detail = "not looked at, because no selector is known"
        hint = "Set [smtp] dkim_selectors; your mail server's administrator knows them."
        return [CheckResult("DNS: DKIM", ok=True, detail=detail, hint=hint)]
    results = [
        _check_key(name, await find_texts(name))
        for name in (build_key_name(part, sender.dkim_domain) for part in sender.selectors)
    ]
    if sender.needs_all:
        return results
    # Of a provider's usual selectors often only one is in use.
    return [result for result in results if result.ok] or [_check_usual(sender)]


def _check_key(name: str, texts: Sequence[str]) -> CheckResult:
    if fault := find_key_fault(texts):
        hint = "Publish the key as your mail server's administration shows it, in one TXT record."
        return CheckResult("DNS: DKIM", ok=False, detail=f"{name} {fault}", hint=hint)
    if is_test_key(texts):
        hint = "Take t=y out of the record once signing works."
        return CheckResult("DNS: DKIM", ok=True, detail=f"{name} has a test key", hint=hint)
    return CheckResult("DNS: DKIM", ok=True, detail=f"{name} has a key")


def _check_usual(sender: MailSender) -> CheckResult:
    tried = ", ".join(sender.selectors)
    return CheckResult(
        "DNS: DKIM",
        ok=False,
        detail=f"{sender.dkim_domain} has no good key at the usual selectors of "
        f"{sender.provider} ({tried})",
        hint="Switch DKIM on at the provider, or set [smtp] dkim_selectors and dkim_domain.",
    )


async def _check_dmarc(sender: MailSender, find_texts: FindTexts) -> list[CheckResult]:
    found = await find_dmarc(sender.domain, find_texts)
    return [_check_policy(sender, found), _check_alignment(sender, found)]


def _check_policy(sender: MailSender, found: DmarcResult) -> CheckResult:
    place = f"_dmarc.{found.domain}"
    if not found.count:
        detail = f"{sender.domain} has no DMARC record; some receivers want one of every sender"
        hint = f'Publish a TXT record at _dmarc.{sender.domain}: "v=DMARC1; p=none".'
    elif found.count > 1:
        detail = f"{place} has {found.count} DMARC records, so none of them counts"
        hint = "Leave one."
    elif not found.policy:
        detail = f"the record at {place} has no policy that receivers understand"
        hint = "Let it say p=none, p=quarantine or p=reject."
    else:
        detail, hint = f"{place} says p={found.policy}", ""
        return CheckResult("DNS: DMARC", ok=True, detail=detail)
    return CheckResult("DNS: DMARC", ok=False, detail=detail, hint=hint)


def _check_alignment(sender: MailSender, found: DmarcResult) -> CheckResult:
    """Say which of SPF and DKIM speaks for the domain that people see: DMARC wants one of them."""
    aligned = []
    if not sender.writes_return and is_aligned(
        sender.return_domain, sender.domain, strict=found.spf_strict
    ):
        aligned.append(f"SPF by {sender.return_domain}")
    if is_aligned(sender.dkim_domain, sender.domain, strict=found.dkim_strict):
        aligned.append(f"DKIM by {sender.dkim_domain}")
    if aligned:
        detail = f"{' and '.join(aligned)} can speak for {sender.domain}"
        return CheckResult("DNS: alignment", ok=True, detail=detail)
    own = "" if sender.writes_return else f" nor the return address at {sender.return_domain}"
    return CheckResult(
        "DNS: alignment",
        ok=False,
        detail=f"neither DKIM by {sender.dkim_domain}{own or ' nor SPF'} speaks for "
        f"{sender.domain}, which people see",
        hint="Have messages signed for the domain of [brand] sender, or send from the other one.",
    )
