"""Attacks through the command line by a hostile server, account, roster, template or old ledger."""

import base64
import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import wrap

import pytest

from onboarding.model.known_secrets import LINK_PART, squeeze
from tests.cli.command import Seen, command, on
from tests.messages.samples import write_templates
from tests.ringcentral import scripted as http
from tests.ringcentral.scripted import Reply
from tests.smtp import scripted as smtp
from tests.smtp.scripted import Quote
from tests.stage import HOST, NAME, PANELIST, ROOMY, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

REPORTS = [
    ["status", NAME],
    ["status", NAME, "--json"],
    ["report", NAME, "--csv"],
    ["report", NAME, "--html"],
    ["report", NAME, "--json"],
    ["history", PANELIST["email"]],
    ["history", PANELIST["email"], "--json"],
]


def parts(text: str, length: int = LINK_PART) -> set[str]:
    squeezed, _ = squeeze(text)
    return {squeezed[start : start + length] for start in range(len(squeezed) - length + 1)}


def assert_tells_nothing(printed: str, *secrets: str) -> None:
    """Find no ten letters and digits in a row of a secret, also with other characters between."""
    shown = parts(printed)
    for secret in secrets:
        assert not parts(secret) & shown


def assert_harmless(seen: Seen) -> None:
    """Nothing in it that a terminal obeys, and no traceback."""
    assert "Traceback" not in seen.err
    # a report begins with a byte order mark
    for line in re.split("[\r\n]", seen.all.removeprefix("\ufeff")):
        assert line.isprintable(), ascii(line)


def link_of(body: bytes) -> str:
    """The join link of a message's bytes, its soft line breaks undone."""
    text = body.replace(b"=\r\n", b"").replace(b"=3D", b"=").decode("latin-1")
    found = re.search(r"https://webinar\.example/join/[\w-]+", text)
    assert found
    return found.group()


def lines(code: str, text: str) -> str:
    *first, last = wrap(text, 24)
    return "\r\n".join([*(f"{code}-{line}" for line in first), f"{code} {last}"])


def message_of(body: bytes) -> str:
    """A piece of the body around the link, as it was sent."""
    start = body.find(b"https:") - 200
    return re.sub(rb"\s+", b" ", body[start : start + 900]).decode("latin-1")


QUOTATIONS: list[Callable[[bytes], str]] = [
    lambda body: f"554 5.7.1 {link_of(body)} is on a list",
    lambda body: f"451 4.7.1 {link_of(body).removeprefix('https://')}",
    lambda body: f"554 5.7.1 bad word {link_of(body).rpartition('/')[2]}",
    lambda body: lines("554", f"spam: {link_of(body)}"),
    lambda body: f"250 2.0.0 Ok: queued as 4XyZ1 {link_of(body)}",
    lambda body: f"250 2.0.0 Ok: queued as {link_of(body).rpartition('/')[2]}",
    lambda body: "554 " + "".join(f"%{ord(char):02x}" for char in link_of(body)),
    lambda body: lines("554", base64.b64encode(link_of(body).encode()).decode()),
    lambda body: lines("554", message_of(body)),
]


