"""The roster room: a file of people becomes invitees, and problems by row and column.

First step of every run: `read` takes CSV, XLSX or JSON, from a file or from standard input, and never stops at a bad
row. It asks nobody: not DNS, not RingCentral, not the directory. Whether a person may have the role, or is the
webinar's host, is for `plan` to say. The way through: `source` (bytes to a grid of text), `header` (which column is
which), `person` (a row to an invitee, by the rules in `cells`).
"""

from onboarding.roster.source import read

__all__ = ["read"]
