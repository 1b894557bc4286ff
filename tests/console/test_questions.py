"""Questions in memory: whose they are, how long they last, how many there are."""

from datetime import timedelta

import pytest

from onboarding.console.questions import MOST_QUESTIONS, QUESTION_LASTS, Question, QuestionStore
from onboarding.pipeline.proposals.proposal import Proposal
from onboarding.pipeline.proposals.send_now import SendNow
from onboarding.pipeline.target import Target
from tests.clock import Clock

ACT = SendNow(Target("launch", "1"))
PROPOSAL = Proposal("Send 1 mail.", digest="d1")


def question(clock: Clock, by: str = "Dana") -> Question:
    return Question(by, "launch", "send-now", ACT, PROPOSAL, clock.now())


def test_a_question_is_found_by_its_person_on_its_webinar_alone():
    clock = Clock()
    store, asked = QuestionStore(clock.now), question(clock)
    token = store.add(asked)
    assert store.find(token, "Dana", "launch") is asked
    assert store.find(token, "Mia", "launch") is None
    assert store.find(token, "Dana", "lunch") is None
    assert store.find("", "Dana", "launch") is None


@pytest.mark.parametrize(
    ("waited", "is_open"),
    [(QUESTION_LASTS, True), (QUESTION_LASTS + timedelta(seconds=1), False)],
)
def test_a_question_lasts_its_time(waited, is_open):
    clock = Clock()
    store = QuestionStore(clock.now)
    token = store.add(question(clock))
    clock.pass_time(seconds=waited.total_seconds())
    assert (store.find(token, "Dana", "launch") is not None) is is_open


def test_of_too_many_questions_the_oldest_goes_first():
    clock = Clock()
    store = QuestionStore(clock.now)
    tokens = [store.add(question(clock)) for _ in range(MOST_QUESTIONS + 1)]
    found = [store.find(token, "Dana", "launch") is not None for token in tokens]
    assert found == [False] + [True] * MOST_QUESTIONS


def test_no_two_questions_have_one_token():
    clock = Clock()
    store = QuestionStore(clock.now)
    tokens = {store.add(question(clock)) for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 43  # 256 bits, 6 in each character