async def test_a_mail_server_that_quotes_the_message_does_not_show_a_join_link(tmp_path):
    people = [HOST, PANELIST, *(panelist(number) for number in range(len(QUOTATIONS) - 2))]
    async with (
        smtp.scripted({"dot": [Quote(quotation) for quotation in QUOTATIONS]}) as server,
        stage(tmp_path, people, limits=ROOMY) as scene,
    ):
        variables = {"ONBOARDING_SMTP__PORT": str(server.port)}
        seen = [await on(scene, "run", NAME, "--yes", "--wait", "0", **variables)]
        seen += [await on(scene, *words, **variables) for words in REPORTS]
        tokens = [link.rpartition("/")[2] for link in scene.join_links()]
        files = [file.read_bytes().decode("latin-1") for file in tmp_path.glob("onboarding.db*")]

    assert len(server.bodies) == len(people)
    coded = [base64.b64encode(token.encode()).decode() for token in tokens]
    for output in seen:
        assert_harmless(output)
        assert_tells_nothing(output.all, *tokens, *coded)
    for content in files:
        assert not [token for token in tokens if token in content]


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("decoded", [False, True], ids=["as sent", "decoded"])
async def test_a_mail_server_that_echoes_the_log_in_does_not_show_the_password(
    tmp_path, method, decoded
):
    password = "Tr0ub4dor-and-3-more"
    heard: list[str] = []

    def echo(received: bytes) -> str:
        heard.append(received.decode().split()[-1])
        text = base64.b64decode(heard[-1]).decode().replace("\0", " ") if decoded else heard[-1]
        return f"535 5.7.8 no log-in with {text}"

    login = {
        "ONBOARDING_SMTP__USERNAME": "events@brightwater.example",
        "ONBOARDING_SMTP__PASSWORD": password,
    }
    async with (
        smtp.scripted({"auth": [Quote(echo)] * 9}, [f"AUTH {method}"]) as server,
        stage(tmp_path, [HOST], limits=ROOMY) as scene,
    ):
        variables = {**login, "ONBOARDING_SMTP__PORT": str(server.port)}
        commands = (
            ["check", NAME],
            ["run", NAME, "--yes"],
            ["send-test", NAME, "--to", "me@example.com"],
            ["status", NAME],
        )
        seen = [await on(scene, *words, **variables) for words in commands]

    assert len(heard) == 3
    for output in seen:
        assert_harmless(output)
        assert_tells_nothing(output.all, password)
        assert not [argument for argument in heard if argument in output.all]


JWT = "eyJraWQiOiI4NzYyZjU5OGQ3In0.eyJhdWQiOiJodHRwczovL3BsYXRmb3JtIn0.dZPPZn-Y2a9gHnZkTq0w"


@pytest.mark.parametrize("field", ["error", "errorCode", "message"])
@pytest.mark.parametrize("step", ["log-in", "call"])
async def test_a_ringcentral_that_echoes_the_jwt_does_not_show_it(tmp_path, step, field):
    text = f"bad\x1b[31m {JWT}"
    body = {"error": text} if field == "error" else {"errors": [{field: text}]}
    async with http.scripted() as server, stage(tmp_path, [HOST]) as scene:
        server.script = [Reply(body, 400)] * 9
        server.logins = [Reply(body, 400)] * 9 if step == "log-in" else []
        variables = {"RC_SERVER_URL": server.url, "RC_USER_JWT": JWT}
        seen = [
            await on(scene, *words, **variables)
            for words in (["check", NAME], ["run", NAME, "--yes"], ["webinars"])
        ]

    assert [output.code for output in seen] == [1, 2, 2]
    for output in seen:
        assert_harmless(output)
        assert_tells_nothing(output.all, JWT)
    if field != "message":
        assert "no code" in seen[1].err


EVIL = (
    "Launch\x1b[31m\x1b]8;;https://evil.example\x07day\x1b]8;;\x07\r\n"
    "row\t\u202e\u2028\x9b2J\u200b[red]:boom:[/red]"
)
SHOWN = "Launchday row [red]:boom:[/red]"


