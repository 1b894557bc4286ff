"""Tells the producer what needs a person: by mail, to a webhook, or both, after `run --all`.

An alert is no delivery: it is in no queue, and is tried once a run. Where that fails nothing is
lost: it is said on the terminal, and the next run tries again. No alert changes a run's exit code.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

from onboarding.config import Config
from onboarding.errors import EXIT_TRY_LATER, Interrupted, OnboardingError, Refused, TryLater
from onboarding.ledger import alerts, deliveries
from onboarding.model.accounts import DEFAULT_ACCOUNT
from onboarding.model.alerts import (
    ALERT_ID,
    Alert,
    AlertKind,
    AlertLine,
    as_json,
    as_slack,
    as_text,
    make_lines,
)
from onboarding.model.deliveries import NEEDS_A_PERSON, Deferred, Message, Rejected
from onboarding.model.foreign_text import clean
from onboarding.model.people import Problem
from onboarding.model.sessions import END_GRACE, has_ended
from onboarding.pipeline.evidence import is_settling
from onboarding.pipeline.lease import AlreadyRunning, alert_lease
from onboarding.pipeline.log_in_ends import find_ending_log_ins
from onboarding.pipeline.services import Services
from onboarding.pipeline.status import find_seen_session
from onboarding.pipeline.webinar_end import WebinarEnd, read_idle_result
from onboarding.smtp.transaction import EnvelopeAccepted
from onboarding.web.client import NoAnswer, WebClient

WEBHOOK_TIMEOUT = 10.0
"""Seconds for a webhook: cron's next run must not wait for a chat that is slow."""

MAX_DETAIL = 200
"""Characters of an error that an alert repeats."""

Send = Callable[[Services, Sequence[AlertLine]], Awaitable[None]]


async def find_alerts(services: Services, ends: Sequence[WebinarEnd]) -> list[Alert]:
    """Find what needs a person after a pass over the webinars, and which log-ins are about to end.

    A webinar with nothing to do still counts while its last run left what needs a person: an alert
    that could not be sent, or has to be repeated, is about that.
    """
    found = list(_find_log_in_alerts(services.config, services.clock.now()))
    # A webinar that was served twice is as it ended the last time.
    latest = {end.target.name: end for end in ends}
    recalled = [await _recall_end(services, end) for end in latest.values()]
    for end in recalled:
        if end.is_idle:
            continue
        # By the account of its own: the same ids may be those of another company, too.
        found += await _find_states(services.of_company(end.target.company), end)
        found += _list_problem_alerts(end, services.config)
    return found


async def _recall_end(services: Services, end: WebinarEnd) -> WebinarEnd:
    """Give the end of a webinar that had nothing to do what its last run left to a person."""
    if not (end.is_idle and end.exit_code):
        return end
    seen = await find_seen_session(services.of_company(end.target.company), end.target)
    # After the end no person can do much about it, and the alert would be repeated for ever.
    if seen is None or has_ended(seen.status, seen.end, services.clock.now(), grace=END_GRACE):
        return end
    return replace(end, result=await read_idle_result(services, end.target))


async def _find_states(services: Services, end: WebinarEnd) -> list[Alert]:
    """Find the messages of a webinar that need a person, each as a thing of its own."""
    seen = await find_seen_session(services, end.target)
    if seen is None:
        return []
    records = await services.ledger.run(deliveries.list_deliveries, seen.id)
    sent, now = services.config.smtp.sent, services.clock.now()
    return [
        Alert(
            f"delivery {record.delivery.id} {record.delivery.state}",
            AlertKind(record.delivery.state.value),
            end.target.name,
        )
        for record in records
        if record.delivery.state in NEEDS_A_PERSON and not is_settling(record, sent, now)
    ]


def _list_problem_alerts(end: WebinarEnd, config: Config) -> Iterator[Alert]:
    name = end.target.name
    for problem in end.result.problems if end.result else ():
        kind = AlertKind.NOT_APPROVED if problem.waits_for_approval else AlertKind.PROBLEM
        yield Alert(_name_problem(name, problem), kind, name)
    error = end.error
    # What passes by itself needs no person, and a signal was given by one.
    if error and error.exit_code != EXIT_TRY_LATER and end.exit_code and not end.is_repeated:
        detail = clean(error.message, config.secrets)[:MAX_DETAIL]
        if end.account:
            yield _make_account_alert(end.account, detail)
        else:
            yield Alert(f"{name} error {_digest(detail)}", AlertKind.ERROR, name, detail)


def _make_account_alert(account: str, detail: str) -> Alert:
    """Make the one alert for all webinars of an account that can't be used."""
    thing = f"account {account} error {_digest(detail)}"
    which = "" if account == DEFAULT_ACCOUNT else f"account {account}: "
    return Alert(thing, AlertKind.ACCOUNT, detail=f"{which}{detail}")


def _name_problem(name: str, problem: Problem) -> str:
    return f"{name} problem {_digest(f'{problem.row} {problem.column} {problem.message}')}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _find_log_in_alerts(config: Config, now: datetime) -> Iterator[Alert]:
    for end in find_ending_log_ins(config, now):
        detail = f"{end.subject} on {end.day}. {end.hint}"
        yield Alert(f"log-in {end.subject} {end.day}", AlertKind.LOG_IN, detail=detail)


