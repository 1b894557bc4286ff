"""When a lease was taken and a limit blocked; what RingCentral did and did not do for a person."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ASKED = ("role", "first name", "last name", "job title")
"""The fields of an update in the order of the lines in which `asked` held them until now."""


def upgrade() -> None:
    """Add the columns, and name each field that RingCentral was asked for and did not change.

    Of a lease that is held right now it is not known when it was taken. Limits were blocked with
    every answer, whatever it said: that is forgotten, and what counts is learned from the next
    answer.
    """
    op.add_column("leases", sa.Column("taken_at", sa.DateTime(timezone=True)))
    op.add_column("limits", sa.Column("blocked_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE limits SET blocked_until = NULL")
    op.add_column("registrations", sa.Column("mailed_by_ringcentral", sa.DateTime(timezone=True)))
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT session, key, asked FROM registrations WHERE asked != ''")
    ).all()
    for session, key, asked in rows:
        fields = dict(zip(ASKED, asked.split("\n"), strict=False))
        connection.execute(
            sa.text(
                "UPDATE registrations SET asked = :asked WHERE session = :session AND key = :key"
            ),
            {"session": session, "key": key, "asked": json.dumps(fields)},
        )
