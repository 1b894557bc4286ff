"""A report on two people, with a problem, that the tests of this room share."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from onboarding.model.deliveries import State
from onboarding.model.kinds import Kind
from onboarding.model.people import Problem, Role
from onboarding.model.sessions import SessionKey
from onboarding.reports.report import Report, ReportedMessage, ReportedPerson, WebinarReport

FINGERPRINT = "3f2a" + "c0ffee" * 10
LEFT = datetime(2026, 9, 1, 14, 3, 22, 987654, tzinfo=UTC)
SENT = ReportedMessage(
    kind=Kind.INVITATION,
    state=State.SENT,
    at=LEFT,
    attempts=1,
    message_id="<0a1b@events.example.com>",
    reply="250 2.0.0 Ok: queued as 4Xk2Pq",
    reason="",
    link_fingerprint=FINGERPRINT,
)
IN_DOUBT = replace(
    SENT,
    kind=Kind.UPDATE,
    state=State.IN_DOUBT,
    attempts=2,
    message_id="<2c3d@events.example.com>",
    reply="",
    reason="The line was lost; no answer came.",
)
ADA = ReportedPerson(
    email="ada@example.com",
    name="Ada Lovelace",
    role=Role.PANELIST,
    first_name="Ada",
    last_name="Lovelace",
    company="Analytical Engines",
    extra={"phone": "+49 30 123", "t_shirt": "M"},
    registered_at=LEFT - timedelta(minutes=1),
    link_fingerprint=FINGERPRINT,
    messages=(SENT,),
)
BOB = ReportedPerson(
    email="bob@example.com",
    name="Bob Bauer",
    role=Role.COHOST,
    first_name="Bob",
    last_name="Bauer",
    link_fingerprint=FINGERPRINT,
    messages=(SENT, IN_DOUBT),
)
SPEAKER = Problem(
    7, "Rolle", "eve@example.com", "'Speaker' is no role. Write Host, CoHost or Panelist."
)
NO_LINK = Problem(None, None, "tim@example.com", "RingCentral gave no join link. Run again.")
LAUNCH = WebinarReport(
    webinar_name="launch",
    title="Autumn launch",
    key=SessionKey("https://platform.example", "4821", "9001"),
    start=datetime(2026, 9, 15, 16, tzinfo=UTC),
    duration=timedelta(hours=1),
    time_zone="Europe/Berlin",
    people=(ADA, BOB),
    problems=(SPEAKER, NO_LINK),
)
MADE_AT = datetime(2026, 9, 1, 14, 15, tzinfo=UTC)
REPORT = Report(MADE_AT, (LAUNCH,))


def report_on(*people: ReportedPerson, **changes) -> Report:
    """A report on one webinar with these people, and no problem."""
    webinar = replace(LAUNCH, people=people, problems=())
    return Report(MADE_AT, (replace(webinar, **changes),))
