"""Log-in: credentials, tokens and their ends (`docs/ringcentral.md`, "Log in")."""

import base64
from datetime import timedelta

import pytest
from pydantic import SecretStr

from onboarding.simulator.errors import LoginRefused
from onboarding.simulator.tokens import JWT_BEARER, Credentials, IssuedTokens
from tests.simulator.accounts import NOW

HELD_TO = Credentials(client_id="app", client_secret=SecretStr("s3cret"), jwt=SecretStr("a.b.c"))


def basic(client: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


APP = basic("app", "s3cret")
JWT = {"grant_type": JWT_BEARER, "assertion": "a.b.c"}


def log_in(tokens: IssuedTokens, form: dict = JWT) -> dict:
    return tokens.log_in(APP, form, NOW)


def code(tokens: IssuedTokens, token: str, later: timedelta = timedelta()) -> str:
    """What a call with this token is told: an error code, or nothing."""
    try:
        tokens.check(f"Bearer {token}", NOW + later)
    except LoginRefused as refusal:
        return refusal.code
    return ""


def test_answer_to_a_log_in_says_what_the_client_must_know():
    answer = log_in(IssuedTokens(HELD_TO))

    assert (answer["token_type"], answer["expires_in"], answer["refresh_token_expires_in"]) == (
        "bearer",
        7199,
        604799,
    )


def test_every_log_in_gives_another_token():
    tokens = IssuedTokens()

    assert len({log_in(tokens)["access_token"] for _ in range(3)}) == 3


@pytest.mark.parametrize("form", [JWT, {**JWT, "assertion": "x"}])
@pytest.mark.parametrize("authorization", [APP, basic("other", "s")])
def test_any_credentials_do_where_none_are_held_to(authorization, form):
    answer = IssuedTokens().log_in(authorization, form, NOW)

    assert answer["token_type"] == "bearer"


REFUSED = [
    (HELD_TO, basic("app", "wrong"), JWT, 401, "invalid_client", "OAU-146"),
    (HELD_TO, basic("other", "s3cret"), JWT, 401, "invalid_client", "OAU-146"),
    (HELD_TO, APP, {**JWT, "assertion": "wrong"}, 400, "invalid_grant", "OAU-140"),
    (None, "", JWT, 401, "invalid_client", "OAU-146"),
    (None, "Bearer x", JWT, 401, "invalid_client", "OAU-146"),
    (None, "Basic %%%", JWT, 401, "invalid_client", "OAU-146"),
    (None, basic("app", ""), JWT, 401, "invalid_client", "OAU-146"),
    (None, APP, {"grant_type": JWT_BEARER}, 400, "invalid_grant", "OAU-140"),
    (None, APP, {"grant_type": "password"}, 400, "unsupported_grant_type", "CMN-101"),
    (None, APP, {}, 400, "unsupported_grant_type", "CMN-101"),
    (
        None,
        APP,
        {"grant_type": "refresh_token", "refresh_token": "x"},
        400,
        "invalid_grant",
        "OAU-140",
    ),
]


@pytest.mark.parametrize(
    ("credentials", "authorization", "form", "status", "error", "code"), REFUSED
)
def test_wrong_log_in_is_refused(credentials, authorization, form, status, error, code):
    with pytest.raises(LoginRefused) as refused:
        IssuedTokens(credentials).log_in(authorization, form, NOW)

    assert (refused.value.status, refused.value.error, refused.value.code) == (status, error, code)


def test_credentials_are_read_form_encoded():
    tokens = IssuedTokens(
        Credentials(client_id="a:p", client_secret=SecretStr("s ä"), jwt=SecretStr("a.b.c"))
    )

    assert tokens.log_in(basic("a%3Ap", "s+%C3%A4"), JWT, NOW)["token_type"] == "bearer"


@pytest.mark.parametrize(("seconds", "expected"), [(7199, ""), (7200, "OAU-128")])
def test_token_lives_for_two_hours(seconds, expected):
    tokens = IssuedTokens()

    assert code(tokens, log_in(tokens)["access_token"], timedelta(seconds=seconds)) == expected


def test_token_lives_as_shortly_as_the_client_asks():
    tokens = IssuedTokens()
    answer = log_in(tokens, {**JWT, "access_token_ttl": "600"})

    assert answer["expires_in"] == 599
    assert code(tokens, answer["access_token"], timedelta(seconds=600)) == "OAU-128"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer unknown", "Basic abc"])
def test_call_without_a_token_that_was_given_out_is_refused(authorization):
    tokens = IssuedTokens()
    log_in(tokens)

    with pytest.raises(LoginRefused) as refused:
        tokens.check(authorization, NOW)

    assert (refused.value.status, refused.value.code) == (401, "OAU-129")


def test_refresh_token_gets_one_new_token_and_is_used_up():
    tokens = IssuedTokens(HELD_TO)
    refresh = {"grant_type": "refresh_token", "refresh_token": log_in(tokens)["refresh_token"]}

    renewed = log_in(tokens, refresh)

    assert code(tokens, renewed["access_token"]) == ""
    with pytest.raises(LoginRefused):
        log_in(tokens, refresh)


def test_expired_tokens_are_told_from_revoked_ones():
    tokens = IssuedTokens()
    old = log_in(tokens)["access_token"]

    tokens.expire_all(NOW)
    expired = code(tokens, old)
    new = log_in(tokens)["access_token"]
    tokens.revoke_all()

    assert [expired, code(tokens, new)] == ["OAU-128", "OAU-129"]


def test_revoking_one_token_leaves_the_others():
    tokens = IssuedTokens()
    first, second = (log_in(tokens)["access_token"] for _ in range(2))

    tokens.revoke(first)
    tokens.revoke("never given out")

    assert [code(tokens, first), code(tokens, second)] == ["OAU-129", ""]
