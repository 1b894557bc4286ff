"""`report`: the hand-off as a page, a table, a workbook, JSON, or in the shape of a CRM.

Asks only the ledger, and for `--failed-roster` the roster; changes nothing in either.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output_file import (
    check_ending,
    check_output_file,
    check_roster_ending,
    write_output_file,
)
from onboarding.cli.streams import echo, format_json
from onboarding.cli.terminal import ProgressLines, run_until_stopped
from onboarding.config import Config
from onboarding.pipeline.hand_off import read_failed_rows, read_report
from onboarding.pipeline.status import no_run_yet
from onboarding.pipeline.target import Target, account_targets, all_targets, find_target
from onboarding.reports.crm import CrmShape, build_crm_table
from onboarding.reports.csv_file import render_csv
from onboarding.reports.report import Report
from onboarding.reports.report_json import report_json
from onboarding.reports.report_page import render_html
from onboarding.reports.table import ReportTable, build_overview, build_table
from onboarding.reports.workbook import Sheet, render_workbook

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="One or several webinars, as in other commands."),
]
EveryWebinar = Annotated[
    bool, typer.Option("--all", help="Every webinar of config.toml that has had a run.")
]
OfAccount = Annotated[
    str,
    typer.Option(
        "--account",
        metavar="NAME",
        help="Every webinar of [accounts.NAME] that has had a run; `default` is [ringcentral].",
    ),
]
Csv = Annotated[bool, typer.Option("--csv", help="A table for a spreadsheet.")]
Html = Annotated[bool, typer.Option("--html", help="One self-contained page.")]
Xlsx = Annotated[bool, typer.Option("--xlsx", help="An Excel workbook, with real dates.")]
AsShape = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="SHAPE", help="In the shape of [reports.SHAPE], as CSV or with --xlsx."
    ),
]
FailedRoster = Annotated[
    Path | None,
    typer.Option(
        "--failed-roster",
        metavar="FILE",
        help="Write the rows that need correcting, as a roster (CSV, or .xlsx).",
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")
]

FORMAT_OPTIONS = "--csv / --html / --xlsx / --json / --as"


class ReportFormat(Enum):
    """What a report is written as."""

    CSV = "--csv"
    HTML = "--html"
    XLSX = "--xlsx"
    JSON = "--json"


ENDINGS = {
    ReportFormat.CSV: (".csv",),
    ReportFormat.HTML: (".html", ".htm"),
    ReportFormat.XLSX: (".xlsx",),
    ReportFormat.JSON: (".json",),
}
"""The endings of each format's files, the usual one first."""


@dataclass(frozen=True, slots=True)
class FormatOptionGroup:
    """The options that say what a report is written as (`option_groups`)."""

    csv: Csv = False
    html: Html = False
    xlsx: Xlsx = False
    as_json: options.AsJson = False
    shape: AsShape = None

    def select(self) -> ReportFormat | None:
        """Select the format; None if no option asks for one. Raises BadParameter for two."""
        flags = {
            ReportFormat.CSV: self.csv,
            ReportFormat.HTML: self.html,
            ReportFormat.XLSX: self.xlsx,
            ReportFormat.JSON: self.as_json,
        }
        wanted = [form for form, is_wanted in flags.items() if is_wanted]
        if len(wanted) > 1:
            raise typer.BadParameter("Choose one of them.", param_hint=FORMAT_OPTIONS)
        form = wanted[0] if wanted else None
        if self.shape and form not in {None, ReportFormat.CSV, ReportFormat.XLSX}:
            message = "A CRM's shape is CSV, or XLSX with --xlsx."
            raise typer.BadParameter(message, param_hint="--as")
        return form or (ReportFormat.CSV if self.shape else None)


