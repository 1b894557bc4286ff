"""Checks what the DNS says of the sender, for `onboarding check --dns`.

Here the configuration is put into the words of the room `dns`. It asks the DNS server alone, and
sends nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from onboarding.config import Config
from onboarding.dns.check import MailSender, check_sender, is_about_server
from onboarding.dns.lookup import Resolver, parse_server
from onboarding.model.addresses import encode_domain
from onboarding.model.checks import CheckResult
from onboarding.pipeline.target import Target
from onboarding.smtp.providers import PRESETS, find_provider


async def check_dns(
    config: Config, targets: Sequence[Target], server: str, stop: asyncio.Event
) -> AsyncIterator[CheckResult]:
    """Check SPF, DKIM, DMARC and alignment by a DNS server; empty: the machine's own.

    Each sender of the webinars is checked once. Raises ConfigurationError for an address that is
    none.
    """
    resolver = Resolver(server, stop)
    senders = [build_sender(config.of_company(target.company)) for target in targets]
    for sender in dict.fromkeys(senders):
        async for result in check_sender(sender, resolver.find_texts):
            yield result
            # Once is enough: it would be so for the next sender too.
            if is_about_server(result):
                return


def check_server_address(server: str) -> None:
    """Make sure that a DNS server is named by its address. Raises ConfigurationError."""
    parse_server(server)


def build_sender(config: Config) -> MailSender:
    """Build what the DNS is asked about from `[brand]`, `[smtp]` and the provider's preset."""
    smtp, address = config.smtp, config.brand.sender_address
    domain = _find_domain(address)
    provider = find_provider(smtp.provider, smtp.host)
    sender = MailSender(
        domain=domain,
        return_domain=_find_domain(smtp.make_envelope_sender() or address),
        dkim_domain=smtp.dkim_domain or domain,
        selectors=smtp.dkim_selectors,
        needs_all=True,
    )
    if provider is None:
        return sender
    preset = PRESETS[provider]
    return replace(
        sender,
        provider=provider.value,
        include=preset.spf_include,
        # A return address that was set is one that the provider has agreed to.
        writes_return=preset.writes_return and not smtp.envelope_sender,
        selectors=smtp.dkim_selectors or preset.dkim_selectors,
        needs_all=bool(smtp.dkim_selectors),
    )


def _find_domain(address: str) -> str:
    return encode_domain(address.rpartition("@")[2])