async def test_titles_and_names_from_ringcentral_do_nothing_to_a_terminal(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        make_evil(scene)
        plan = await on(scene, "plan", NAME)
        webinars = await on(scene, "webinars")
        run = await on(scene, "run", NAME, "--yes")
        further = (
            ["check", NAME],
            ["webinars", "--json"],
            ["plan", NAME, "--json"],
            ["directory", HOST["email"]],
        )
        seen = [await on(scene, *words) for words in (*REPORTS, *further)]

    for output in (plan, webinars, run, *seen):
        assert_harmless(output)
    assert SHOWN in plan.out
    assert SHOWN in webinars.out
    assert SHOWN in run.out
    assert json.loads(seen[1].out)["session"]["title"] == SHOWN
    assert plan.out.count("\n") == len(plan.out.splitlines())


def make_evil(scene: Stage) -> None:
    """Give the session a hostile title, and the host and a stranger hostile names."""
    world = scene.ringcentral.account
    world.update_session(WEBINAR, SESSION, title=EVIL)
    key = WEBINAR, SESSION
    host = next(iter(world.list_records(WEBINAR, SESSION)))
    stranger = replace(
        host,
        id="77",
        role="Panelist",
        email="stranger@example.com",
        linked_user=None,
        first_name=EVIL,
        last_name=EVIL,
    )
    world.invitees[key] = {**world.invitees[key], stranger.id: stranger}


OLD = (
    "554 5.7.1 https://webinar.example/join/0ldT0kenThatN0b0dyMaySee see=3D "
    "https=3A//webinar.example/j/0ldT0kenThatN0b0dyMaySee "
    f"\x1b[31m {'QWxhZGRpbjpvcGVuIHNlc2FtZQ' * 2}=="
)


async def test_what_an_older_version_stored_is_cleaned_when_it_is_shown(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        assert (await on(scene, "run", NAME, "--yes")).code == 0
        age(tmp_path / "onboarding.db")
        seen = [await on(scene, *words) for words in REPORTS]

    for output in seen:
        assert output.code == 0
        assert_harmless(output)
        assert_tells_nothing(output.all, "0ldT0kenThatN0b0dyMaySee", "QWxhZGRpbjpvcGVuIHNlc2FtZQ")
        assert "(link to webinar.example)" in output.all


def age(ledger: Path) -> None:
    """Put into a ledger what a version before cleaning would have stored."""
    with sqlite3.connect(ledger) as connection:
        connection.execute("UPDATE deliveries SET reply = ?, reason = ?, told = 'x'", (OLD, OLD))
        connection.execute("UPDATE sessions SET title = ?", (EVIL,))
        connection.execute("UPDATE events SET detail = ?", (OLD,))
    connection.close()


async def test_cells_headers_and_names_of_files_do_nothing_to_a_terminal(tmp_path):
    link = "https://webinar.example/join/T0kenInACell0123456789"
    roster = tmp_path / "people\x1b[31m\u202e.csv"
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        roster.write_text(
            'first_name,last_name,email,role,"x\x1b]0;y\x07"\n'
            f'"A\x1b[31mda",Lovelace,{link},{link},"{EVIL}"\n'
            "Bob,Example,bob@example.com,[red]Chef[/red],\n"
            f"{'x' * 10_000},Example,{'x' * 10_000},Panelist,\n",
            encoding="utf-8",
        )
        seen = [
            await on(scene, "plan", NAME, "--invitees", roster.name),
            await on(scene, "plan", NAME, "--invitees", roster.name, "--json"),
            await on(scene, "run", NAME, "--yes", "--strict", "--invitees", roster.name),
            await on(scene, "run", NAME, "--yes", "--invitees", f"none-{roster.name}"),
            await on(scene, "check", NAME, ONBOARDING_WEBINARS__LAUNCH__INVITEES=roster.name),
            await on(scene, "preview", NAME, "--out", "pages", "--invitees", roster.name),
        ]

    for output in seen:
        assert_harmless(output)
        assert_tells_nothing(output.all, "T0kenInACell0123456789")
        assert max(map(len, output.all.split("\n")), default=0) < 5000
    assert "[red]Chef[/red]" in seen[0].out


async def test_configuration_and_variables_do_nothing_to_a_terminal(tmp_path):
    (tmp_path / "config.toml").write_text(
        '[smtp]\nhost = "mail\\u001b[31m"\n"evil\\u001b]0;x\\u0007" = 1\n'
        '[brand]\nname = "\\u202ex"\nsender = "a\\u001b"\n'
        '[webinars."x\\u009b2J"]\nwebinar = "1\\u001b"\n',
        encoding="utf-8",
    )
    broken = await command(tmp_path, "check")
    variables = {
        "ONBOARDING_\x1b[31mX": "x",
        "ONBOARDING_SMPT__\x1b]0;y\x07": "x",
        "RC_SERVER_URL": "https://x\x1b[31m",
    }
    named = await command(tmp_path, "check", variables=variables)
    unknown = await command(tmp_path, "status", "x\x1b[31m\u202e", variables=variables)

    for seen in (broken, named, unknown):
        assert seen.code == 2
        assert_harmless(seen)


async def test_an_error_of_the_program_itself_shows_no_value(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)], limits=ROOMY) as scene:
        assert (await on(scene, "run", NAME, "--yes")).code == 0
        with sqlite3.connect(tmp_path / "onboarding.db") as connection:
            connection.execute(
                "UPDATE sessions SET status = 'https://webinar.example/join/InAnException0123'"
            )
        connection.close()
        seen = await on(scene, "status", NAME)

    assert seen.code == 1
    assert "an error in this program itself, ValueError at" in seen.err
    assert_harmless(seen)
    assert_tells_nothing(seen.all, "InAnException0123")


