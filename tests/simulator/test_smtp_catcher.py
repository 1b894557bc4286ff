"""The mail catcher over real sockets: what it keeps, and what it refuses to order."""

import json
import ssl
import stat

import aiosmtplib
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from onboarding.simulator.smtp_catcher import FolderStore, MailRules, RunningMail, serve_mail

pytestmark = pytest.mark.anyio

LOOPS = [("asyncio", {"use_uvloop": uvloop}) for uvloop in (False, True)]
SENDER = "events@brightwater.example"
BODY = b"Subject: Tides\r\nX-Odd:  two  spaces \r\n\r\n.dot\r\n..dots\r\nJ\xc3\xb6rg\r\n"


async def send(mail: RunningMail, *recipients: str, body: bytes = BODY, **options) -> str:
    """Send one message and return the server's answer to the final dot."""
    options = {"use_tls": False, "start_tls": False, **options}
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=mail.port, **options) as client:
        _, answer = await client.sendmail(SENDER, recipients, body)
    return answer


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_message_is_kept_byte_by_byte_with_its_envelope(tmp_path):
    async with serve_mail(tmp_path / "mail") as mail:
        answer = await send(mail, "ada@example.com", "bob@example.com")
        (caught,) = mail.messages()

    file = tmp_path / "mail" / "0001-ada@example.com.eml"
    assert answer == "2.0.0 Ok: caught as 0001"
    assert file.read_bytes() == BODY
    assert (caught.number, caught.sender, caught.recipients, caught.content, caught.file) == (
        1,
        SENDER,
        ("ada@example.com", "bob@example.com"),
        BODY,
        file,
    )


async def test_mail_is_for_its_owner_only(tmp_path):
    async with serve_mail(tmp_path / "mail") as mail:
        await send(mail, "ada@example.com")

    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in [tmp_path / "mail", *(tmp_path / "mail").iterdir()]
    }
    assert modes == {"mail": 0o700, "0001-ada@example.com.eml": 0o600, "envelopes.jsonl": 0o600}


async def test_folder_that_holds_mail_gets_more(tmp_path):
    for recipient in ("ada@example.com", "ada@example.com"):
        async with serve_mail(tmp_path) as mail:
            await send(mail, recipient)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0001-ada@example.com.eml",
        "0002-ada@example.com.eml",
        "envelopes.jsonl",
    ]


def test_mail_is_never_overwritten_even_where_the_list_of_envelopes_is_gone(tmp_path):
    for name in ("0041-ada@example.com.eml", "10000-ada@example.com.eml", "notes.eml"):
        (tmp_path / name).write_bytes(b"old")

    caught = FolderStore(tmp_path).keep(SENDER, ("ada@example.com",), BODY)

    assert caught.file == tmp_path / "10001-ada@example.com.eml"
    assert (tmp_path / "10000-ada@example.com.eml").read_bytes() == b"old"


async def test_mail_without_a_folder_stays_in_memory():
    async with serve_mail(None) as mail:
        await send(mail, "ada@example.com")
        await send(mail, "bob@example.com")

    assert [
        (message.number, message.recipients, message.content, message.file)
        for message in mail.messages()
    ] == [
        (1, ("ada@example.com",), BODY, None),
        (2, ("bob@example.com",), BODY, None),
    ]


async def test_address_beyond_ascii_is_taken():
    async with serve_mail(None) as mail:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=mail.port, start_tls=False) as client:
            await client.mail(SENDER, options=["SMTPUTF8"], encoding="utf-8")
            await client.rcpt("jörg@example.com", encoding="utf-8")
            await client.data(BODY)
        (caught,) = mail.messages()

    assert caught.recipients == ("jörg@example.com",)


@pytest.mark.parametrize(
    ("recipient", "name"),
    [
        ("a/../b@example.com", "0001-a_.._b@example.com.eml"),
        ("jörg@example.com", "0001-jörg@example.com.eml"),
        ("x" * 200 + "@example.com", f"0001-{'x' * 120}.eml"),
        ("佐" * 100 + "@example.com", f"0001-{'佐' * 40}.eml"),
        ("\udcff@example.com", "0001-_@example.com.eml"),
    ],
)
def test_file_name_is_one_that_every_file_system_takes(tmp_path, recipient, name):
    caught = FolderStore(tmp_path).keep(SENDER, (recipient,), BODY)

    assert caught.file == tmp_path / name


@given(
    recipient=st.binary(min_size=1).map(lambda raw: raw.decode(errors="surrogateescape")),
    content=st.binary(),
)
def test_every_message_is_found_again_in_the_folder(tmp_path_factory, recipient, content):
    folder = FolderStore(tmp_path_factory.mktemp("mail"))

    kept = folder.keep(SENDER, (recipient,), content)

    assert folder.messages() == (kept,)


