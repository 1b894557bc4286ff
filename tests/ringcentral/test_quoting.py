"""A RingCentral that quotes what it was sent: no secret and no join link is in an error."""

import base64
import re
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from onboarding.errors import OnboardingError
from onboarding.model.registrations import Change
from onboarding.ringcentral.client import RingCentral
from onboarding.ringcentral.settings import RingCentralSettings
from tests.ringcentral.people import guest, key, record
from tests.ringcentral.scripted import TOKEN, Reply

pytestmark = pytest.mark.anyio

JWT = "eyJraWQiOiI4NzYyZjU5OGQ3In0.eyJhdWQiOiJodHRwczovL3BsYXRmb3JtIn0.dZPPZn-Y2a9gHnZkTq0w"
SECRET = "kT9-geheim-vX2qLw8"
ACCESS = "VTJDSjAwUDAxUEFTMDB8QUFC-8Jx"
LINK = "https://v.ringcentral.example/join/8f3a9c0d1e2b4a5f6a7b8c9d0e1f2a3b"

QUOTED: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "cut off": lambda secret: secret[: len(secret) * 9 // 10],
    "in base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "in lines": lambda secret: re.sub("(.{12})", r"\1\n", secret),
    "with percent signs": lambda secret: "".join(f"%{ord(char):02x}" for char in secret),
    "as a form": lambda secret: f"grant_type=x&assertion={secret}&y=z",
}


@pytest.fixture
async def client(server, around):
    settings = RingCentralSettings(
        server=server.url, client_id="app", client_secret=SecretStr(SECRET), jwt=SecretStr(JWT)
    )
    clock = around.clock
    async with RingCentral(
        settings, around.gate, around.progress, clock=clock, sleep=clock.sleep
    ) as opened:
        yield opened


def assert_tells_nothing(text: str) -> None:
    assert all(map(str.isprintable, text.splitlines()))
    squeezed = re.sub(r"[^a-z0-9]", "", text.lower())
    for secret in (JWT, SECRET, ACCESS, LINK.rpartition("/")[2]):
        letters = re.sub(r"[^a-z0-9]", "", secret.lower())
        parts = [letters[start : start + 12] for start in range(len(letters) - 11)]
        assert not [part for part in parts if part in squeezed]


@pytest.mark.parametrize("quoted", QUOTED)
@pytest.mark.parametrize("secret", [JWT, SECRET])
@pytest.mark.parametrize(
    "field", ["error", "error_description", "errorCode", "message", "parameterValue"]
)
async def test_a_refused_log_in_tells_no_secret(client, server, field, secret, quoted):
    sentence = QUOTED[quoted](secret)
    body = (
        {field: sentence}
        if field.startswith("error_") or field == "error"
        else {"errors": [{field: sentence}]}
    )
    server.logins = [Reply(body, 400)]

    with pytest.raises(OnboardingError) as raised:
        await client.permissions()

    assert_tells_nothing(str(raised.value))


@pytest.mark.parametrize("quoted", QUOTED)
@pytest.mark.parametrize("secret", [JWT, SECRET, ACCESS])
@pytest.mark.parametrize("field", ["errorCode", "message"])
async def test_a_refused_call_tells_no_secret(client, server, field, secret, quoted):
    server.logins = [Reply({**TOKEN, "access_token": ACCESS})]
    server.script = [
        Reply({"errors": [{"errorCode": "CMN-401", field: QUOTED[quoted](secret)}]}, 403)
    ]

    with pytest.raises(OnboardingError) as raised:
        await client.webinar("101")

    assert_tells_nothing(str(raised.value))


@pytest.mark.parametrize("quoted", QUOTED)
@pytest.mark.parametrize("secret", [LINK, LINK.rpartition("/")[2], SECRET])
async def test_a_refused_person_gets_a_problem_without_a_secret(
    client, server, around, secret, quoted
):
    known = record(2, join_uri=SecretStr(LINK))
    refused = {"errorCode": "CMN-101", "message": QUOTED[quoted](secret)}
    server.script = [Reply({"errors": [refused]}, 400)] * 4

    applied = await client.apply(key(), Change(add=(guest(1),)), (known,))

    assert [problem.email for problem in applied.problems] == [guest(1).email]
    assert_tells_nothing(applied.problems[0].message)
    assert_tells_nothing("\n".join(around.progress.lines))
