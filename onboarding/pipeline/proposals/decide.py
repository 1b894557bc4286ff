"""*Resolve*, *retry* and *cancel* in two steps: what only a person can decide about a message."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import State
from onboarding.model.digests import json_digest
from onboarding.model.foreign_text import clean, printable
from onboarding.model.known_secrets import Secrets
from onboarding.model.time_zones import format_with_zone
from onboarding.pipeline.by_hand import LockedWebinar, lock_webinar
from onboarding.pipeline.proposals.proposal import (
    ActEnd,
    ActOutcome,
    Proposal,
    ProposedPerson,
    build_idle_outcome,
    count,
)
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target


class Decision(StrEnum):
    """What a person may decide about messages."""

    WAS_SENT = "resolve-sent"
    SEND_AGAIN = "resolve-again"
    RETRY = "retry"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class DecisionRules:
    """What one decision is about, what it does, and how a person reads that.

    `named` are the states that it covers only where a person is named. `verb` goes before the
    number of messages, `effect` after a person's address.
    """

    states: frozenset[State]
    action: Callable[[LockedWebinar, Collection[str] | None], Awaitable[Sequence[str]]]
    verb: str
    effect: str
    nothing: str
    remark: str
    named: frozenset[State] = frozenset()


NEXT_RUN = "The next run sends it: a run of cron, or “Send now”."

DECISION_RULES: Mapping[Decision, DecisionRules] = {
    Decision.WAS_SENT: DecisionRules(
        frozenset({State.IN_DOUBT}),
        LockedWebinar.resolve_sent,
        "Record as sent:",
        "counts as sent",
        "No message is in doubt.",
        "Say so only if the mail server's log shows the Message-ID as delivered.",
    ),
    Decision.SEND_AGAIN: DecisionRules(
        frozenset({State.IN_DOUBT}),
        LockedWebinar.resolve_resend,
        "Queue again:",
        "is queued again, with the same Message-ID",
        "No message is in doubt.",
        f"It may arrive twice. {NEXT_RUN}",
    ),
    Decision.RETRY: DecisionRules(
        frozenset({State.REJECTED, State.FAILED}),
        LockedWebinar.retry,
        "Queue again:",
        "is queued again",
        "No message was rejected or has failed.",
        f"Fix the cause first. {NEXT_RUN}",
        # As on the command line: “all” undoes no cancellation, and trusts no address from which a
        # message came back.
        frozenset({State.CANCELLED, State.BOUNCED}),
    ),
    Decision.CANCEL: DecisionRules(
        frozenset({State.QUEUED}),
        LockedWebinar.cancel,
        "Cancel:",
        "is cancelled",
        "No message is queued.",
        "It is not sent. The next change of the person's facts is mailed again.",
        # Of who was removed meanwhile, nothing else would take away that it came back.
        frozenset({State.BOUNCED}),
    ),
}


@dataclass(frozen=True, slots=True)
class Decide:
    """A decision about the messages to these addresses; None is all of the webinar."""

    target: Target
    decision: Decision
    emails: tuple[str, ...] | None

    async def propose(self, services: Services) -> Proposal:
        """List the messages that it is about."""
        async with lock_webinar(services, self.target, by="") as webinar:
            return self._propose_decision(services, webinar, await self._find_messages(webinar))

    async def execute(self, services: Services, digest: str, by: str) -> ActOutcome | Proposal:
        """Decide, if it is still about the same messages in the same states."""
        rules = DECISION_RULES[self.decision]
        async with lock_webinar(services, self.target, by) as webinar:
            found = await self._find_messages(webinar)
            proposal = self._propose_decision(services, webinar, found)
            if proposal.digest != digest:
                return proposal or build_idle_outcome(proposal)
            changed = set(await rules.action(webinar, self.emails))
        return _sum_up_decision(rules, found, changed)

    async def _find_messages(self, webinar: LockedWebinar) -> Sequence[DeliveryRecord]:
        rules = DECISION_RULES[self.decision]
        states = rules.states if self.emails is None else rules.states | rules.named
        return await webinar.list_messages(states, self.emails)

    def _propose_decision(
        self, services: Services, webinar: LockedWebinar, found: Sequence[DeliveryRecord]
    ) -> Proposal:
        rules, zone = DECISION_RULES[self.decision], webinar.time_zone
        if not found:
            return Proposal(rules.nothing)
        secrets = services.config.secrets
        people = [_describe_decision(record, zone, secrets) for record in found]
        return Proposal(
            sentence=f"{rules.verb} {count(len(found), 'message')}.",
            people=tuple(people),
            remarks=(rules.remark, *_list_message_ids(found)),
            digest=json_digest([self.decision, *sorted(map(_identify_message, found))]),
        )


def _describe_decision(record: DeliveryRecord, time_zone: str, secrets: Secrets) -> ProposedPerson:
    since = format_with_zone(record.at, time_zone)
    state = record.delivery.state.replace("_", " ")
    return ProposedPerson(
        email=printable(record.delivery.email),
        name=printable(record.name),
        what=f"{record.delivery.label}, {state} since {since}",
        # A ledger of an older version holds replies as the server sent them.
        why=clean(record.reply or record.reason, secrets),
    )


def _identify_message(record: DeliveryRecord) -> list[object]:
    delivery = record.delivery
    return [delivery.id, delivery.state, delivery.attempt]


def _list_message_ids(found: Sequence[DeliveryRecord]) -> list[str]:
    """List what to look for in the mail server's log."""
    doubts = [record.delivery for record in found if record.delivery.state is State.IN_DOUBT]
    return [f"Message-ID for {printable(doubt.email)}: {doubt.message_id}" for doubt in doubts]


def _sum_up_decision(
    rules: DecisionRules, found: Sequence[DeliveryRecord], changed: Collection[str]
) -> ActOutcome:
    keys = {address_key(record.delivery.email) for record in found}
    done = [f"{printable(key)}: {rules.effect}." for key in sorted(keys & set(changed))]
    # A newer message went there, or it is of no more use: then nothing is changed.
    left = [
        f"{printable(key)}: not changed; a newer message went there, or it would come too late."
        for key in sorted(keys - set(changed))
    ]
    if not done:
        return ActOutcome(ActEnd.NOTHING, "Nothing was changed.", tuple(left))
    ending = ActEnd.NEEDS_A_PERSON if left else ActEnd.DONE
    return ActOutcome(ending, f"{count(len(done), 'message')} changed.", (*done, *left))
