"""Alembic's entry: runs the revisions on the connection of `upgrade`, in its transaction."""

from alembic import context

from onboarding.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