async def store_alert_events(services: Services, events: Sequence[Alert]) -> None:
    """Store what has happened, so that it is told even if this process ends before."""
    for channel in _select_channels(services.config):
        await services.ledger.run(alerts.store_events, channel, events, services.clock.now())


async def send_alerts(
    services: Services, found: Sequence[Alert], *, webhook_timeout: float = WEBHOOK_TIMEOUT
) -> list[str]:
    """Send what is due to each place that is configured. Returns what to say on the terminal.

    A webhook has `webhook_timeout` seconds to answer. Raises Interrupted after a signal.
    """
    said = []
    for channel, send in _select_channels(services.config, webhook_timeout).items():
        # Asked again under the lease, which most runs need not take.
        if not await _list_due(services, channel, found):
            continue
        try:
            async with alert_lease(services, channel):
                said.append(await _send_to(services, channel, send, found))
        except AlreadyRunning:
            # Another process tells what is due; what is new since is told by the next run.
            continue
    return list(filter(None, said))


async def _list_due(services: Services, channel: str, found: Sequence[Alert]) -> list[Alert]:
    now, repeat = services.clock.now(), services.config.alerts.repeat
    return await services.ledger.run(alerts.list_due, channel, found, now, repeat)


def _select_channels(
    config: Config, webhook_timeout: float = WEBHOOK_TIMEOUT
) -> Mapping[str, Send]:
    settings = config.alerts
    post = partial(_send_to_webhook, seconds=webhook_timeout)
    return {
        **({"mail": _send_by_mail} if settings.to else {}),
        **({"webhook": post} if settings.webhook else {}),
    }


async def _send_to(services: Services, channel: str, send: Send, found: Sequence[Alert]) -> str:
    run, due = services.ledger.run, await _list_due(services, channel, found)
    if not due:
        return ""
    lines = make_lines(due)
    try:
        await send(services, lines)
    except Interrupted:
        raise
    except OnboardingError as error:
        reason = clean(error.message, services.config.secrets)
        is_news = await run(alerts.store_channel_fault, channel, reason, services.clock.now())
        return f"{reason} The next run tries again. It holds:\n{as_text(lines)}" * is_news
    await run(alerts.record_told_alerts, channel, due, services.clock.now())
    await run(alerts.store_channel_fault, channel, "", services.clock.now())
    return ""


async def _send_to_webhook(
    services: Services, lines: Sequence[AlertLine], *, seconds: float
) -> None:
    """Post the alerts. Raises Refused or TryLater, which never name the webhook."""
    settings = services.config.alerts
    address = urlsplit(settings.webhook.get_secret_value() if settings.webhook else "")
    server = f"{address.scheme}://{address.netloc}"
    path = f"{address.path or '/'}{'?' if address.query else ''}{address.query}"
    body = as_slack(lines) if settings.format == "slack" else as_json(lines)
    async with WebClient(server, timeout=seconds, stop=services.stop) as http:
        try:
            answer = await http.send(http.build_request("POST", path, headers={}, json=body))
        except NoAnswer as error:
            # Its words may name the server, and that is a part of the secret.
            raise TryLater("An alert could not be sent: the webhook gives no answer.") from error
    # A redirect is not followed: it could lead to a place that should not read this.
    if not answer.is_success:
        words = HTTPStatus(answer.status_code).phrase if answer.status_code in _STATUSES else ""
        status = f"{answer.status_code} {words}".strip()
        raise Refused(f"An alert could not be sent: the webhook answers with {status}.")


_STATUSES = frozenset(status.value for status in HTTPStatus)


async def _send_by_mail(services: Services, lines: Sequence[AlertLine]) -> None:
    """Mail the alerts, past queue and rate: it is one message. Raises what the mail server says."""
    config = services.config
    message = make_mail(config, lines, services.clock.now(), secrets.token_hex(16))
    try:
        async with services.pool.connection() as connection:
            answer = await connection.send_envelope(message)
            if isinstance(answer, EnvelopeAccepted):
                outcome = await connection.send_body(message)
                # In doubt counts as told: sent again by the next run, it could be there twice.
                if not isinstance(outcome, Deferred | Rejected):
                    return
    except Interrupted:
        raise
    except OnboardingError as error:
        raise TryLater(f"An alert could not be sent: {error.message}") from error
    raise Refused("An alert could not be sent: the mail server does not take it.")


def make_mail(config: Config, lines: Sequence[AlertLine], now: datetime, token: str) -> Message:
    """Make the mail of some alerts. `token` is random hex: no one can forge a bounce of it."""
    domain = config.brand.sender_address.rpartition("@")[2]
    identity = f"{ALERT_ID}{token}@{domain}>"
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    mail["From"] = config.brand.sender_address
    mail["To"] = config.alerts.to
    mail["Subject"] = f"Webinar onboarding: {len(lines)} to look at"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = identity
    # RFC 3834 5: no absence notice should come back.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(as_text(lines))
    return Message(identity, config.brand.sender_address, config.alerts.to, mail.as_bytes())
