"""Two companies in one configuration: each with its own people, letters, servers and secrets."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from onboarding.config.console import ConsoleRole
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import find_target
from tests.cli.command import on
from tests.companies import ACME, Companies, Company, stage_companies
from tests.console.serving import serve_on
from tests.samples import CARLOS
from tests.stage import NAME, as_email

pytestmark = pytest.mark.anyio

PAGES = ("", "/plan", "/report", "/report/csv", "/report/json", "/report/html")


def assert_nothing_of(other: Company, texts: Iterable[str]) -> None:
    """No text holds one of the other company's planted values."""
    for text in texts:
        assert [value for value in other.planted if value in text] == []


def read_letters(company: Company) -> list[str]:
    """The messages that a company's mail server took: fields, and each part decoded."""
    letters = [as_email(message.content) for message in company.mail.messages()]
    return [
        "\n".join(
            [
                *map(str, letter.values()),
                *(
                    part.get_content()
                    for part in letter.walk()
                    if part.get_content_maintype() == "text"
                ),
            ]
        )
        for letter in letters
    ]


async def test_each_companys_mail_holds_nothing_of_the_others(tmp_path):
    async with stage_companies(tmp_path) as stage:
        assert await stage.scene.cron() == 0

        for company, other in ((stage.brightwater, stage.acme), (stage.acme, stage.brightwater)):
            letters = read_letters(company)
            assert len(letters) == 3
            assert all(f"events@{company.domain}" in letter for letter in letters)
            assert_nothing_of(other, letters)
            # The same address was mailed by both, each with the link of that company's session.
            assert CARLOS.email in {
                address for message in company.mail.messages() for address in message.recipients
            }
        assert "by Brightwater" in "".join(read_letters(stage.brightwater))
        assert await stage.scene.cron() == 0
        assert len(stage.acme.mail.messages()) == 3


@pytest.mark.parametrize(
    "words",
    [
        ("status", ACME),
        ("status", ACME, "--json"),
        ("report", ACME, "--json"),
        ("report", ACME, "--html"),
        ("report", "--account", "acme", "--csv"),
        ("show", ACME, CARLOS.email),
        ("plan", ACME),
        ("preview", ACME, "--out", "preview"),
        ("check", ACME),
        ("roster", ACME),
        ("directory", CARLOS.email, "--account", "acme"),
        ("webinars", "--account", "acme"),
    ],
    ids=" ".join,
)
async def test_no_command_about_one_company_shows_another(tmp_path, words):
    async with stage_companies(tmp_path) as stage:
        await stage.scene.cron()

        seen = await on(stage.scene, *words)

        assert seen.code in {0, 1}
        texts = [file.read_text() for file in (tmp_path / "preview").rglob("*.html")]
        # It is about this company, so that what is not there could have been.
        assert any(word in text.lower() for text in (seen.all, *texts) for word in ("acme", "carl"))
        assert_nothing_of(stage.brightwater, [seen.all, *texts])


@pytest.mark.parametrize(
    ("account", "code", "said"),
    [
        ("default", 0, "guest1@example.com"),
        ("acmee", 2, "There is no section [accounts.acmee]"),
        ("empty", 2, "is of the account empty."),
    ],
)
async def test_report_of_an_account_is_about_its_webinars(tmp_path, account, code, said):
    async with stage_companies(tmp_path) as stage:
        await stage.scene.cron()
        with (tmp_path / "config.toml").open("a") as file:
            file.write("[accounts.empty]\n")

        seen = await on(stage.scene, "report", "--account", account, "--csv")

        assert (seen.code, said in seen.all) == (code, True)
        assert_nothing_of(stage.acme, [seen.all])


async def test_plan_page_holds_nothing_of_another_company(tmp_path):
    async with stage_companies(tmp_path) as stage:
        seen = await on(stage.scene, "plan", ACME, "--page", "plan.html")
        page = (tmp_path / "plan.html").read_text()

        assert seen.code == 0
        assert "events@acme.example" in page
        assert_nothing_of(stage.brightwater, [page])


async def test_console_user_of_one_companys_webinar_sees_nothing_of_another(tmp_path):
    async with stage_companies(tmp_path) as stage:
        await stage.scene.cron()
        async with (
            serve_on(stage.scene) as running,
            running.client(ConsoleRole.APPROVER, (ACME,)) as browser,
        ):
            pages = [await browser.get(f"/webinars/{ACME}{page}") for page in PAGES]
            planned = await browser.post(f"/webinars/{ACME}/plan")
            whole = await browser.get("/")
            foreign = await browser.get(f"/webinars/{NAME}")

        assert [page.status_code for page in pages] == [200] * len(PAGES)
        assert foreign.status_code == 404
        assert "Acme Day" in whole.text
        assert planned.status_code in {200, 303}
        assert_nothing_of(stage.brightwater, [page.text for page in (*pages, whole, foreign)])


