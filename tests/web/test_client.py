"""One call to a web server: it ends, whatever the server does, and costs what it may cost."""

import asyncio
import ssl

import pytest
import trustme

from onboarding.errors import ConfigurationError, Interrupted
from onboarding.web.client import MAX_UNPACKED, NoAnswer, WebClient
from tests.web.hostile import (
    CHUNKED,
    OK,
    TICK,
    Conversation,
    dripping_handshake,
    hostile,
    packed,
    repeating,
    sending,
    silent,
)

pytestmark = pytest.mark.anyio

DRIPS: list = [
    pytest.param("http", silent, id="silence"),
    pytest.param("http", repeating(OK, b"x", TICK), id="headers"),
    pytest.param("http", repeating(OK + b"Content-Length: 1000000\r\n\r\n", b" ", TICK), id="body"),
    pytest.param("http", repeating(OK + b"\r\n", b" ", TICK), id="body without a length"),
    pytest.param("http", repeating(CHUNKED, b"1\r\n \r\n", TICK), id="chunks"),
    pytest.param("http", repeating(CHUNKED + b"0\r\n", b"x", TICK), id="trailer"),
    pytest.param("http", repeating(b"", b"HTTP/1.1 100 Continue\r\n\r\n", TICK), id="1xx"),
    pytest.param(
        "http", repeating(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100), id="a flood of 1xx"
    ),
    pytest.param("https", silent, id="no handshake"),
    pytest.param("https", dripping_handshake, id="handshake"),
]


async def call(url: str, *, seconds: float = 60.0, stop: asyncio.Event | None = None, environ=None):
    async with WebClient(url, timeout=seconds, stop=stop, environ=environ or {}) as client:
        return await client.send(client.build_request("GET", "/", headers={}))


async def refusal(conversation: Conversation) -> NoAnswer:
    async with hostile(conversation) as server:
        with pytest.raises(NoAnswer) as raised:
            await call(f"http://127.0.0.1:{server.port}")
    return raised.value


@pytest.mark.parametrize(("scheme", "conversation"), DRIPS)
async def test_answer_that_drips_is_given_up_as_a_whole(scheme, conversation):
    async with hostile(conversation) as server:
        with pytest.raises(NoAnswer) as raised:
            await call(f"{scheme}://127.0.0.1:{server.port}", seconds=0.3)

    assert not raised.value.final
    if scheme == "http":
        assert (raised.value.reason, raised.value.may_have_arrived) == (
            "it does not answer in time",
            True,
        )


@pytest.mark.parametrize(("scheme", "conversation"), DRIPS)
async def test_stop_signal_ends_a_call_at_once(scheme, conversation):
    stop = asyncio.Event()
    async with hostile(conversation) as server:
        calling = asyncio.create_task(
            call(f"{scheme}://127.0.0.1:{server.port}", seconds=600, stop=stop)
        )
        await server.reached.wait()
        stop.set()
        with pytest.raises(Interrupted):
            await calling


@pytest.mark.parametrize(
    ("conversation", "most"),
    [
        pytest.param(
            repeating(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
            "16 MB",
            id="chunks without end",
        ),
        pytest.param(repeating(OK + b"\r\n", b" " * 65536), "16 MB", id="a body without end"),
        pytest.param(
            sending(OK, b"Content-Length: 16777217\r\n\r\n", b" " * (16 * 1024**2 + 1)),
            "16 MB",
            id="a body",
        ),
        pytest.param(
            sending(packed(b" " * (MAX_UNPACKED + 1))), "64 MB, once unpacked", id="a bomb"
        ),
    ],
)
async def test_answer_that_is_too_large_is_cut_off_for_good(conversation, most):
    refused = await refusal(conversation)

    assert (refused.reason, refused.final, refused.may_have_arrived) == (
        f"its answer is larger than {most}",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            OK + b"Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
            "its answer is packed in a way that was not asked for",
        ),
        (
            OK + b"Content-Encoding: gzip, gzip\r\n\r\nx",
            "its answer is packed in a way that was not asked for",
        ),
        (
            OK + b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip",
            "its answer can't be unpacked",
        ),
        (packed(b"content")[:-9] + b" " * 9, "its answer can't be unpacked"),
        (OK + b"Content-Length: 9\r\n\r\nshort", "the connection was lost"),
        (OK + b"Content-Length: many\r\n\r\n", "the connection was lost"),
        (b"SSH-2.0-OpenSSH\r\n", "the connection was lost"),
        (b"", "the connection was lost"),
    ],
)
async def test_answer_that_can_not_be_used_is_none(answer, reason):
    refused = await refusal(sending(answer))

    assert (refused.reason, refused.may_have_arrived, refused.final) == (reason, True, False)


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (OK + b"Content-Length: 2\r\n\r\n{}", b"{}"),
        (CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", b"{}"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\n{}", b"{}"),
        (packed(b"{}"), b"{}"),
        (packed(b" " * MAX_UNPACKED), b" " * MAX_UNPACKED),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", b""),
    ],
    ids=[
        "with a length",
        "in chunks",
        "after 100",
        "packed",
        "packed and as large as it may be",
        "packed and empty",
    ],
)
async def test_answer_is_given_with_its_content(answer, content):
    async with hostile(sending(answer)) as server:
        given = await call(f"http://127.0.0.1:{server.port}")

    assert (given.status_code, given.content) == (200, content)


async def test_redirect_is_an_answer_and_not_followed():
    async with hostile(
        sending(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
    ) as server:
        given = await call(f"http://127.0.0.1:{server.port}")

        assert (given.status_code, server.requests) == (302, 1)


async def test_server_that_is_not_there_was_certainly_not_reached():
    async with hostile(silent) as server:
        port = server.port

    with pytest.raises(NoAnswer) as raised:
        await call(f"http://127.0.0.1:{port}")

    assert (raised.value.reason, raised.value.may_have_arrived) == (
        "no connection can be made",
        False,
    )


@pytest.mark.parametrize("name", ["127.0.0.1", "another.example"])
async def test_certificate_is_verified_by_the_file_that_a_variable_names(tmp_path, name):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    environ = {"SSL_CERT_FILE": str(tmp_path / "ca.pem")}

    async with hostile(sending(OK, b"Content-Length: 2\r\n\r\n{}"), context) as server:
        url = f"https://127.0.0.1:{server.port}"
        if name == "127.0.0.1":
            assert (await call(url, environ=environ)).content == b"{}"
        else:
            with pytest.raises(NoAnswer) as raised:
                await call(url, environ=environ)
            assert raised.value.untrusted

        with pytest.raises(NoAnswer) as raised:
            await call(url)
        assert raised.value.untrusted


async def test_variables_are_read_at_the_first_call_and_not_before():
    async with WebClient(
        "https://platform.example", timeout=1, environ={"HTTPS_PROXY": "nonsense://"}
    ) as client:
        with pytest.raises(ConfigurationError, match="HTTPS_PROXY"):
            await client.send(client.build_request("GET", "/", headers={}))
