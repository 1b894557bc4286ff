"""The reference says what the program does, all of it and nothing else."""

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
import typer.main
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from onboarding import errors
from onboarding.cli.main import app
from onboarding.config import environment, settings
from onboarding.config.alerts import AlertSettings
from onboarding.config.companies import NamedBrandSettings
from onboarding.config.console import ConsoleSettings, ConsoleUser
from onboarding.inbox.settings import RepliesSettings, SentSettings
from onboarding.ledger.settings import LedgerSettings
from onboarding.messages.settings import BrandSettings, Colours
from onboarding.model.deliveries import NEEDS_A_PERSON, UNDER_WAY, State
from onboarding.model.durations import format_setting_duration
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.registrations import Standing
from onboarding.model.reviews import ApprovalMode
from onboarding.plan import SkipCode
from onboarding.reports.report import STATUS_WORDS
from onboarding.reports.table import CSV_COLUMNS
from onboarding.ringcentral.settings import RingCentralSettings
from onboarding.smtp.announced_ends import ANNOUNCED_ENDS
from onboarding.smtp.providers import PRESETS
from onboarding.smtp.settings import GoogleSettings, MicrosoftSettings, Rate, SmtpSettings
from tests.docs.pages import read, sections, table, word, words

REFERENCE = read("docs/reference.md")
COMMANDS = {
    heading.removeprefix("`onboarding ").removesuffix("`").split()[0]: (heading, text)
    for heading, text in sections(REFERENCE, 3).items()
    if heading.startswith("`onboarding ")
}
GROUP: Any = typer.main.get_command(app)

SECTIONS: Mapping[str, BaseModel] = {
    "`[ringcentral]`": RingCentralSettings(),
    "`[smtp]`": SmtpSettings.model_validate({"host": "mail.example.com"}),
    "`[smtp.m365]`": MicrosoftSettings(),
    "`[smtp.google]`": GoogleSettings(),
    "`[smtp.sent]`": SentSettings(),
    "`[replies]`": RepliesSettings(),
    "`[brand]`": BrandSettings(name="Example", sender="events@example.com"),
    "`[brand.colours]`": Colours(),
    "`[ledger]`": LedgerSettings(),
    "`[rehearsal]`": settings.RehearsalSettings(),
    "`[webinars.NAME]`": settings.WebinarSettings(webinar="1", invitees=Path("invitees.csv")),
    "`[reports.NAME]`": settings.ReportSettings(columns={"Email": "email"}),
    "`[alerts]`": AlertSettings(),
    "`[console]`": ConsoleSettings(),
    "`[console.users.NAME]`": ConsoleUser(),
}
"""Each section of config.toml with nothing given but what has to be."""

WITHOUT_KEYS = frozenset(
    {"`[messages]`", "`[accounts.NAME]`", "`[brands.NAME]`", "`[smtp_servers.NAME]`"}
)
"""Sections whose keys are the user's own words (`config.schedule`), or those of another section."""

RC_CLIENT_ID = ("`[ringcentral]`", "client_id")
"""Kept as one, beside the secret that belongs to it."""

REPORT_COLUMNS = ("`[reports.NAME]`", "columns")
"""Needed here, and not in `[webinars.NAME]`."""

UNUSED_WITHOUT = {("`[smtp.sent]`", "host"), ("`[replies]`", "host"), ("`[console]`", "host")}
"""Sections that are not used at all without a host, or have one by default."""

NEEDED = {"host", "name", "sender", "webinar", "invitees"}


def documented_options(text: str) -> list[tuple[list[str], str, str]]:
    """The rows of a command's table: its spellings, what follows them, the default."""
    rows = table(text, "option", "default") if "| option |" in text else []
    options = []
    for first, default, _meaning in rows:
        spelled = [one.split() for one in words(first)]
        follows = " ".join(part for one in spelled for part in one[1:])
        options.append(([one[0] for one in spelled], follows, word(default)))
    return options


