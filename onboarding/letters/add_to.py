"""Links that add a session to a calendar on the web. Pure text; the `.ics` entry is `calendar`'s work.

They hold title and times and never the join link: whatever stands in them ends up in those sites' logs.
"""

from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, urlencode

GOOGLE = "https://calendar.google.com/calendar/render"
OUTLOOK = "https://outlook.office.com/calendar/0/deeplink/compose"


@lru_cache(maxsize=64)
def add_to_google(title: str, start: datetime, end: datetime) -> str:
    """Address Google Calendar's form for a new entry; times in UTC, basic format."""
    dates = "/".join(f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}" for at in (start, end))
    return f"{GOOGLE}?{urlencode({'action': 'TEMPLATE', 'text': title, 'dates': dates}, quote_via=quote)}"


@lru_cache(maxsize=64)
def add_to_outlook(title: str, start: datetime, end: datetime) -> str:
    """Address the form for a new entry of Outlook on the web; times in UTC, extended format."""
    at, until = (f"{one.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for one in (start, end))
    asked = {"path": "/calendar/action/compose", "rru": "addevent", "subject": title, "startdt": at, "enddt": until}
    return f"{OUTLOOK}?{urlencode(asked, quote_via=quote)}"
