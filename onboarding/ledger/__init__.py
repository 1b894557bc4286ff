"""The ledger: what is registered, what was mailed, what happened, and who is at work right now.

`store` opens the file and runs every statement in one writer thread; `schema` draws the tables; each other module
is one subject's statements, plain functions of a connection. What an outcome means is decided by
`model.deliveries.settle`, what is due by `plan`, and what only a person can know by that person (`operator_actions`
writes it down).
Join links never come in: a fingerprint is all that is kept.
"""