def real_options(command: Any) -> list[tuple[list[str], str, str]]:
    """The same of the program."""
    return [
        (
            param.opts,
            param.metavar or "",
            "" if param.default is None or param.default is False else str(param.default),
        )
        for param in command.params
        if param.param_type_name == "option" and param.opts != ["--help"]
    ]


def usage(name: str, command: Any) -> str:
    """A command's heading: its arguments as a person types them."""
    arguments = []
    for one in command.params:
        if one.param_type_name == "argument":
            shown = one.metavar if one.required else f"[{one.metavar}]"
            arguments.append(f"{shown}..." if one.nargs == -1 else shown)
    return " ".join(["`onboarding", name, *arguments]) + "`"


def test_every_command_is_documented_in_the_programs_order():
    assert list(COMMANDS) == list(GROUP.commands)


@pytest.mark.parametrize("name", GROUP.commands)
def test_command_is_documented_with_its_arguments_and_options(name: str):
    heading, text = COMMANDS[name]
    command = GROUP.commands[name].load()
    assert heading == usage(name, command)
    assert documented_options(text) == real_options(command)


def test_options_of_the_program_itself_are_documented():
    general = sections(REFERENCE, 2)["Commands"].partition("### ")[0]
    assert documented_options(general) == real_options(GROUP)


def test_every_exit_code_is_documented():
    codes = [int(code) for code, *_ in table(REFERENCE, "code", "meaning")]
    assert codes == [value for name, value in vars(errors).items() if name.startswith("EXIT_")]


def test_every_section_of_the_configuration_is_documented():
    headings = [one for one in sections(REFERENCE, 3) if one.startswith("`[")]
    assert [heading for heading in headings if heading not in WITHOUT_KEYS] == list(SECTIONS)
    assert {heading.strip("`[]").split(".")[0] for heading in headings} == set(settings.SECTIONS)


def test_a_named_brand_has_one_key_more_than_the_plain_one():
    (row,) = table(sections(REFERENCE, 3)["`[brands.NAME]`"], "key")
    assert {word(row[0])} == {*NamedBrandSettings.model_fields} - {*BrandSettings.model_fields}


def shown_default(value: Any) -> Any:
    """A default as TOML would give it back."""
    if value is ApprovalMode.NONE:
        return False
    if isinstance(value, timedelta):
        return format_setting_duration(value)
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_is_documented_with_type_and_default(heading: str):
    model = SECTIONS[heading]
    rows = {
        word(key): (kind, default)
        for key, kind, default, _ in table(sections(REFERENCE, 3)[heading], "key")
    }
    fields = {
        name: field for name, field in type(model).model_fields.items() if not is_section(field)
    }
    assert list(rows) == list(fields)
    for name, (kind, default) in rows.items():
        assert kind == (
            "secret" if (heading, name) == RC_CLIENT_ID else kind_of(name, fields[name])
        ), name
        is_needed = name in NEEDED and (heading, name) not in UNUSED_WITHOUT
        if is_needed or (heading, name) == REPORT_COLUMNS:
            assert (default, fields[name].is_required()) == ("needed", True), name
        elif kind == "secret":
            assert default == "", name
        else:
            written = tomllib.loads(f"value = {word(default)}")["value"] if default else None
            assert written == shown_default(getattr(model, name)), name


def is_section(field: FieldInfo) -> bool:
    """A table of its own in config.toml."""
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


IDS = {"webinar", "session"}
ADDRESSES = {"sender", "reply_to", "organizer"}
WORDS: Mapping[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    Path: "path",
    Rate: "rate",
    timedelta: "time",
    SecretStr: "secret",
    tuple: "list of text",
    dict: "table",
}


def kind_of(name: str, field: FieldInfo) -> str:
    """What a person may write for a key, in the reference's words."""
    kind: Any = field.annotation
    if get_origin(kind) in {Union, UnionType}:
        kind = next(one for one in get_args(kind) if one is not type(None))
    while hasattr(kind, "__metadata__"):
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return ", ".join(f'`"{one}"`' for one in get_args(kind))
    if kind is ApprovalMode:
        return 'true, false or `"strict"`'
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f'`"{one.value}"`' for one in kind)
    if name in IDS | ADDRESSES:
        return "id" if name in IDS else "address"
    if name in Colours.model_fields:
        return "colour"
    return WORDS[get_origin(kind) or kind]


