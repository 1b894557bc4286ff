"""Lines that copies share are put back where they were, and only long ones are ever left out."""

from hypothesis import given
from hypothesis import strategies as st

from onboarding.messages.common_lines import CommonLines
from onboarding.messages.masks import is_long, keep_letters
from onboarding.model.copies import TEXT_MARK, restore_texts
from onboarding.model.known_secrets import LINK_PART

LONG = ("A line that all people get", "Another one, with 10 letters", "The last of all lines.\r")
LINES = st.sampled_from([*LONG, "", "a", "Hello Ada", "Hello Lin", "<b>bold and long enough</b>"])


TEXTS = st.lists(LINES, min_size=6, max_size=6).map(lambda lines: [*lines, TEXT_MARK])
"""The lines of a text, and of an empty calendar entry."""


@given(st.lists(TEXTS, min_size=3, max_size=8))
def test_copy_is_put_together_as_it_was_whatever_others_have(copies):
    common = CommonLines.of(copies[0])
    for lines in copies[1:]:
        own = common.find_own(lines)
        if own is None:
            common = common.narrow(lines)
            continue
        stored = restore_texts("[]", common.part.content, "\n".join(own))
        assert (stored.text.split("\n"), stored.calendar) == (lines[:-1], "")
        left_out = [line for line in common.lines if line is not None]
        assert len(left_out) + len(own) == len(lines)
        assert set(left_out) <= set(LONG)


def test_line_is_common_only_while_all_have_it_at_the_same_place():
    common = CommonLines.of([LONG[0], LONG[1], "Ada", LONG[2]])
    assert common.find_own([LONG[0], LONG[1], "Grace", LONG[2]]) == ["Grace"]

    assert common.find_own([LONG[1], LONG[0], "Grace", LONG[2]]) is None
    narrower = common.narrow([LONG[1], LONG[0], "Grace", LONG[2]])
    assert narrower.lines == (None, None, None, LONG[2])
    assert narrower.find_own([LONG[0], LONG[1], "Lin", LONG[2]]) == [LONG[0], LONG[1], "Lin"]


@given(st.text(st.sampled_from("aZ9 -.<>&;#%2F"), max_size=40))
def test_line_with_a_tag_or_few_letters_is_never_long(line):
    if is_long(line):
        assert "<" not in line
        assert ">" not in line
        assert len(keep_letters(line)) >= LINK_PART
