"""Alembic's entry: runs the revisions on the connection of `upgrade`, in its transaction."""

from alembic import context

from onboarding.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
# Alembic sees that a transaction is open, and neither begins nor commits one: if a migration fails,
# the caller's rollback undoes all of them.
with context.begin_transaction():
    context.run_migrations()
