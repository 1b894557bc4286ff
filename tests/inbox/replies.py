"""Calendar answers as the calendars of this world write them, about one entry."""

UID = "0f" * 20 + "@brightwater.example"


def mail(
    calendar: str,
    *,
    sender: str = "Ada Lovelace <ada@example.com>",
    subject: str = "Accepted: Spring launch",
    content_type: str = "text/calendar; charset=utf-8; method=REPLY",
    product: str = "",
) -> str:
    """An answer whose whole content is the calendar."""
    return f"""\
From: {sender}
To: events@brightwater.example
Subject: {subject}
Message-ID: <reply-1@example.com>
{product}MIME-Version: 1.0
Content-Type: {content_type}
Content-Transfer-Encoding: 8bit

{calendar}"""


def in_parts(calendar: str, *, subject: str, sender: str = "ada@example.com") -> str:
    """An answer with text, HTML, the calendar, and the same as a file."""
    return f"""\
From: {sender}
To: events@brightwater.example
Subject: {subject}
Message-ID: <reply-2@example.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: multipart/alternative; boundary="inner"

--inner
Content-Type: text/plain; charset=utf-8

Ada has answered.

--inner
Content-Type: text/html; charset=utf-8

<p>Ada has answered.</p>

--inner
Content-Type: text/calendar; charset=UTF-8; method=REPLY

{calendar}
--inner--

--outer
Content-Type: application/ics; name="invite.ics"
Content-Disposition: attachment; filename="invite.ics"

{calendar}
--outer--
"""


def calendar(
    participation: str,
    *,
    method: str = "REPLY",
    attendee: str = "mailto:ada@example.com",
    parameters: str = "",
    product: str = "-//Example//EN",
    stamp: str = "DTSTAMP:20270301T130000Z",
    sequence: str = "SEQUENCE:0",
    start: str = "DTSTART:20270311T090000Z",
    before: str = "",
    more: str = "",
    uid: str = UID,
) -> str:
    """A VCALENDAR that answers."""
    lines = [
        "BEGIN:VCALENDAR",
        f"PRODID:{product}",
        "VERSION:2.0",
        f"METHOD:{method}",
        *before.splitlines(),
        "BEGIN:VEVENT",
        f"UID:{uid}",
        stamp,
        start,
        "DTEND:20270311T100000Z",
        sequence,
        "ORGANIZER;CN=Brightwater Events:mailto:events@brightwater.example",
        f"ATTENDEE;PARTSTAT={participation}{parameters}:{attendee}",
        *more.splitlines(),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "\r\n".join(filter(None, lines)) + "\r\n"


WINDOWS_ZONE = """\
BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""

OUTLOOK_ACCEPTED = in_parts(
    calendar(
        "ACCEPTED",
        parameters=";CN=Ada Lovelace",
        product="Microsoft Exchange Server 2010",
        start="DTSTART;TZID=W. Europe Standard Time:20270311T100000",
        before=WINDOWS_ZONE,
        more="COMMENT;LANGUAGE=en-US:\\n\nX-MICROSOFT-CDO-APPT-SEQUENCE:0\nTRANSP:OPAQUE",
    ),
    subject="Accepted: Spring launch",
)
OUTLOOK_DECLINED = mail(
    calendar("DECLINED", product="-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN"),
    subject="Declined: Spring launch",
)
OUTLOOK_TENTATIVE = mail(
    calendar("TENTATIVE", product="Microsoft Exchange Server 2010", before=WINDOWS_ZONE),
    subject="Tentative: Spring launch",
)
OUTLOOK_PROPOSES = mail(
    calendar(
        "TENTATIVE",
        method="COUNTER",
        product="Microsoft Exchange Server 2010",
        start="DTSTART:20270312T090000Z",
        more="X-MS-OLK-ORIGINALSTART:20270311T090000Z",
    ),
    subject="New Time Proposed: Spring launch",
    content_type="text/calendar; charset=utf-8; method=COUNTER",
)
GMAIL_ACCEPTED = in_parts(
    calendar(
        "ACCEPTED",
        parameters=";CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;CN=ada@example.com;X-NUM-GUESTS=0",
        product="-//Google Inc//Google Calendar 70.9054//EN",
        before="CALSCALE:GREGORIAN",
        more="CREATED:20270301T120000Z\nLAST-MODIFIED:20270301T130000Z\nSTATUS:CONFIRMED",
    ),
    subject="Accepted: Spring launch @ Thu Mar 11, 2027 10am - 11am (CET) (Brightwater Events)",
)
GMAIL_DECLINED = in_parts(
    calendar("DECLINED", product="-//Google Inc//Google Calendar 70.9054//EN"),
    subject="Declined: Spring launch",
)
GMAIL_GUEST = in_parts(
    calendar(
        "ACCEPTED",
        attendee="mailto:bob@example.com",
        product="-//Google Inc//Google Calendar 70.9054//EN",
    ),
    subject="Accepted: Spring launch",
    sender="bob@example.com",
)
APPLE_ACCEPTED = mail(
    calendar(
        "ACCEPTED",
        parameters=';CN="Lovelace, Ada";EMAIL=ada@example.com',
        product="-//Apple Inc.//macOS 15.1//EN",
        stamp="DTSTAMP:20270301T130000Z",
    ),
    content_type='text/calendar; charset=utf-8; method="REPLY"; name="iCal-1.ics"',
)
APPLE_UPPER_CASE = mail(
    calendar("TENTATIVE", attendee="MAILTO:Ada@Example.com", product="-//Apple Inc.//iOS 18//EN")
)
THUNDERBIRD_ACCEPTED = in_parts(
    calendar("ACCEPTED", product="-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN"),
    subject="Event Invitation Reply (Accepted): Spring launch",
)
THUNDERBIRD_DECLINED = in_parts(
    calendar("DECLINED", product="-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN"),
    subject="Event Invitation Reply (Declined): Spring launch",
)
NEXTCLOUD_ACCEPTED = mail(
    calendar(
        "ACCEPTED",
        parameters=";CN=Ada;SCHEDULE-STATUS=2.0",
        product="-//Sabre//Sabre VObject 4.5.4//EN",
        more="REQUEST-STATUS:2.0;Success",
    ),
    sender="Nextcloud <invitations-noreply@cloud.example.com>",
)
NEXTCLOUD_ALIAS = mail(
    calendar("ACCEPTED", attendee="mailto:ada.l@example.com"), sender="ada@example.com"
)
DELEGATED = mail(
    calendar("DELEGATED", parameters=';DELEGATED-TO="mailto:bob@example.com"'),
    subject="Delegated: Spring launch",
)
LATER_VERSION = mail(calendar("DECLINED", sequence="SEQUENCE:3", stamp="DTSTAMP:20270302T080000Z"))
NO_SEQUENCE = mail(calendar("ACCEPTED", sequence=""))
OUR_OWN_ENTRY = mail(
    calendar("NEEDS-ACTION", method="REQUEST"),
    sender="events@brightwater.example",
    content_type="text/calendar; method=REQUEST",
)
NOT_YET = mail(calendar("NEEDS-ACTION"))
