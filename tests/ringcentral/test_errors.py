"""Error bodies read, and what they mean for people: decided on codes, not on messages."""

from base64 import b64encode

import httpx
import pytest
from pydantic import SecretStr

from onboarding.errors import Refused
from onboarding.model.known_secrets import Secrets
from onboarding.ringcentral import requests
from onboarding.ringcentral.errors import (
    ApiError,
    ErrorEntry,
    NotPermitted,
    NotThere,
    login_error,
    parse_error,
    request_error,
)
from tests.ringcentral.people import key

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI2MjI3In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (
            {
                "errors": [
                    {
                        "errorCode": "CMN-101",
                        "message": "No.",
                        "parameterName": "email",
                        "parameterValue": "x",
                    }
                ]
            },
            ApiError(400, (ErrorEntry("CMN-101", "No.", "email", "x"),)),
        ),
        (
            {"errors": [{"errorCode": "CMN-1"}, {"errorCode": "CMN-2"}, 7]},
            ApiError(400, (ErrorEntry("CMN-1"), ErrorEntry("CMN-2"))),
        ),
        (
            {"errorCode": "CMN-102", "message": "No."},
            ApiError(400, (ErrorEntry("CMN-102", "No."),)),
        ),
        (
            {"errors": [{"errorCode": "ErrorCode{code='ADG-100', httpStatus=403}"}]},
            ApiError(400, (ErrorEntry("ADG-100"),)),
        ),
        ({"errors": [{"errorCode": "odd", "message": None}]}, ApiError(400, (ErrorEntry(""),))),
        (
            {"errors": [{"errorCode": JWT, "message": f"{JWT} is wrong"}]},
            ApiError(400, (ErrorEntry("", "(removed) is wrong"),)),
        ),
        (
            {"error": "invalid_grant", "error_description": "No."},
            ApiError(400, (), "invalid_grant"),
        ),
        ({"error": f"invalid {JWT}"}, ApiError(400, (), "no code")),
        ({"errors": "none"}, ApiError(400)),
        ([], ApiError(400)),
    ],
)
def test_an_error_body_is_read_in_every_shape_that_it_has(body, read):
    assert parse_error(httpx.Response(400, json=body)) == read


@pytest.mark.parametrize("content", [b"<html>", b"", b"\xff\xfe\xfd"])
def test_an_error_without_a_readable_body_speaks_by_its_status(content):
    refusal = parse_error(httpx.Response(403, content=content))

    assert (refusal, refusal.words) == (ApiError(403), "status 403")


def test_a_servers_words_reach_a_terminal_as_one_short_line_without_links():
    refusal = ApiError(
        400,
        (ErrorEntry("CMN-101", "See https://v.example.com/join/1 \x1b[31m\nnow " + "x " * 500),),
    )

    assert refusal.words.startswith("CMN-101: See (link to v.example.com) now x x")
    assert len(refusal.words) == 300


@pytest.mark.parametrize("message", ["wrong {}", "wrong {:.20}...", "Basic {}"])
def test_a_servers_words_hold_no_secret_of_the_run(message):
    secret = "s3cret-of-the-app-0001"
    sent = (
        b64encode(f"client:{secret}".encode()).decode() if message.startswith("Basic") else secret
    )
    answer = httpx.Response(
        400, json={"errors": [{"errorCode": "CMN-101", "message": message.format(sent)}]}
    )

    words = parse_error(answer, Secrets.of(SecretStr(secret))).words

    assert words.startswith(f"CMN-101: {message[:5]} (removed)")
    assert sent[:20] not in words


def test_a_secret_in_the_form_of_an_oauth_error_is_no_code():
    secret = "hush_of_the_app"

    refusal = parse_error(httpx.Response(400, json={"error": secret}), Secrets.of(secret))

    assert refusal.oauth == "no code"


CHANGE = requests.change_invitees(key(), requests.Change())
LIST = requests.list_invitees(key())


