"""What an approver does from a page, in two steps: the console asks, then does it after a yes.

`ask` works out what the act would do now and shows that as a question with a token. `answer` takes
the token, starts the act (`act_tasks`) and sends the browser to a page that says what came of it.
Both are POST, so nothing is done by following a link. The acts themselves are
`pipeline.proposals`; a page without script can do all of this.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from onboarding.console.access import require_approver
from onboarding.console.act_forms import LINK, SEND_NOW, add_reason, find_back, find_form
from onboarding.console.act_pages import ANSWER_STATUS, show_at_work, show_outcome, show_question
from onboarding.console.act_tasks import ActProgress, describe_other
from onboarding.console.console import Console, find_asked_webinar, find_console
from onboarding.console.errors import error_page, wants_text
from onboarding.console.forms import read_form
from onboarding.console.questions import Question
from onboarding.errors import Interrupted, OnboardingError, TryLater
from onboarding.pipeline.proposals.approve import Approve
from onboarding.pipeline.proposals.copy_link import CopyLink
from onboarding.pipeline.proposals.proposal import (
    Act,
    ActEnd,
    ActOutcome,
    Proposal,
    find_outcome,
)
from onboarding.pipeline.services import Services, open_act_services
from onboarding.pipeline.target import Target

SHORT_WAIT = 3.0
"""Seconds that an answer waits for its act: most end by then, and no page has to be reloaded."""

NOT_OPEN = (
    "This question is not open any more: it was asked too long ago, or before a restart. "
    "Nothing was done."
)
ASK_ONCE_MORE = "Go back to the webinar, and ask once more."


async def ask(request: Request) -> Response:
    """Work out what an act would do, and ask for a yes."""
    console, fields = find_console(request), await read_form(request)
    kind, target = fields.get("act", ""), find_asked_webinar(request)
    act = find_form(kind).build(target, fields)
    back = find_back(target.name, fields)
    proposal = await _work_out(console, target, act)
    if isinstance(proposal, ActOutcome):
        return show_outcome(request, kind, proposal, back)
    question = _make_question(request, kind, act, proposal, back)
    token = console.questions.add(question) if proposal else ""
    return show_question(request, question, token)


async def answer(request: Request) -> Response:
    """Do what a question asked about, once; then show what came of it."""
    fields = await read_form(request)
    token = fields.get("token", "")
    question = _find_question(request, token)
    if question is None or isinstance(question.act, CopyLink):
        return _show_not_open(request)
    if not question.is_answered:
        _start_act(find_console(request), question, add_reason(question.act, fields))
    await _wait_a_moment(question)
    here = f"/webinars/{question.webinar}"
    is_run = question.kind == SEND_NOW and question.answer and question.answer.is_at_work
    # A run is followed on the webinar's live page, which also shows how it ends.
    return RedirectResponse(here if is_run else f"{here}/answers/{token}", 303)


def _start_act(console: Console, question: Question, act: Act) -> None:
    # No await between the look at `is_answered` and this line: two clicks start one act.
    question.is_answered = True
    title = find_form(question.kind).title
    # The digest is the question's: the person agreed to what they saw, and to nothing else.
    digest = question.proposal.digest
    question.answer = console.tasks.start(question.webinar, title, act, digest, question.by)


async def show_answer(request: Request) -> Response:
    """Show what came of an act, or that it is still at work."""
    question = _find_question(request, request.path_params["token"])
    if question is None or question.answer is None:
        return _show_not_open(request)
    outcome = question.answer.outcome
    if isinstance(outcome, Proposal):
        return _ask_again(request, question, outcome)
    if outcome is None:
        return show_at_work(request, question.kind, question.answer, question.back)
    return show_outcome(request, question.kind, outcome, question.back)


async def give_link(request: Request) -> Response:
    """Answer with a join link and nothing else, once for each question."""
    question = _find_question(request, (await read_form(request)).get("token", ""))
    if question is None or not isinstance(question.act, CopyLink) or question.is_answered:
        refusal = ActOutcome(ActEnd.REFUSED, NOT_OPEN, hint=ASK_ONCE_MORE)
        return _refuse_link(request, refusal, find_back(request.path_params["webinar"], {}))
    # Before the call: a second click must not make a second one.
    question.is_answered = True
    try:
        async with _open_step(find_console(request), question.act.target) as services:
            link = await question.act.reveal(services, question.by)
    except OnboardingError as error:
        return _refuse_link(request, find_outcome(error), question.back)
    # `no-store` is a header of every answer (`pages.DEFAULT_HEADERS`).
    return PlainTextResponse(link.get_secret_value())


def _find_question(request: Request, token: str) -> Question | None:
    """Find a question of the person who asks, about the webinar in the path."""
    by, webinar = require_approver(request).name, request.path_params["webinar"]
    return find_console(request).questions.find(token, by, webinar)


async def _work_out(console: Console, target: Target, act: Act | CopyLink) -> Proposal | ActOutcome:
    """Work out a proposal, or why there is none."""
    needs_lease = not isinstance(act, Approve | CopyLink)
    if needs_lease and (other := console.tasks.find_at_work(target.name)):
        return describe_other(other)
    try:
        async with _open_step(console, target) as services:
            if not needs_lease:
                return await act.propose(services)
            async with console.tasks.take_step(target.name, services.stop):
                return await act.propose(services)
    except OnboardingError as error:
        return find_outcome(error)


@asynccontextmanager
async def _open_step(console: Console, target: Target) -> AsyncIterator[Services]:
    """Open the services of a step that a person waits for. Raises TryLater if it takes too long."""
    stop, progress = asyncio.Event(), ActProgress()
    # By its stop and not by cancelling it: so it ends between two calls, and gives its lease back.
    timer = asyncio.get_running_loop().call_later(console.step_seconds, stop.set)
    try:
        async with open_act_services(console.services, progress, stop, target.company) as services:
            yield services
    except Interrupted as error:
        if console.stop.is_set():
            raise
        message = "It takes too long just now, so nothing was done."
        raise TryLater(message, hint="Try again in a minute.") from error
    finally:
        timer.cancel()


async def _wait_a_moment(question: Question) -> None:
    """Give the act a moment to end. A run goes on by itself, and its page shows it at once."""
    work = question.answer.work if question.answer else None
    if work and question.kind != SEND_NOW:
        await asyncio.wait([work], timeout=SHORT_WAIT)


def _make_question(
    request: Request, kind: str, act: Act | CopyLink, proposal: Proposal, back: str
) -> Question:
    now = find_console(request).services.clock.now()
    by, webinar = require_approver(request).name, request.path_params["webinar"]
    return Question(by, webinar, kind, act, proposal, now, back)


def _ask_again(request: Request, question: Question, proposal: Proposal) -> Response:
    """Ask about what is proposed now: once, however often the page is reloaded."""
    questions = find_console(request).questions
    follow_up = questions.find(question.follow_up, question.by, question.webinar)
    if follow_up is None:
        follow_up = _make_question(request, question.kind, question.act, proposal, question.back)
        question.follow_up = questions.add(follow_up)
    return show_question(request, follow_up, question.follow_up, is_changed=True)


def _show_not_open(request: Request) -> Response:
    return error_page(request, 409, NOT_OPEN, ASK_ONCE_MORE)


def _refuse_link(request: Request, outcome: ActOutcome, back: str) -> Response:
    """Say why there is no link: as text to the script, which asked for text, else as a page."""
    if wants_text(request):
        text = " ".join(filter(None, (outcome.sentence, outcome.hint)))
        return PlainTextResponse(text, ANSWER_STATUS[outcome.ending])
    return show_outcome(request, LINK, outcome, back)
