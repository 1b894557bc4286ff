"""The programs to which `throughput.py` compares ours: each writes the same message to all people.

Their own installers fetch them into a temporary folder; a program that can't be had is skipped, and
the output says so. None of them keeps a record that survives a crash: the comparison is in their
favour.
"""

import csv
import email
import email.policy
import re
import shutil
import subprocess
import sys
import time
import venv
from email.message import EmailMessage
from pathlib import Path

MARK = "FORWHOM"
"""Stands in the sample for the name and the end of the link."""

NODE = r"""
const [fs, nodemailer] = [require("fs"), require("nodemailer")];
const [port, count, connections] = process.argv.slice(2).map(Number);
const read = (name) => fs.readFileSync("letter." + name, "utf8");
const [html, text, ics] = ["html", "text", "ics"].map(read);
const mailer = nodemailer.createTransport({
    host: "127.0.0.1", port, secure: false, ignoreTLS: true,
    pool: true, maxConnections: connections, maxMessages: 1e9,
});
const send = (number) => {
    const own = (words) => words.replaceAll("FORWHOM", "person" + number);
    return mailer.sendMail({
        from: "Brightwater Events <events@brightwater.example>", to: `person${number}@example.com`,
        subject: "Your join link", text: own(text), html: own(html),
        attachments: [{ filename: "invite.ics", content: own(ics), contentType: "text/calendar" }],
    });
};
(async () => {
    const began = process.hrtime.bigint();
    let next = 0;
    const lane = async () => { while (next < count) await send(++next); };
    await Promise.all(Array.from({ length: connections * 4 }, lane));
    console.log(Number(process.hrtime.bigint() - began) / 1e9);
    mailer.close();
})();
"""


class Absent(Exception):
    """A peer that can't be had here, with the reason."""


def smtp_source(port: int, messages: int, connections: int, size: int) -> float:
    """Messages a second of Postfix's own generator: it composes nothing and keeps nothing."""
    words = [
        find_program("smtp-source"),
        "-d",
        "-s",
        connections,
        "-m",
        messages,
        "-l",
        size,
        "-f",
        "events@brightwater.example",
    ]
    began = time.perf_counter()
    subprocess.run([*map(str, words), "-t", "person@example.com", f"127.0.0.1:{port}"], check=True)
    return messages / (time.perf_counter() - began)


def nodemailer(folder: Path, port: int, messages: int, connections: int, message: bytes) -> float:
    """Messages a second of nodemailer with a pool of connections: it composes each, as we do."""
    home = folder / "nodemailer"
    home.mkdir()
    _install(
        [find_program("npm"), "install", "--silent", "--no-fund", "--no-audit", "nodemailer"], home
    )
    for name, content in _split(message).items():
        (home / f"letter.{name}").write_text(content, encoding="utf-8")
    (home / "send.js").write_text(NODE, encoding="utf-8")
    words = [find_program("node"), "send.js", str(port), str(messages), str(connections)]
    done = subprocess.run(words, cwd=home, check=True, capture_output=True, text=True)
    return messages / float(done.stdout)


def mailmerge(folder: Path, port: int, messages: int, message: bytes) -> float:
    """Messages a second of mailmerge: Jinja2 and smtplib, one connection for each message."""
    home = folder / "mailmerge"
    venv.create(home, with_pip=True)
    _install([str(home / "bin" / "python"), "-m", "pip", "--quiet", "install", "mailmerge"], home)
    parts = _split(message)
    html = re.sub(r"[{][{%#]", "", parts["html"]).replace(MARK, "{{name}}")
    head = (
        "TO: {{email}}\nSUBJECT: Your join link\n"
        "FROM: events@brightwater.example\nATTACHMENT: invite.ics\n"
    )
    (home / "mailmerge_template.txt").write_text(
        f"{head}Content-Type: text/html\n\n{html}", encoding="utf-8"
    )
    (home / "invite.ics").write_text(parts["ics"], encoding="utf-8")
    (home / "mailmerge_server.conf").write_text(
        f"[smtp_server]\nhost = 127.0.0.1\nport = {port}\n", encoding="utf-8"
    )
    with (home / "mailmerge_database.csv").open("w", encoding="utf-8", newline="") as file:
        people = [(f"person{number}@example.com", f"person{number}") for number in range(messages)]
        csv.writer(file).writerows([("email", "name"), *people])
    words = [
        str(home / "bin" / "mailmerge"),
        "--no-dry-run",
        "--no-limit",
        "--output-format",
        "raw",
    ]
    began = time.perf_counter()
    subprocess.run(words, cwd=home, check=True, stdout=subprocess.DEVNULL)
    return messages / (time.perf_counter() - began)


def find_program(name: str) -> str:
    """Find a program; those of servers are often in a folder outside PATH."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if not found:
        raise Absent(f"there is no {name} on this machine")
    return found


def _install(words: list[str], folder: Path) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Absent(f"{Path(words[0]).name} could not fetch it")


def _split(body: bytes) -> dict[str, str]:
    """The letter's HTML, text and calendar, as a template with `MARK` in it."""
    message = email.message_from_bytes(body, policy=email.policy.default)
    if not isinstance(message, EmailMessage):
        sys.exit("the sample is no message")
    names = {"text/html": "html", "text/plain": "text", "text/calendar": "ics"}
    leaves = [part for part in message.walk() if part.get_content_type() in names]
    return {names[part.get_content_type()]: part.get_content() for part in leaves}
