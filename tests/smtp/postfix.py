"""A real Postfix of our own; its configuration, queue and data lie in a temporary folder.

Runs on loopback beside any other Postfix of the machine, on free ports. No other is ever touched:
ours is started as a child and ended by that child's process id, and its greeting holds a word that
only we know.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from onboarding.smtp.settings import SmtpSettings

POSTFIX = shutil.which("postfix", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
SASLPASSWD = shutil.which("saslpasswd2", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
PLUGINS = tuple(Path("/usr/lib").glob("*/sasl2/libplain.so"))
USER, PASSWORD = "events@example.com", "pass-7-wörd"
PATIENCE = 20.0

MAIN = """\
compatibility_level = 3.6
config_directory = {folder}/config
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.com
mydestination =
mynetworks =
smtpd_banner = $myhostname ESMTP {word}
virtual_mailbox_domains = example.com
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/config/mailboxes
transport_maps = texthash:{folder}/config/transport
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {folder}/config/server.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {folder}/config/sasl
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sender_login_maps = texthash:{folder}/config/senders
smtpd_sender_restrictions = reject_sender_login_mismatch
"""
MASTER = """\
127.0.0.1:{plain} inet n - n - - smtpd
127.0.0.1:{full} inet n - n - - smtpd
  -o queue_minfree=2000000000000
127.0.0.1:{small} inet n - n - - smtpd
  -o message_size_limit=4000
127.0.0.1:{secretive} inet n - n - - smtpd
  -o message_size_limit=4000 -o smtpd_discard_ehlo_keywords=size
127.0.0.1:{undsn} inet n - n - - smtpd
  -o smtpd_discard_ehlo_keywords=dsn
127.0.0.1:{crowded} inet n - n - - smtpd
  -o smtpd_client_connection_count_limit=2
127.0.0.1:{open} inet n - n - - smtpd
  -o smtpd_tls_security_level=none -o smtpd_sasl_auth_enable=no
  -o mynetworks=127.0.0.0/8 -o smtpd_relay_restrictions=permit_mynetworks,reject
  -o smtpd_sender_restrictions=
127.0.0.1:{next} inet n - n - - smtpd
  -o myhostname=mx.example.net -o smtpd_sasl_auth_enable=no -o smtpd_tls_security_level=none
  -o virtual_mailbox_maps=texthash:{folder}/config/known
  -o smtpd_relay_restrictions=reject_unauth_destination -o smtpd_sender_restrictions=
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
smtp unix - - n - - smtp
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""
SASL = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/data/users
mech_list: PLAIN LOGIN CRAM-MD5
"""


@dataclass(frozen=True)
class Postfix:
    """A running Postfix. Its services differ.

    `full` has no room, `small` and `secretive` take 4,000 bytes, `undsn` offers no notifications,
    `crowded` takes two connections at once, `open` wants neither encryption nor a log-in. What goes
    to `gone@example.com` or `unknown@example.com` is accepted and comes back to the sender's
    mailbox, `events`: the latter from `next`, a server further on that knows no such user.
    """

    folder: Path
    ca_file: Path
    ports: dict[str, int]

    def settings(self, service: str = "plain", **changes: Any) -> SmtpSettings:
        given = {
            "host": "127.0.0.1",
            "port": self.ports[service],
            "ca_file": self.ca_file,
            "username": USER,
            "password": PASSWORD,
            "timeout": PATIENCE,
        }
        return SmtpSettings(**{**given, **changes})

    def mailbox(self, name: str, messages: int) -> list[bytes]:
        """Wait until a maildir holds so many messages, and read them."""
        new = self.folder / "mail" / name / "new"
        until(
            lambda: new.is_dir() and len(list(new.iterdir())) >= messages,
            f"{messages} messages for {name}",
        )
        return [path.read_bytes() for path in sorted(new.iterdir())]


def why_not() -> str:
    """Say why there can be no Postfix here, empty where there can."""
    if not POSTFIX:
        return "Postfix is not installed (Debian: postfix)"
    if not SASLPASSWD or not PLUGINS:
        return "Cyrus SASL is not installed (Debian: sasl2-bin libsasl2-modules)"
    if os.geteuid() != 0:
        return "Postfix can be started by root only"
    return ""


@contextmanager
def postfix(authority: trustme.CA) -> Iterator[Postfix]:
    """Start a Postfix, prove that it is ours, and end it afterwards."""
    # Not pytest's folder: Postfix's own user has to get in.
    folder = Path(tempfile.mkdtemp(prefix="onboarding-postfix-"))
    folder.chmod(0o755)
    word = secrets.token_hex(8)
    names = ("plain", "full", "small", "secretive", "undsn", "crowded", "open", "next")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    try:
        configure(folder, authority, word, ports)
        with running(folder):
            until(lambda: greets(ports["plain"], word), f"the Postfix of {folder} to greet us")
            yield Postfix(folder, folder / "config" / "ca.pem", ports)
    finally:
        shutil.rmtree(folder)


def configure(folder: Path, authority: trustme.CA, word: str, ports: dict[str, int]) -> None:
    config = folder / "config"
    for name in ("config", "config/sasl", "queue", "data", "mail"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "mail", "postfix", "postfix")
    owner = (folder / "mail").stat()
    (config / "main.cf").write_text(
        MAIN.format(folder=folder, word=word, uid=owner.st_uid, gid=owner.st_gid)
    )
    (config / "master.cf").write_text(MASTER.format(folder=folder, **ports))
    (config / "sasl" / "smtpd.conf").write_text(SASL.format(folder=folder))
    people = [*(f"person{n}" for n in range(1, 100)), "events", "gone", "unknown"]
    (config / "mailboxes").write_text("".join(f"{name}@example.com {name}/\n" for name in people))
    # Sent on to ourselves, it is refused: by a server that meets itself, or that wants encryption.
    (config / "transport").write_text(
        f"gone@example.com smtp:[127.0.0.1]:{ports['plain']}\n"
        f"unknown@example.com smtp:[127.0.0.1]:{ports['next']}\n"
    )
    (config / "known").write_text("known@example.com known/\n")
    (config / "senders").write_text(f"{USER} {USER}\n")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        config / "server.pem"
    )
    authority.cert_pem.write_to_path(config / "ca.pem")
    user, _, realm = USER.partition("@")
    subprocess.run(
        [SASLPASSWD, "-p", "-c", "-f", folder / "data" / "users", "-u", realm, user],
        input=PASSWORD,
        text=True,
        check=True,
    )
    shutil.chown(folder / "data" / "users", "postfix")
    subprocess.run([POSTFIX, "-c", config, "check"], check=True, capture_output=True)


@contextmanager
def running(folder: Path) -> Iterator[None]:
    daemons = subprocess.run(
        [
            shutil.which("postconf", path="/usr/sbin:/sbin"),
            "-c",
            folder / "config",
            "-hx",
            "daemon_directory",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    process = subprocess.Popen(
        [f"{daemons}/master", "-c", folder / "config", "-d"], start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


def greets(port: int, word: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as line:
            greeting = line.makefile().readline()
            line.sendall(b"QUIT\r\n")
    except ConnectionError:
        return False
    assert word in greeting, f"another server answers at our port: {greeting}"
    return True


def until(condition, what: str) -> None:
    """Wait for what another process does without a sign when it is done."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
