"""An answer that is not RingCentral's: a proxy's page, a network's log-in page, a redirect. Recognised, and explained.

RingCentral answers in JSON and never redirects (`docs/ringcentral.md`, "Errors"). What is in
between is not known for certain, so the message names both places to look: the address that was
asked, and the proxy. A 5xx is left to `transport`: a gateway's page passes, and the call is made
again.
"""

import os
from collections.abc import Mapping

import httpx

from onboarding.errors import Refused
from onboarding.model.foreign_text import clean
from onboarding.ringcentral.transport import SERVER_FAULT
from onboarding.web.variables import find_proxy

REDIRECTS = range(300, 400)
PROXY_LOGIN, NETWORK_LOGIN = 407, 511
"""RFC 9110 15.5.8, RFC 6585 6."""


def assert_from_ringcentral(
    answer: httpx.Response, environ: Mapping[str, str] = os.environ
) -> None:
    """Raise `Refused` for an answer that something else has given in RingCentral's place.

    `environ` names the proxy, where there is one.
    """
    what = _describe_foreign_answer(answer)
    if what:
        raise Refused(
            f"{answer.url.host} {what}: this is not RingCentral's own answer.",
            hint=_build_proxy_hint(answer.url, environ),
        )


def _describe_foreign_answer(answer: httpx.Response) -> str:
    status = answer.status_code
    if status in REDIRECTS:
        where = clean(answer.headers.get("Location", "")) or "nowhere"
        return f"sends us on to {where} (status {status})"
    if status in {PROXY_LOGIN, NETWORK_LOGIN}:
        return f"wants a log-in of its own (status {status})"
    if status < SERVER_FAULT and _is_page(answer):
        return f"answers with a web page (status {status})"
    return ""


def _is_page(answer: httpx.Response) -> bool:
    return (
        "html" in answer.headers.get("Content-Type", "").lower()
        or answer.content.lstrip()[:1] == b"<"
    )


def _build_proxy_hint(url: httpx.URL, environ: Mapping[str, str]) -> str:
    proxy = find_proxy(str(url), environ)
    between = f"the proxy {proxy.place}" if proxy else "a proxy or a network's log-in page"
    return f"Check RC_SERVER_URL, and {between}: open the address in a browser on this machine to see who answers."