def report_command(
    names: Names = None,
    *,
    every: EveryWebinar = False,
    account: OfAccount = "",
    formats: FormatOptionGroup,
    failed_roster: FailedRoster = None,
    invitees: options.Invitees = None,
    output: Output = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Write the hand-off for marketing operations; join links are masked."""
    # All that is wrong with the options is said before the ledger is opened or a file is touched.
    form = formats.select()
    _check_choice(names or [], account, every=every)
    _check_options(form, names or [], failed_roster, output)
    config = options.load_config(config_file)
    crm = _find_shape(config, formats.shape) if formats.shape else None
    targets = _find_targets(config, names or [], account, invitees)
    # With the targets: the rosters of this call are the files that are most easily overwritten.
    for file in filter(None, (output, failed_roster)):
        check_output_file(file, config, targets)
    _check_endings(form, output, failed_roster)
    report = _read_report(config, targets, is_named=bool(names))
    # Rendered before the failed rows are read: a roster that
    # can't be read must not cost the report.
    if form:
        _hand_over(_render(report, form, crm), output)
    if failed_roster:
        _write_failed_roster(targets[0], report, failed_roster)


def _check_choice(names: Sequence[str], account: str, *, every: bool) -> None:
    """Check that webinars are chosen in one way. Raises BadParameter."""
    if [every, bool(account), bool(names)].count(True) != 1:
        raise typer.BadParameter(
            "Name webinars, or use --all or --account.", param_hint="NAME / --all / --account"
        )


def _check_options(
    form: ReportFormat | None,
    names: Sequence[str],
    failed_roster: Path | None,
    output: Path | None,
) -> None:
    """Check what needs no configuration. Raises BadParameter."""
    # Resolved: two spellings of one file would overwrite the first with the second.
    files = [file.resolve() for file in (output, failed_roster) if file]
    is_on_terminal = form is ReportFormat.XLSX and output is None and sys.stdout.isatty()
    # In the order in which a person meets them; the first that holds is said.
    refusals = (
        (not (form or failed_roster), "Choose what to write.", FORMAT_OPTIONS),
        (failed_roster and len(names) != 1, "It is for one webinar: name it.", "--failed-roster"),
        (output and not form, "Choose what to write there.", FORMAT_OPTIONS),
        (len(files) > len(set(files)), "They name the same file.", "-o / --failed-roster"),
        (is_on_terminal, "A terminal can't show it: name a file with -o.", "-o"),
    )
    for is_wrong, message, param_hint in refusals:
        if is_wrong:
            raise typer.BadParameter(message, param_hint=param_hint)


def _check_endings(
    form: ReportFormat | None, output: Path | None, failed_roster: Path | None
) -> None:
    """Check that the files are named as what is written there. Raises ConfigurationError."""
    if form and output:
        check_ending(output, *ENDINGS[form])
    if failed_roster:
        check_roster_ending(failed_roster)


def _find_shape(config: Config, name: str) -> CrmShape:
    settings = config.report(name)
    return CrmShape(name, settings.columns, settings.status)


def _find_targets(
    config: Config, names: Sequence[str], account: str, invitees: Path | None
) -> list[Target]:
    if account:
        return account_targets(config, account)
    if not names:
        return all_targets(config)
    # A name that is given twice would count its people twice.
    return [find_target(config, name, invitees) for name in dict.fromkeys(names)]


def _read_report(config: Config, targets: Sequence[Target], *, is_named: bool) -> Report:
    """Read the report. Of all or an account's, webinars without a run are named and left out."""
    report, unknown = read_report(config, targets, datetime.now(UTC), ProgressLines())
    # A webinar that was named must be in the report. Of the others, new ones simply come later.
    if unknown and is_named:
        raise no_run_yet(unknown[0])
    for name in unknown:
        echo(f"{name} has had no run yet, so it is left out.", err=True)
    return report


def _render(report: Report, form: ReportFormat, crm: CrmShape | None) -> bytes:
    if crm:
        table = build_crm_table(report, crm)
        return _render_table(table, form, report.made_at)
    match form:
        case ReportFormat.HTML:
            return render_html(report).encode()
        case ReportFormat.JSON:
            return format_json(report_json(report)).encode()
        case ReportFormat.CSV:
            return render_csv(build_table(report))
        case ReportFormat.XLSX:
            sheets = [
                Sheet("Messages", build_table(report)),
                Sheet("Webinars", build_overview(report)),
            ]
            return render_workbook(sheets, report.made_at)


def _render_table(table: ReportTable, form: ReportFormat, made_at: datetime) -> bytes:
    if form is ReportFormat.XLSX:
        return render_workbook([Sheet("People", table)], made_at)
    # A CRM imports the file and doesn't open it, so `+49 30` is safe there, and an apostrophe would
    # be stored with the number.
    return render_csv(table, keeps_phone_numbers=True)


def _hand_over(content: bytes, output: Path | None) -> None:
    if output is None:
        # Bytes as they are: a workbook and a CSV with its byte order mark must not pass as text.
        typer.echo(content, nl=False)
    else:
        _write(output, content)


def _write_failed_roster(target: Target, report: Report, file: Path) -> None:
    async def work(stop: asyncio.Event) -> ReportTable:
        failed = await read_failed_rows(target, report.webinars[0], stop)
        return ReportTable(failed.header, failed.rows)

    table = run_until_stopped(work)
    is_workbook = file.suffix.lower() == ".xlsx"
    sheet = Sheet("Roster", table)
    _write(file, render_workbook([sheet], report.made_at) if is_workbook else render_csv(table))
    count = len(table.rows)
    rows = "1 row needs" if count == 1 else f"{count or 'no'} rows need"
    # On standard error, as the report itself may be on standard output.
    echo(f"{rows} correcting", err=True)


def _write(file: Path, content: bytes) -> None:
    write_output_file(file, content)
    echo(f"wrote {file}", err=True)
