"""The database itself writes the history of every delivery that is queued or moved."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TELL = """
    INSERT INTO events (at, session, key, delivery, what, detail)
    VALUES (new.at, new.session, new.key, new.id, new.state, CASE
        WHEN new.rehearsal_to = '' THEN new.told
        WHEN new.told = '' THEN 'rehearsal to ' || new.rehearsal_to
        ELSE 'rehearsal to ' || new.rehearsal_to || ' | ' || new.told
    END);
"""

FUNCTION = f"""
CREATE FUNCTION write_delivery_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN {TELL} RETURN NULL; END $$
"""


def upgrade() -> None:
    """Give deliveries a column for what history says of their latest move, and write it."""
    op.add_column("deliveries", sa.Column("told", sa.Text, server_default="", nullable=False))
    action = f"BEGIN {TELL} END"
    if op.get_context().dialect.name == "postgresql":
        op.execute(FUNCTION)
        action = "FOR EACH ROW EXECUTE FUNCTION write_delivery_event()"
    op.execute(f"CREATE TRIGGER tr_deliveries_queued AFTER INSERT ON deliveries {action}")
    op.execute(f"CREATE TRIGGER tr_deliveries_moved AFTER UPDATE OF state ON deliveries {action}")
