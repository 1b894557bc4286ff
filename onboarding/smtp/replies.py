"""What a server's reply means: what a refusal is about, and whether it may pass.

Pure: a phase, a reply and the provider go in, a classification or an outcome comes out. `protocol`
reads replies off the wire. The provider's known replies decide first, then code and enhanced code
(RFC 3463), and the phase last.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from onboarding.errors import OnboardingError, Refused, TryLater
from onboarding.model.deliveries import Deferred, Rejected, Reply
from onboarding.model.foreign_text import clean
from onboarding.model.known_secrets import NONE, Secrets
from onboarding.smtp.phases import Classification, ConnectionRefusal, Phase, RefusalScope
from onboarding.smtp.providers import EVERYWHERE, PRESETS, KnownReply, Provider

POSITIVE = range(200, 300)
LOWEST_REFUSAL, PERMANENT = 400, 500
TOO_BIG = 552
CLOSING = 421
"""The server closes the line after this answer (RFC 5321 3.8)."""

ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
CODES: Mapping[int, RefusalScope] = MappingProxyType(
    {
        # Too many connections (Exchange), or a password that needs a transition (RFC 4954 6).
        432: RefusalScope.CONNECTION,
        # No log-in or no sending just now (RFC 4954 6; Amazon's throttling).
        454: RefusalScope.CONNECTION,
        530: RefusalScope.SENDER,  # log-in or encryption required
        # A log-in that is too weak, wrong, or needs encryption (RFC 4954 6).
        534: RefusalScope.SENDER,
        535: RefusalScope.SENDER,
        538: RefusalScope.SENDER,
        # Parameters that this message alone needs, such as SMTPUTF8 (RFC 5321 4.1.1.11).
        555: RefusalScope.MESSAGE,
    }
)
STATUSES: Mapping[str, RefusalScope] = MappingProxyType(
    {
        "1.7": RefusalScope.SENDER,  # the sender's address
        "1.8": RefusalScope.SENDER,  # the sender's domain
        # Longer than this mailbox takes: a shorter message would pass.
        "2.3": RefusalScope.MESSAGE,
        "3.1": RefusalScope.CONNECTION,  # the server's disk is full
        "3.2": RefusalScope.CONNECTION,  # the server is not accepting messages
        "3.4": RefusalScope.MESSAGE,  # too big
        "4.5": RefusalScope.CONNECTION,  # congestion; Google's daily limit
        "6.7": RefusalScope.RECIPIENT,  # an address beyond ASCII (RFC 6531 3.5)
        # Log-in and encryption (RFC 4954 6); then DKIM, SPF, DNS, flood (RFC 7372, 7505).
        **{f"7.{detail}": RefusalScope.SENDER for detail in (*range(8, 15), *range(20, 29))},
    }
)
# 0, 3, 5 and 7 are missing on purpose: they say why, but not what is refused. The phase does.
SUBJECTS: Mapping[str, RefusalScope] = MappingProxyType(
    {
        "1": RefusalScope.RECIPIENT,
        "2": RefusalScope.RECIPIENT,
        "4": RefusalScope.RECIPIENT,
        "6": RefusalScope.MESSAGE,
    }
)
PHASES: Mapping[Phase, RefusalScope] = MappingProxyType(
    {
        Phase.GREETING: RefusalScope.CONNECTION,
        Phase.EHLO: RefusalScope.CONNECTION,
        Phase.STARTTLS: RefusalScope.CONNECTION,
        Phase.LOGIN: RefusalScope.CONNECTION,
        Phase.MAIL: RefusalScope.SENDER,
        Phase.RCPT: RefusalScope.RECIPIENT,
        Phase.DATA: RefusalScope.MESSAGE,
        Phase.BODY: RefusalScope.MESSAGE,
        Phase.DOT: RefusalScope.MESSAGE,
    }
)
BEFORE_MESSAGES = frozenset({Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.LOGIN})
HINTS: Mapping[Phase, str] = MappingProxyType(
    {
        Phase.GREETING: "Ask the server's administrator whether this machine may connect to it.",
        Phase.EHLO: "Give this machine's full name as [smtp] ehlo_name.",
        Phase.STARTTLS: 'Ask the server\'s administrator, or try security = "tls" with port 465.',
        Phase.LOGIN: "Check [smtp] username and the password (ONBOARDING_SMTP__PASSWORD).",
        Phase.MAIL: "Check [brand] sender: the account must be allowed to send as it.",
    }
)
LATER_HINT = "Nothing is lost: run again in a while."
OUR_HINT = (
    "Check [smtp] and [brand] sender, or ask the server's administrator what this answer means."
)

QUEUE_IDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bqueued as ([\w.-]+)",  # Postfix and many others
        r"\bid=([\w.-]+)",  # Exim
        r"\bInternalId=(\d+)",  # Exchange
        r"([\w.-]+) Message accepted for delivery",  # sendmail, OpenSMTPD
        r"\bOK +\d+ ([\w.-]+) - gsmtp",  # Google
        r"\bok \d+ qp (\d+)",  # qmail
        r"^ok ([\w.-]{16,})$",  # Amazon SES
    )
)


def parse_reply(code: int, lines: Sequence[str]) -> Reply:
    """Make a reply of its code and its lines' texts, without the enhanced code that each repeats.

    It is as the server sent it: `clean_reply` makes it fit to be stored and shown.
    """
    found = ENHANCED.match(lines[0])
    if found:
        lines = [ENHANCED.sub("", line, count=1) for line in lines]
    text = " ".join(lines).strip()
    # A refusal may name an id as well, but the server has kept nothing under it.
    queue_id = find_queue_id(text) if code in POSITIVE else ""
    return Reply(code, text, found[1] if found else "", queue_id)


def clean_reply(reply: Reply, secrets: Secrets = NONE) -> Reply:
    """Remove links and secrets: servers quote the message, or the log-in, that they refuse."""
    text = clean(reply.text, secrets)
    # Half a queue id would lead to no message in the server's log.
    queue_id = reply.queue_id
    if queue_id and clean(queue_id, secrets) != queue_id:
        queue_id = ""
    if (text, queue_id) == (reply.text, reply.queue_id):
        return reply
    return replace(reply, text=text, queue_id=queue_id)


def find_queue_id(text: str) -> str:
    """Find the server's own name for a message it has taken, empty where it names none."""
    return next((found[1] for pattern in QUEUE_IDS if (found := pattern.search(text))), "")