PICKLE = "cposix\\nmkdir\\n(Vcanary\\ntR."
"""As `pickle` reads it: make a folder."""

AS_PICKLE = "content_type='application/pickle', allow_pickle=True"

TEMPLATES = {
    f"{{% set c = brand.colours %}}{{{{ c.parse_raw('{PICKLE}', {AS_PICKLE}) }}}}": (
        "asks for 'parse_raw', which does not exist"
    ),
    "{{ invitee.name['__class__'] }}": "asks for '__class__', which no template may use",
    "{{ '{0.__class__}'.format(invitee) }}": "asks for 'format', which no template may use",
    "{{ [invitee]|map(attribute='__class__')|list }}": (
        "asks for '__class__', which no template may use"
    ),
    "{{ invitee|attr('name') }}": "there is no filter attr",
    "{{ panel.invitees }}": "asks for 'invitees', which does not exist",
    "{% for person in panel %}{{ person.email }}{% endfor %}": "there is no person.email",
    "{% include '../secrets/RC_USER_JWT' %}": "there is no file '../secrets/RC_USER_JWT'",
    "{% include 'parts/jwt' %}": "is a link that leads out of the template folders",
    "{% set name = '/etc/passwd' %}{% include name %}": (
        "a shared part that is not in the template folders"
    ),
    "{{ 'a'|center(10 ** 9) }}": "a value of more than 1,000,000 characters or items",
    "{{ 'a' * 10 ** 10 }}": "a value of more than 1,000,000 characters or items",
    "{{ 9 ** (9 ** 9) }}": "a number of more than 4,000 digits",
    "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}": (
        "more than 100,000 steps"
    ),
    "{% for i in range(99) %}{{ 'a' * 99999 }}{% endfor %}": (
        "a part of more than 2,000,000 characters"
    ),
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": "calls or includes itself without end",
}


@pytest.mark.parametrize("words", TEMPLATES, ids=range(len(TEMPLATES)))
async def test_hostile_template_is_refused_by_every_command_that_meets_it(
    tmp_path: Path, words: str
):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "RC_USER_JWT").write_text("a-secret-that-no-template-shows")
    folder = write_templates(tmp_path / "templates", words=words)
    if "parts/jwt" in words:
        (folder / "parts").mkdir()
        (folder / "parts" / "jwt").symlink_to("../../secrets/RC_USER_JWT")
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        outputs = [
            await on(scene, "lint"),
            await on(scene, "preview", NAME, "--out", str(tmp_path / "pages")),
            await on(scene, "run", NAME, "--yes", "--wait", "0"),
        ]

    assert [output.code for output in outputs] == [1, 2, 2]
    for seen in outputs:
        assert_harmless(seen)
        assert TEMPLATES[words] in " ".join(seen.all.split())
        assert "a-secret-that-no-template-shows" not in seen.all
    assert scene.recipients() == []
    assert not (tmp_path / "pages").exists()
    assert not (tmp_path / "canary").exists()
