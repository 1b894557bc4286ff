"""Join links as random as RingCentral's, and the same in every run.

A link of zeros and a number would share its runs with others, and with the message around it.
"""

import random
import string

LETTERS = string.ascii_lowercase + string.digits


def make_link(number: int) -> str:
    """Make the join link of a number."""
    own = "".join(random.Random(number).choices(LETTERS, k=25))
    return f"https://v.ringcentral.example/w/join/{own}"
