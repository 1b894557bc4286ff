"""A real Dovecot of our own, which serves maildirs by IMAP; all its files lie in one folder.

Started as a child on free ports of loopback, and ended by that child's process id.
"""

import grp
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.smtp.postfix import PATIENCE, free_ports, until

DOVECOT = shutil.which("dovecot", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
PASSWORD = "pass-9-wörd"

CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
login_greeting = {word}
first_valid_uid = 1
ssl = required
auth_mechanisms = plain login
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {starttls}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""
"""What 2.3 and 2.4 say in the same words."""

OWN_WORDS = {
    "2.3": """\
mail_location = maildir:{mail}/%n
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
disable_plaintext_auth = yes
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={mail}/%n
}}
""",
    # https://doc.dovecot.org/latest/installation/upgrade/2.3-to-2.4.html
    "2.4": """\
mail_driver = maildir
mail_path = {mail}/%{{user | username}}
ssl_server_cert_file = {folder}/server.pem
ssl_server_key_file = {folder}/server.pem
auth_allow_cleartext = no
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {mail}/%{{user | username}}
  }}
}}
""",
}
"""What each version says in its own, by the first two numbers of the version."""

FIRST_LINES = {
    "2.3": "",
    "2.4": "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n",
}
"""2.4 wants these two before all others; the version is the oldest that knows these settings."""


def build_config(version: str, values: Mapping[str, object]) -> str:
    """Write the configuration for Dovecot `2.3` or `2.4`."""
    return FIRST_LINES[version] + (CONFIG + OWN_WORDS[version]).format(**values)


def parse_version(printed: str) -> str:
    """Read the first two numbers of what `dovecot --version` prints."""
    return ".".join(printed.split(" ", maxsplit=1)[0].split(".")[:2])


def find_version() -> str:
    """Ask the Dovecot of this machine for the first two numbers of its version."""
    asked = subprocess.run([str(DOVECOT), "--version"], capture_output=True, text=True, check=True)
    return parse_version(asked.stdout)


@dataclass(frozen=True)
class Dovecot:
    """A running Dovecot. Every user has the same password."""

    ports: dict[str, int]
    ca_file: Path

    def variables(self, section: str, user: str, **more: str) -> dict[str, str]:
        """The settings of a mailbox, as variables of a section."""
        keys = {
            "HOST": "127.0.0.1",
            "PORT": str(self.ports["tls"]),
            "CA_FILE": str(self.ca_file),
            "USERNAME": user,
            "PASSWORD": PASSWORD,
            **more,
        }
        return {f"ONBOARDING_{section}__{key}": value for key, value in keys.items()}


def why_not() -> str:
    """Say why there can be no Dovecot here, empty where there can."""
    if not DOVECOT:
        return "Dovecot is not installed (Debian: dovecot-imapd)"
    if (version := find_version()) not in OWN_WORDS:
        return f"Dovecot {' or '.join(OWN_WORDS)} is needed: {version} has other settings"
    return "" if os.geteuid() == 0 else "Dovecot can be started by root only"


@contextmanager
def dovecot(authority: trustme.CA, mail: Path, owner: str, group: str) -> Iterator[Dovecot]:
    """Serve the maildirs in `mail`, which belong to `owner`."""
    folder = Path(tempfile.mkdtemp(prefix="onboarding-dovecot-"))
    folder.chmod(0o755)
    word = secrets.token_hex(8)
    ports = dict(zip(("tls", "starttls"), free_ports(2), strict=True))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        folder / "server.pem"
    )
    authority.cert_pem.write_to_path(folder / "ca.pem")
    values = {
        "folder": folder,
        "mail": mail,
        "word": word,
        "password": PASSWORD,
        "uid": pwd.getpwnam(owner).pw_uid,
        "gid": grp.getgrnam(group).gr_gid,
        **ports,
    }
    (folder / "dovecot.conf").write_text(build_config(find_version(), values))
    process = subprocess.Popen([str(DOVECOT), "-F", "-c", folder / "dovecot.conf"])
    try:
        until(lambda: greets(ports["starttls"], word), f"the Dovecot of {folder} to greet us")
        yield Dovecot(ports, folder / "ca.pem")
    finally:
        process.terminate()
        process.wait(PATIENCE)
        shutil.rmtree(folder)


def greets(port: int, word: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as line:
            greeting = line.makefile().readline()
    except ConnectionError:
        return False
    assert word in greeting, f"another server answers at our port: {greeting}"
    return True
