"""The plan of one webinar: what a run would change and send, each message to be read by itself.

Shows what `plans` has made; RingCentral is asked only when a person wants a plan. No page holds a
join link: the messages of a `Review` have a stand-in.
"""

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from onboarding.console.access import require_viewer
from onboarding.console.console import find_asked_webinar, find_console
from onboarding.console.messages import MessageView, ShownTexts, answer_frame, view_message
from onboarding.console.pages import page
from onboarding.model.reviews import MessageContent
from onboarding.reports.plan_page import PAGE_POLICY, MessageCard, PlanContent, render_plan_page

NOT_THERE = (
    "This plan is not here any more: a newer one was made, or the console was started again."
)


async def show_last_plan(request: Request) -> Response:
    """Show the last plan, or how to have one made."""
    target = find_asked_webinar(request)
    asked = find_console(request).plans.find(target.name)
    content = asked.content if asked else None
    return page("plan.html.j2", request, target=target, asked=asked, content=content)


async def ask_for_plan(request: Request) -> Response:
    """Have a plan made, then show it."""
    target, viewer = find_asked_webinar(request), require_viewer(request)
    await find_console(request).plans.ask(target, viewer.name)
    return RedirectResponse(f"/webinars/{target.name}/plan", 303)


async def show_plan_page(request: Request) -> Response:
    """Answer with the plan as one page, the same that `plan --page` writes."""
    content = _find_content(request)
    html = await run_in_threadpool(render_plan_page, content.review)
    # In a header a policy may also forbid frames elsewhere, which the page's own element can't.
    policy = f"{PAGE_POLICY}; frame-ancestors 'none'"
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


async def show_planned_message(request: Request) -> Response:
    """Show one message of the plan in words, with its HTML in a frame."""
    content, number = _find_content(request), request.path_params["number"]
    return page(
        "planned_message.html.j2",
        request,
        target=find_asked_webinar(request),
        content=content,
        card=_find_card(content, number),
        number=number,
        last=len(content.cards) + len(content.conditional) + len(content.scheduled),
        view=_view_card(content, number),
    )


async def show_planned_frame(request: Request) -> Response:
    """Answer with the HTML of one message of the plan, for the frame."""
    card = _find_card(_find_content(request), request.path_params["number"])
    if card.message.shown is None:
        raise HTTPException(404, card.message.fault)
    return answer_frame(card.message.shown.html)


def _find_card(content: PlanContent, number: int) -> MessageCard:
    """Find a message by its number from 1: those that are due, then those that may follow."""
    cards = (*content.cards, *content.conditional, *content.scheduled)
    if not 1 <= number <= len(cards):
        raise HTTPException(404, "This plan has no such message.")
    return cards[number - 1]


def _view_card(content: PlanContent, number: int) -> MessageView:
    message = _find_card(content, number).message
    shown = message.shown
    texts = ShownTexts(shown.text, shown.html, shown.calendar) if shown else None
    return view_message(
        name=message.invitee.name,
        fields=_list_fields(shown) if shown else [],
        address=f"/webinars/{content.review.name}/plan/{content.digest}/messages/{number}",
        texts=texts or ShownTexts("", "", ""),
        time_zone=content.review.session.time_zone,
    )


def _list_fields(shown: MessageContent) -> list[tuple[str, str]]:
    fields = [
        ("To", shown.recipient),
        ("From", shown.sender),
        ("Answers to", shown.reply_to),
        ("Subject", shown.subject),
        *shown.headers,
    ]
    return [(name, value) for name, value in fields if value]


def _find_content(request: Request) -> PlanContent:
    """Find the plan that the address names. Raises HTTPException 404 if it is not here."""
    asked = find_console(request).plans.find(request.path_params["webinar"])
    content = asked.content if asked else None
    # By its digest: a page that is open while another plan is made must not show that one's.
    if content is None or content.digest != request.path_params["digest"]:
        raise HTTPException(404, NOT_THERE)
    return content
