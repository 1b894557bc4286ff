"""Errors as pages: what happened in words, and the way back. No traceback, and no secret."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from onboarding.console.pages import page
from onboarding.errors import OnboardingError, TryLater

WORDS = {
    400: "The request can't be read.",
    404: "There is no such page. It may have been moved, or its address is mistyped.",
    405: "This can't be done here.",
    413: "That is too much at once.",
}
"""What is said where nothing more exact is known."""


def error_page(request: Request, status: int, message: str = "", hint: str = "") -> Response:
    """Answer with an error's page."""
    known = WORDS.get(status, HTTPStatus(status).description or "That did not work.")
    return page(
        "error.html.j2",
        request,
        status=status,
        code=status,
        title=HTTPStatus(status).phrase,
        message=message or known,
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
    return error_page(request, 500, "An error in this program itself.", hint)
