"""Reads what comes back by mail: bounces, calendar answers, and evidence for messages in doubt.

Reads mailboxes and logs, and says what a message is. It writes to no ledger and decides nothing
about deliveries: the pipeline matches and records. Only a message that was recognised as ours is
ever touched.
"""
