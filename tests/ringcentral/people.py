"""Fictional people, and the values that tests make of them."""

from typing import Any

from pydantic import SecretStr

from onboarding.model.people import Invitee, LinkedUser, Role
from onboarding.model.sessions import Registration, SessionKey

ACCOUNT = "800100200"


def key(server: str = "http://127.0.0.1:1") -> SessionKey:
    return SessionKey(server, "101", "201")


def guest(number: int, **fields: Any) -> Invitee:
    """A panelist from outside, in the row after the header that the number says."""
    given = {
        "first_name": f"First{number}",
        "last_name": f"Last{number}",
        "job_title": "Speaker",
    } | fields
    return Invitee(
        row=number + 1, email=f"guest{number}@example.com", **({"role": Role.PANELIST} | given)
    )


def colleague(number: int, **fields: Any) -> Invitee:
    """A co-host, known by linked user."""
    given = {"role": Role.COHOST, "linked_user": LinkedUser(ACCOUNT, f"9{number:03}")} | fields
    return Invitee(row=number + 1, email=f"colleague{number}@example.com", **given)


def record(number: int, **fields: Any) -> Registration:
    """The record of the guest with that number, silent and complete."""
    given = {
        "id": f"70{number:03}",
        "role": Role.PANELIST,
        "email": f"guest{number}@example.com",
        "first_name": f"First{number}",
        "last_name": f"Last{number}",
        "job_title": "Speaker",
        "send_invite": False,
        "join_uri": SecretStr(f"https://v.example.com/join/{number}"),
    }
    return Registration(**(given | fields))


def host() -> Registration:
    """The implicit Host."""
    return record(
        0,
        role=Role.HOST,
        email="",
        linked_user=LinkedUser(ACCOUNT, "9000"),
        send_invite=True,
        first_name="",
        last_name="",
    )


def on_wire(registration: Registration, **fields: Any) -> dict[str, Any]:
    """A record as RingCentral writes it."""
    written: dict[str, Any] = {
        "id": registration.id,
        "role": registration.role.value,
        "firstName": registration.first_name,
        "lastName": registration.last_name,
        "jobTitle": registration.job_title,
        "sendInvite": registration.send_invite,
        "joinUri": registration.join_uri and registration.join_uri.get_secret_value(),
        "creationTime": "2026-08-01T10:00:00Z",
    }
    if registration.email:
        written["email"] = registration.email
    if user := registration.linked_user:
        written["linkedUser"] = {
            "accountId": user.account_id,
            "userId": user.user_id,
            "domain": user.domain,
        }
    return written | fields