def test_presets_of_the_providers_are_documented():
    documented = {
        word(provider).strip('"'): (word(host), port, security, rate, per_day)
        for provider, host, port, security, rate, per_day in table(REFERENCE, "`provider`")
    }
    keys = ("host", "port", "security", "rate", "per_day")
    assert documented == {
        provider.value: tuple(str(preset.defaults.get(key, "")) for key in keys)
        for provider, preset in PRESETS.items()
    }


def test_what_presets_do_beyond_that_is_in_the_guide():
    guide = read("docs/guides/mail-servers.md")
    fields = {
        word(one).strip('"'): words(added)
        for one, added, _ in table(guide, "`provider`", "header fields that the preset adds")
    }
    names = {
        word(one).strip('"'): (kept, words(copies))
        for one, kept, copies in table(guide, "`provider`", "Message-ID")
    }
    sources = {
        word(one).strip('"'): (page, seen)
        for one, page, seen in table(guide, "`provider`", "the vendor's page")
    }
    ends = {
        word(one).strip('"'): (word(auth).strip('"'), day, page, seen)
        for one, auth, day, page, seen in table(guide, "`provider`", "`[smtp] auth`")
    }
    assert ends == {
        one.value: (end.auth, str(end.day), end.source, end.read)
        for one, end in ANNOUNCED_ENDS.items()
    }
    assert fields == {
        one.value: [name for name, _value in preset.fields] for one, preset in PRESETS.items()
    }
    assert names == {
        one.value: (preset.message_ids, [name for name, _value in preset.copies])
        for one, preset in PRESETS.items()
    }
    assert sources == {one.value: (preset.source, preset.read) for one, preset in PRESETS.items()}


def test_what_the_dns_should_say_of_a_provider_is_in_the_guide():
    guide = read("docs/guides/deliverability.md")
    documented = {
        word(one).strip('"'): (words(include), words(selectors), returns)
        for one, include, selectors, returns in table(guide, "`provider`", "SPF: `include:`")
    }
    assert documented == {
        provider.value: (
            [preset.spf_include],
            [*preset.dkim_selectors],
            "its own" if preset.writes_return else "yours",
        )
        for provider, preset in PRESETS.items()
    }


def test_every_variable_is_documented():
    documented = [word(one) for one, _ in table(REFERENCE, "variable")]
    own = {"CREDENTIALS_DIRECTORY", "ONBOARDING_SECTION__KEY"}
    assert set(documented) == set(environment.VENDOR_VARIABLES) | environment.CONTROLS | own
    assert len(documented) == len(set(documented))


def exit_code_of(state: State) -> int:
    """What a message in this state means for a run's exit code."""
    if state in UNDER_WAY:
        return errors.EXIT_TRY_LATER
    return errors.EXIT_NEEDS_A_PERSON if state in NEEDS_A_PERSON else errors.EXIT_DONE


def test_every_state_is_documented_with_its_exit_code():
    documented = {
        word(state): int(code) for state, _, _, code in table(REFERENCE, "state", "meaning")
    }
    assert documented == {state.value: exit_code_of(state) for state in State}


@pytest.mark.parametrize(
    ("header", "values"),
    [("kind", Kind), ("role", Role), ("standing", Standing), ("skip", SkipCode)],
)
def test_every_word_of_the_model_is_documented(header: str, values: type[StrEnum]):
    assert [word(row[0]) for row in table(REFERENCE, header)] == [value.value for value in values]


def test_columns_of_the_report_are_documented():
    rows = table(sections(REFERENCE, 2)["The report's columns"], "column")
    assert tuple(word(name) for name, _ in rows) == CSV_COLUMNS


def test_every_status_of_a_person_is_documented():
    rows = table(sections(REFERENCE, 3)["`[reports.NAME]`"], "status")
    documented = [status for name, _ in rows for status in words(name)]
    assert [*State, *documented] == [*STATUS_WORDS]