@pytest.mark.parametrize(
    ("call", "refusal", "kind", "message", "hint"),
    [
        (
            CHANGE,
            ApiError(403, (ErrorEntry("CMN-401"),)),
            Refused,
            (
                "the invitees of session 201 of webinar 101:"
                " the app lacks the permission EditWebinars (CMN-401)."
            ),
            "Add EditWebinars to the app",
        ),
        (
            LIST,
            ApiError(403, (ErrorEntry("CMN-401"),)),
            Refused,
            "the app lacks the permission ReadWebinars",
            "Add ReadWebinars",
        ),
        (
            requests.list_directory(1),
            ApiError(403, (ErrorEntry("ADG-100"),)),
            Refused,
            "the app lacks the permission ReadAccounts",
            "ReadAccounts",
        ),
        (
            LIST,
            ApiError(403, (ErrorEntry("CMN-408"),)),
            NotPermitted,
            "the user of the JWT lacks a permission (CMN-408)",
            "administrator",
        ),
        (
            requests.get_webinar("101"),
            ApiError(404, (ErrorEntry("CMN-102"),)),
            NotThere,
            "RingCentral knows no webinar 101, or its user may not see it (CMN-102).",
            "onboarding webinars",
        ),
        (
            LIST,
            ApiError(400, (ErrorEntry("CMN-102"),)),
            NotThere,
            "RingCentral knows no session 201 of webinar 101",
            "ids",
        ),
        (LIST, ApiError(404), NotThere, "RingCentral knows no session 201 of webinar 101", "ids"),
        (
            requests.list_directory(1),
            ApiError(404),
            Refused,
            "RingCentral refuses the company directory (status 404).",
            "",
        ),
        (
            LIST,
            ApiError(401, (ErrorEntry("OAU-129"),)),
            Refused,
            "does not accept its own access token",
            "RC_SERVER_URL",
        ),
        (
            LIST,
            ApiError(400, (ErrorEntry("CMN-101", "No."),)),
            Refused,
            "RingCentral refuses the list of invitees",
            "Nothing further",
        ),
        (LIST, ApiError(302), Refused, "(status 302)", ""),
    ],
)
def test_a_refused_call_is_reported_with_what_to_do_next(call, refusal, kind, message, hint):
    error = request_error(call, refusal)

    assert type(error) is kind
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("refusal", "reason", "hint"),
    [
        (
            ApiError(400, (ErrorEntry("OAU-140", "hush"),), "invalid_grant"),
            "(OAU-140)",
            "RC_USER_JWT",
        ),
        (
            ApiError(401, (ErrorEntry("OAU-146", "hush"),), "invalid_client"),
            "(OAU-146)",
            "RC_APP_CLIENT_SECRET",
        ),
        (
            ApiError(400, (), "unauthorized_client"),
            "(unauthorized_client)",
            "Allow the JWT auth flow",
        ),
        (
            ApiError(400, (ErrorEntry("OAU-999", "hush"),)),
            "(OAU-999)",
            "RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and RC_USER_JWT",
        ),
        (ApiError(403), "(status 403)", "RC_SERVER_URL"),
        (ApiError(400, (ErrorEntry("", "hush"),)), "(no code, status 400)", "RC_SERVER_URL"),
        (ApiError(400, (), "no code"), "(no code, status 400)", "RC_SERVER_URL"),
    ],
)
def test_a_refused_log_in_names_the_variables_and_never_quotes_the_server(refusal, reason, hint):
    error = login_error(refusal)

    assert error.message == f"RingCentral refuses the log-in {reason}."
    assert hint in error.hint
    assert "hush" not in str(error)


@pytest.mark.parametrize(
    ("refusal", "token", "us", "large"),
    [
        (ApiError(401), True, True, False),
        (ApiError(401, (ErrorEntry("", "Token not found"),)), True, True, False),
        (ApiError(401, (ErrorEntry("OAU-128"),)), True, True, False),
        (ApiError(401, (ErrorEntry("CMN-401"),)), False, True, False),
        (ApiError(403, (ErrorEntry("CMN-401"),)), False, True, False),
        (ApiError(403, (ErrorEntry("CMN-408"),)), False, True, False),
        (ApiError(405), False, True, False),
        (ApiError(400, (ErrorEntry("CMN-103"),)), False, True, False),
        (ApiError(400, (ErrorEntry("CMN-101"),)), False, False, False),
        (ApiError(409), False, False, False),
        (ApiError(400, (ErrorEntry("CMN-106"),)), False, False, True),
        (ApiError(413), False, False, True),
    ],
)
def test_a_refusal_is_about_the_token_us_or_the_batch(refusal, token, us, large):
    assert (refusal.is_about_token, refusal.is_about_us, refusal.is_too_large) == (token, us, large)
