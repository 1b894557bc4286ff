"""The pages of an act: its question, that it is at work, and what came of it. Decides nothing."""

from starlette.requests import Request
from starlette.responses import Response

from onboarding.console.act_forms import LINK, find_form
from onboarding.console.act_tasks import ActTask
from onboarding.console.pages import page
from onboarding.console.questions import Question
from onboarding.pipeline.proposals.proposal import ActEnd, ActOutcome
from onboarding.pipeline.resend import LONGEST_REASON

ANSWER_STATUS = {
    ActEnd.DONE: 200,
    ActEnd.NOTHING: 200,
    ActEnd.NEEDS_A_PERSON: 200,
    ActEnd.REFUSED: 409,
    ActEnd.HELD: 409,
    ActEnd.LATER: 503,
}
"""The status of an answer: for programs, and so that a browser's history shows what failed."""


def show_question(
    request: Request, question: Question, token: str, *, is_changed: bool = False
) -> Response:
    """Ask for a yes, or say that there is nothing to do.

    `is_changed`: it is another question than the one that the person has said yes to.
    """
    return page(
        "question.html.j2",
        request,
        form=find_form(question.kind),
        webinar=question.webinar,
        proposal=question.proposal,
        token=token,
        changed=is_changed,
        back=question.back,
        is_link=question.kind == LINK,
        longest_reason=LONGEST_REASON,
    )


def show_at_work(request: Request, kind: str, task: ActTask, back: str) -> Response:
    """Say that an act is at work; the page reloads itself."""
    return _show(request, kind, 200, task=task, outcome=None, back=back)


def show_outcome(request: Request, kind: str, outcome: ActOutcome, back: str) -> Response:
    """Say what came of an act."""
    return _show(
        request, kind, ANSWER_STATUS[outcome.ending], task=None, outcome=outcome, back=back
    )


def _show(request: Request, kind: str, status: int, **values: object) -> Response:
    webinar = request.path_params["webinar"]
    form = find_form(kind)
    return page("answer.html.j2", request, status=status, form=form, webinar=webinar, **values)
