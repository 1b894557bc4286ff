"""What holds for every page: links, commands and settings are real, and it can be reached."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main

from onboarding.cli.main import app
from onboarding.config import load
from tests.docs.pages import PAGES, ROOT, anchors, blocks, prose, read

GROUP: Any = typer.main.get_command(app)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
BY_PAGE = pytest.mark.parametrize("name", NAMES)


def links(text: str) -> list[str]:
    """Where a page's links and pictures lead, addresses on the web aside."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(text)) + re.findall(r'<img src="([^"]+)"', text)
    return [one for one in found if "://" not in one]


@BY_PAGE
def test_links_lead_somewhere(name: str):
    page = ROOT / name
    for link in links(read(name)):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), {ROOT / "README.md"}
    while waiting:
        page = waiting.pop()
        reached.add(page)
        files = {
            (page.parent / link.partition("#")[0]).resolve()
            for link in links(page.read_text(encoding="utf-8"))
        }
        waiting |= {file for file in files if file.suffix == ".md"} - reached
    assert set(PAGES) - reached == {ROOT / "CONTRIBUTING.md"}


def commands(text: str) -> Iterator[list[str]]:
    """Every `onboarding ...` of a page: whole lines of shell blocks, and text in backticks."""
    lines = [line for block in blocks(text, "sh") for line in block.text.splitlines()]
    spans = re.findall(r"`(onboarding [^`]+)`", prose(text))
    for one in (*lines, *spans):
        if one.startswith("onboarding "):
            yield shlex.split(one, comments=True)[1:]


PLACEHOLDERS = {"COMMAND", "..."}


@BY_PAGE
def test_commands_are_the_programs_own(name: str):
    for called, *rest in commands(read(name)):
        if called in PLACEHOLDERS or called.startswith("-"):
            continue
        assert called in GROUP.commands, called
        known = {
            spelled for option in GROUP.commands[called].load().params for spelled in option.opts
        } | {
            "--help",
            "-h",
        }
        assert {one for one in rest if re.match(r"--?[a-z]", one)} <= known, (called, rest)


@BY_PAGE
def test_options_in_the_text_are_the_programs_own(name: str):
    known = {
        spelled
        for command in GROUP.commands.values()
        for option in command.load().params
        for spelled in option.opts
    }
    known |= {spelled for option in GROUP.params for spelled in option.opts} | {"--help"}
    assert set(re.findall(r"`(--[a-z-]+)[^`]*`", prose(read(name)))) <= known | FOREIGN.get(
        name, set()
    )


FOREIGN: Mapping[str, set[str]] = {}
"""Options of other programs, by page."""


@BY_PAGE
def test_make_targets_exist(name: str):
    makefile = read("Makefile")
    text = read(name)
    for target in re.findall(r"`make ([a-z-]+)`", text) + re.findall(
        r"^make ([a-z-]+)", text, re.MULTILINE
    ):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


BASE: Mapping[str, Any] = {
    "smtp": {"host": "mail.example.com"},
    "brand": {"name": "Example", "sender": "events@example.com"},
}


def filled(written: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a config.toml made whole by the least that is needed beside it."""
    whole = {
        **written,
        **{section: {**BASE[section], **written.get(section, {})} for section in BASE},
    }
    webinars = written.get("webinars", {}).items()
    return {
        **whole,
        "webinars": {name: {"webinar": "1", "invitees": "i.csv", **one} for name, one in webinars},
    }


def as_toml(value: Any, place: str = "") -> str:
    """Enough of TOML for what the documentation shows: tables, texts, numbers, lists of texts."""
    lines, below = [f"[{place}]"] if place else [], []
    for key, one in value.items():
        if isinstance(one, dict):
            below.append(as_toml(one, f"{place}.{key}" if place else key))
        else:
            name = key if key.isidentifier() else json.dumps(key)
            lines.append(f"{name} = {json.dumps(one)}")
    return "\n".join([*lines, *below])


@BY_PAGE
def test_configuration_shown_is_accepted(name: str, tmp_path: Path):
    for block in blocks(read(name), "toml"):
        written = tomllib.loads(block.text)
        (tmp_path / "config.toml").write_text(as_toml(filled(written)), encoding="utf-8")
        load(tmp_path / "config.toml", {})
