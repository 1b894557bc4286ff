"""Reads a posted form: small, in time, and nothing but plain fields."""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

FORM_TYPE = "application/x-www-form-urlencoded"

LARGEST_FORM = 64 * 1024
"""Bytes of a form. The largest one of ours is a question with its token."""

MOST_FIELDS = 200

BODY_SECONDS = 10.0
"""How long a form may take to arrive: a client that drips keeps nothing open."""


async def read_form(request: Request, seconds: float = BODY_SECONDS) -> Mapping[str, str]:
    """Read the fields of a form; of a field that comes twice, the last counts.

    Raises HTTPException: 415 for another type, 413 if it is too large, 408 if it takes too long,
    400 if it is malformed.
    """
    # Only what a plain form of a page sends: a parser less that could be attacked.
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM_TYPE:
        raise HTTPException(415, "Send it as a form.")
    try:
        async with asyncio.timeout(seconds):
            body = await _read_body(request)
    except TimeoutError:
        raise HTTPException(408, "The form took too long to arrive. Send it again.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The form did not arrive whole.") from None
    try:
        text = body.decode("utf-8")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise HTTPException(400, "The form can't be read.") from None


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        # Counted while it comes: a length that was announced may be wrong, or missing.
        if len(body) > LARGEST_FORM:
            raise HTTPException(413, "The form is too large.")
    return bytes(body)