def test_envelope_is_a_line_of_json(tmp_path):
    FolderStore(tmp_path).keep(SENDER, ("jörg@example.com",), BODY)

    assert json.loads((tmp_path / "envelopes.jsonl").read_text(encoding="utf-8")) == {
        "number": 1,
        "file": "0001-jörg@example.com.eml",
        "sender": SENDER,
        "recipients": ["jörg@example.com"],
    }


async def test_refused_recipient_hears_the_reply_each_time_and_the_others_are_served():
    rules = MailRules(refuse={"Ada@example.com": "550 5.1.1 No such user"})
    async with serve_mail(None, rules=rules) as mail:
        for _ in range(2):
            with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
                await send(mail, "ada@example.com")
            assert (refused.value.recipients[0].code, refused.value.recipients[0].message) == (
                550,
                "5.1.1 No such user",
            )
        await send(mail, "bob@example.com")

    assert [message.recipients for message in mail.messages()] == [("bob@example.com",)]


async def test_deferred_recipient_is_served_the_second_time():
    async with serve_mail(None, rules=MailRules(defer_once=frozenset({"ada@example.com"}))) as mail:
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as deferred:
            await send(mail, "ada@example.com")
        await send(mail, "ada@example.com")

    assert deferred.value.recipients[0].code == 451
    assert len(mail.messages()) == 1


async def test_sender_can_be_refused():
    async with serve_mail(None, rules=MailRules(refuse_sender="553 5.7.1 Not yours")) as mail:
        with pytest.raises(aiosmtplib.SMTPSenderRefused) as refused:
            await send(mail, "ada@example.com")

    assert (refused.value.code, mail.messages()) == (553, ())


@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_lost_reply_leaves_the_sender_in_doubt_though_the_mail_is_taken():
    async with serve_mail(None, rules=MailRules(lose_reply=frozenset({"ada@example.com"}))) as mail:
        with pytest.raises(aiosmtplib.SMTPServerDisconnected):
            await send(mail, "ada@example.com")
        await send(mail, "bob@example.com")

    assert [message.recipients for message in mail.messages()] == [
        ("ada@example.com",),
        ("bob@example.com",),
    ]


async def test_message_that_is_too_large_is_refused():
    async with serve_mail(None, rules=MailRules(size_limit=1000)) as mail:
        with pytest.raises(aiosmtplib.SMTPResponseException) as refused:
            await send(mail, "ada@example.com", body=b"x" * 990 + b"\r\n" + b"x" * 990)

    assert (refused.value.code, mail.messages()) == (552, ())


LOGIN = MailRules(username="events", password=SecretStr("s3cret"), needs_login=True)


async def test_log_in_that_is_right_is_accepted():
    async with serve_mail(None, rules=LOGIN) as mail:
        await send(mail, "ada@example.com", username="events", password="s3cret")

    assert len(mail.messages()) == 1


@pytest.mark.parametrize(("username", "password"), [("events", "wrong"), ("other", "s3cret")])
async def test_log_in_that_is_wrong_is_refused(username, password):
    async with serve_mail(None, rules=LOGIN) as mail:
        with pytest.raises(aiosmtplib.SMTPAuthenticationError) as refused:
            await send(mail, "ada@example.com", username=username, password=password)

    assert refused.value.code == 535


async def test_sender_who_does_not_log_in_is_refused_where_it_is_needed():
    async with serve_mail(None, rules=LOGIN) as mail:
        with pytest.raises(aiosmtplib.SMTPSenderRefused) as refused:
            await send(mail, "ada@example.com")

    assert refused.value.code == 530


async def test_any_log_in_is_accepted_where_none_is_needed():
    async with serve_mail(None) as mail:
        await send(mail, "ada@example.com", username="anybody", password="anything")

    assert len(mail.messages()) == 1


async def test_line_is_encrypted_by_starttls(server_tls, client_tls):
    async with serve_mail(None, rules=MailRules(starttls=server_tls, needs_starttls=True)) as mail:
        await send(mail, "ada@example.com", start_tls=True, tls_context=client_tls)

    assert len(mail.messages()) == 1


async def test_line_without_starttls_is_refused_where_it_is_needed(server_tls):
    async with serve_mail(None, rules=MailRules(starttls=server_tls, needs_starttls=True)) as mail:
        with pytest.raises(aiosmtplib.SMTPResponseException) as refused:
            await send(mail, "ada@example.com")

    assert refused.value.code == 530


async def test_line_is_encrypted_from_its_first_byte(server_tls, client_tls):
    async with serve_mail(None, rules=MailRules(tls=server_tls)) as mail:
        await send(mail, "ada@example.com", use_tls=True, start_tls=None, tls_context=client_tls)

    assert len(mail.messages()) == 1


async def test_catcher_that_stops_cuts_the_lines_that_are_left():
    async with serve_mail(None) as mail:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=mail.port, start_tls=False)
        await client.connect()

    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await client.noop()
    client.close()


def test_rules_do_not_print_the_password():
    assert "s3cret" not in repr(LOGIN)