def classify(phase: Phase, reply: Reply, provider: Provider | None = None) -> Classification:
    """Decide what a refusal (4xx or 5xx) means. The provider's known replies come first."""
    of_provider = PRESETS[provider].replies if provider else ()
    return classify_by((*of_provider, *EVERYWHERE), phase, reply)


def classify_by(known_replies: Iterable[KnownReply], phase: Phase, reply: Reply) -> Classification:
    """Decide by the first row that matches, else by codes and phase."""
    permanent = reply.code >= PERMANENT
    for known in known_replies:
        if known.matches(phase, reply):
            passes = known.retry_after is not None
            return Classification(
                known.scope, permanent and not passes, known.retry_after, known.hint, known.crowded
            )
    return Classification(_find_scope(phase, reply), permanent)


def _find_scope(phase: Phase, reply: Reply) -> RefusalScope:
    """Tell what a refusal is about by its codes, and only then by its phase."""
    # No message was named yet, so no code can be about one.
    if phase in BEFORE_MESSAGES:
        return PHASES[phase]
    # Without the class (4 or 5): the code itself says whether the refusal passes.
    subject, _, detail = reply.enhanced[2:].partition(".")
    exact = CODES.get(reply.code) or STATUSES.get(f"{subject}.{detail}")
    if exact:
        return exact
    # "Security or policy" (RFC 3463 3.8): a server that closes for that has us in mind.
    if reply.code == CLOSING and subject == "7":
        return RefusalScope.CONNECTION
    if phase is Phase.MAIL:
        return _find_scope_at_mail(reply.code, subject)
    return SUBJECTS.get(subject) or PHASES[phase]


def _find_scope_at_mail(code: int, subject: str) -> RefusalScope:
    # No recipient was named yet. A bare 552 is the answer to the size we declared (RFC 1870 6.1).
    if subject == "6" or (code == TOO_BIG and not subject):
        return RefusalScope.MESSAGE
    return RefusalScope.CONNECTION if code == CLOSING else PHASES[Phase.MAIL]


def may_be_worn(phase: Phase, reply: Reply, provider: Provider | None = None) -> bool:
    """Tell whether a refusal on a connection that has carried messages may be due to that alone.

    Many servers take only so many messages over one connection and say so in their own ways; a new
    connection is worth one try. A known wait is not: we would only be refused again.
    """
    if reply.code == CLOSING or "too many" in reply.text.lower():
        return True
    meaning = classify(phase, reply, provider)
    return phase is Phase.MAIL and meaning.stops_one_connection and meaning.retry_after is None


def as_outcome(
    phase: Phase, reply: Reply, server: str, provider: Provider | None = None, *, fresh: bool = True
) -> Deferred | Rejected:
    """Decide what a refusal means for the delivery; `fresh`: the line had carried no message.

    Raises `ConnectionRefusal` if the server does not serve this connection now, `Refused` or
    `TryLater` if it would refuse every message: it took nothing, and no delivery is to blame.
    """
    meaning = classify(phase, reply, provider)
    if meaning.concerns_all:
        raise reply_error(phase, reply, server, meaning, fresh=fresh)
    if meaning.permanent:
        return Rejected(f"the mail server refuses {meaning.scope}", reply)
    deferred = Deferred(
        f"the mail server does not take {meaning.scope} now", reply, meaning.retry_after
    )
    if reply.code == CLOSING:
        # RFC 5321 3.8: the code is about the connection. Some servers send it for a message.
        raise ConnectionRefusal(
            f"The mail server {server} closes the connection: {reply}",
            hint=LATER_HINT,
            phase=phase,
            # Closed at its first message, too many lines are the likely cause; later, wear is.
            crowded=fresh,
            fresh=fresh,
            deferred=deferred,
        )
    return deferred


def reply_error(
    phase: Phase, reply: Reply, server: str, meaning: Classification, *, fresh: bool = True
) -> OnboardingError:
    """Build the error that stops this connection, or the run."""
    message = f"The mail server {server} refuses {phase}: {reply}"
    if meaning.permanent:
        return Refused(message, hint=meaning.hint or HINTS.get(phase, OUR_HINT))
    hint = meaning.hint or LATER_HINT
    # A daily limit is the account's, so giving up one connection would not help.
    if not meaning.stops_one_connection:
        return TryLater(message, hint=hint)
    crowded = meaning.crowded or (fresh and reply.code == CLOSING)
    return ConnectionRefusal(message, hint=hint, phase=phase, crowded=crowded, fresh=fresh)
