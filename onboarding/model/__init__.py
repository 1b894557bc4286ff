"""The words of the project as frozen types and pure functions: no I/O, no clock, no randomness.

`people` (roster side), `sessions` (RingCentral's side), `deliveries` (the ledger's side: states,
outcomes), `kinds` (of messages), `ports` (the protocols that let a room wait or tell without
knowing who listens). Every room uses this one; this one uses nothing but `errors`.
"""