@pytest.mark.parametrize(
    ("variable", "value", "code", "said"),
    [
        (
            "ONBOARDING_ACCOUNTS__ACME__JWT",
            None,
            2,
            "Missing RingCentral credentials: ONBOARDING_ACCOUNTS__ACME__JWT.",
        ),
        ("ONBOARDING_ACCOUNTS__ACME__JWT", "wrong", 2, "Check ONBOARDING_ACCOUNTS__ACME__JWT"),
        ("ONBOARDING_ACCOUNTS__ACME__SERVER", "http://127.0.0.1:1", 75, "RingCentral"),
    ],
    ids=["no secrets", "log-in refused", "server away"],
)
async def test_broken_account_stops_only_its_own_webinars_and_is_said_once(
    tmp_path, variable, value, code, said
):
    async with stage_companies(tmp_path) as stage:
        config = tmp_path / "config.toml"
        second = config.read_text().replace(f"[webinars.{ACME}]", "[webinars.acme-second]")
        section = second[second.index("[webinars.acme-second]") :].replace("987654321098", "5")
        config.write_text(config.read_text() + section)

        seen = await on(stage.scene, "run", "--all", **{variable: value})

        assert seen.code == code
        assert seen.err.count("account acme: ") == 1
        assert said in seen.err
        assert len(stage.brightwater.mail.messages()) == 3
        assert stage.acme.mail.messages() == ()
        assert_nothing_of(stage.acme, [seen.all])


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("ONBOARDING_ACCOUNTS__ACME__JWT", "wrong", 2),
        ("ONBOARDING_ACCOUNTS__ACME__SERVER", "http://127.0.0.1:1", 75),
        ("RC_USER_JWT", None, 2),
    ],
    ids=["log-in refused", "server away", "no secret of the plain account"],
)
async def test_broken_account_is_said_once_until_it_has_worked(
    tmp_path, capsys, variable, value, code
):
    async with stage_companies(tmp_path) as stage:
        scene, right = stage.scene, stage.scene.variables.get(variable)

        async def find_said(now: str | None, expected: int) -> int:
            scene.variables.pop(variable, None)
            scene.variables |= {variable: now} if now else {}
            assert await scene.cron() == expected
            scene.clock.pass_time(minutes=5)
            return len(capsys.readouterr().err.splitlines())

        broken = [await find_said(value, code) for _ in range(3)]
        assert await find_said(right, 0) == 0
        again = await find_said(value, code)

    assert broken == [2, 0, 0]
    assert again == 2


@pytest.mark.parametrize(
    "words",
    [
        ("check",),
        ("run", "--all"),
        ("lint",),
        ("schedule", "systemd"),
        ("send-test", ACME, "--to", "me@example.com"),
    ],
    ids=" ".join,
)
async def test_company_needs_no_plain_section_beside_its_own(tmp_path, words):
    async with stage_companies(tmp_path) as stage:
        config = tmp_path / "config.toml"
        text = config.read_text()
        plain, own = text.index("[smtp]"), text.index("[accounts.acme]")
        ours, theirs = text.index(f"[webinars.{NAME}]"), text.index(f"[webinars.{ACME}]")
        config.write_text(text[:plain] + text[own:ours] + text[theirs:])
        without = dict.fromkeys(
            name for name in stage.scene.variables if name.startswith(("RC_", "ONBOARDING_SMTP__"))
        )

        seen = await on(stage.scene, *words, **without)

        assert seen.code == 0, seen.all
        assert "none.invalid" not in seen.all
        assert "RC_USER_JWT" not in seen.all
        assert stage.brightwater.mail.messages() == ()


async def test_address_that_one_company_writes_to_no_more_is_written_to_by_the_other(tmp_path):
    async with stage_companies(tmp_path) as stage:
        await stage.scene.cron()
        await on(stage.scene, "cancel", ACME, CARLOS.email, "--suppress")
        for company in (stage.brightwater, stage.acme):
            company.account.move_session(*company.ids, timedelta(hours=1))

        await stage.scene.cron()

        assert len(stage.brightwater.mail.messages()) == 6
        # One of their three people gets no update.
        assert len(stage.acme.mail.messages()) == 5
        status = await on(stage.scene, "status", NAME, "--json")
        assert '"suppressed": []' in status.out


async def test_account_with_a_new_name_mails_no_one_again(tmp_path):
    async with stage_companies(tmp_path) as stage:
        await stage.scene.cron()
        config = tmp_path / "config.toml"
        config.write_text(
            config.read_text()
            .replace("[accounts.acme]", "[accounts.acme-corp]")
            .replace('account = "acme"', 'account = "acme-corp"')
        )
        for name, value in list(stage.scene.variables.items()):
            stage.scene.variables[name.replace("ACCOUNTS__ACME__", "ACCOUNTS__ACME_CORP__")] = value

        assert await stage.scene.cron() == 0

        async with stage.scene.rooms() as opened:
            assert await find_session_account(opened) == "acme-corp"
        assert len(stage.acme.mail.messages()) == 3


async def find_session_account(services: Services) -> str:
    """The account under which the ledger has the second company's session."""
    from onboarding.pipeline.status import load_seen_session  # noqa: PLC0415

    target = find_target(services.config, ACME)
    return (await load_seen_session(services.of_company(target.company), target)).account


async def test_each_account_is_listed_once_and_each_directory_is_its_own(tmp_path):
    async with stage_companies(tmp_path) as stage:
        await stage.scene.cron()
        stage.scene.ringcentral.requests.clear()

        assert await stage.scene.cron() == 0

        assert count_lists(stage) == 2


def count_lists(stage: Companies) -> int:
    paths = [entry.path for entry in stage.scene.ringcentral.requests]
    return sum(path.endswith("/company/sessions") for path in paths)
