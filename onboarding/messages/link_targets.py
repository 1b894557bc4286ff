"""Where the links of a message lead: found out from their addresses, without a call.

A page on the web may have links that begin at the page itself; a message is no page, and its reader
has nothing to begin at.
"""

from collections.abc import Set as AbstractSet
from urllib.parse import urlsplit

_WEB = frozenset({"http", "https"})


def find_dead_end(href: str, names: AbstractSet[str]) -> str:
    """Say why a link leads nowhere; empty if it leads somewhere.

    `names` are the places within the message that have a name (`id`, or `name` of an anchor).
    """
    address = href.strip()
    if address in {"", "#"}:
        return "its address is empty or #"
    if address.startswith("#"):
        return "" if address[1:] in names else f"no place in the message is called {address[1:]}"
    try:
        target = urlsplit(address)
    except ValueError:
        return "its address is none"
    if target.scheme in _WEB:
        return "" if target.hostname else "its address names no host"
    # Other schemes than these and mailto, tel and cid stop the message (`foreign.SCHEMES`).
    if target.scheme:
        # A subject alone is not enough: it would open a message to no one.
        return "" if target.path else f"nothing stands behind {target.scheme}:"
    return "its address has to begin with https://"
