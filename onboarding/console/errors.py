"""Errors as pages: what happened in words, and the way back. No traceback, and no secret."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from onboarding.console.pages import page
from onboarding.errors import OnboardingError, TryLater

TITLES = {
    400: "That can't be read",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    408: "Too slow",
    409: "Not possible now",
    413: "Too large",
    431: "Too large",
    415: "That can't be read",
    421: "Wrong address",
    429: "Too often",
    500: "An error in this program",
    503: "Try again later",
}
"""The heading of an error's page. The status's own phrase is for programs."""

ERROR_WORDS = {
    404: "There is no such page. It may have been moved, or its address is mistyped.",
    405: "This can't be done at this address.",
}
"""What is said where the page itself says nothing."""


def wants_text(request: Request) -> bool:
    """Whether a script asks, which shows the answer as it is: a whole page would be no words."""
    return request.headers.get("accept") == "text/plain"


def error_page(request: Request, status: int, message: str = "", hint: str = "") -> Response:
    """Answer with an error's page; with its words alone to a script that asked for text."""
    words = message or ERROR_WORDS.get(status, "The request was refused.")
    if wants_text(request):
        return PlainTextResponse(" ".join(filter(None, (words, hint))), status)
    return page(
        "error.html.j2",
        request,
        status=status,
        code=status,
        title=TITLES.get(status, "That did not work"),
        message=words,
        hint=hint,
    )


async def show_http_error(request: Request, error: HTTPException) -> Response:
    """Answer for a request that is refused: an HTTPException of a page, or of the router."""
    # The router's own words are the status's phrase, which says nothing to a person.
    is_own = error.detail != HTTPStatus(error.status_code).phrase
    answer = error_page(request, error.status_code, error.detail if is_own else "")
    answer.headers.update(error.headers or {})
    return answer


async def show_own_error(request: Request, error: OnboardingError) -> Response:
    """Answer for what the pipeline raises: its message and its hint are written for people."""
    status = 503 if isinstance(error, TryLater) else 409
    return error_page(request, status, error.message, error.hint)


async def show_crash(request: Request, _error: Exception) -> Response:
    """Answer for an error in the program itself; `guard` reports where it was."""
    hint = "Nothing is lost. Try again; if it happens again, tell who runs this console."
    return error_page(
        request, 500, "This page can't be shown: there is an error in the program itself.", hint
    )
