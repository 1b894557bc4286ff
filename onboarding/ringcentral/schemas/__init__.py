"""RingCentral's answers as typed values, record by record, so that one odd record harms no other.

`fields` says how a field is read. Nothing is decided here: not whether a person should be there,
not what a status means for a run.
"""
