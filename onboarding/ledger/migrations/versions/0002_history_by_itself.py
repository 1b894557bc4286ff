"""The database itself writes the history of every delivery that is queued or moved."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TELL = """
BEGIN
    INSERT INTO events (at, session, key, delivery, what, detail)
    VALUES (new.at, new.session, new.key, new.id, new.state, CASE
        WHEN new.rehearsal_to = '' THEN new.told
        WHEN new.told = '' THEN 'rehearsal to ' || new.rehearsal_to
        ELSE 'rehearsal to ' || new.rehearsal_to || ' | ' || new.told
    END);
END
"""


def upgrade() -> None:
    """Give deliveries a column for what history says of their latest move, and write it."""
    op.add_column("deliveries", sa.Column("told", sa.Text, server_default="", nullable=False))
    op.execute(f"CREATE TRIGGER tr_deliveries_queued AFTER INSERT ON deliveries {TELL}")
    op.execute(f"CREATE TRIGGER tr_deliveries_moved AFTER UPDATE OF state ON deliveries {TELL}")
