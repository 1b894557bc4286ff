"""The ledger: what is registered, what was mailed, what happened, and who is at work right now.

`store` opens the file and runs every statement in one writer thread; `schema` defines the tables.
Each other module holds the statements of one subject, as plain functions of a connection. What an
outcome means is decided in `model.deliveries`, what is due in `plan`, and what only a person can
know by that person (`operator_actions`). Join links are never stored, only their fingerprints.
"""
