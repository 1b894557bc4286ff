"""Questions that were asked and wait for a person's yes: each has a token and is answered once.

A second click on the same button finds the same answer and does nothing. Kept in memory only: after
a restart the person is asked again. Knows no request.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from onboarding.console.act_tasks import ActTask
from onboarding.console.log_ins import TOKEN_BYTES
from onboarding.pipeline.proposals.copy_link import CopyLink
from onboarding.pipeline.proposals.proposal import Act, Proposal

QUESTION_LASTS = timedelta(minutes=15)
"""Long enough to read the names and ask a colleague. Its answer can be looked at as long."""

MOST_QUESTIONS = 500
"""Questions at once. The oldest goes first, so that asking again and again fills no memory."""


@dataclass(slots=True)
class Question:
    """What a person was asked: which act on which webinar, and what it would do.

    `kind` is the act's name in a form, `back` the page that it was asked from. `answer` is the act
    that a yes has started; `is_answered` is set by the first yes. `follow_up` is the token of the
    next question, where what was proposed had changed.
    """

    by: str
    webinar: str
    kind: str
    act: Act | CopyLink
    proposal: Proposal
    asked_at: datetime
    back: str = ""
    answer: ActTask | None = None
    is_answered: bool = False
    follow_up: str = ""


class QuestionStore:
    """The questions that are open, and those that were answered lately, by token."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._questions: dict[str, Question] = {}

    def add(self, question: Question) -> str:
        """Add a question. Returns its token."""
        self._remove_old()
        while len(self._questions) >= MOST_QUESTIONS:
            # A dictionary keeps the order of insertion: the first one is the oldest.
            del self._questions[next(iter(self._questions))]
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._questions[token] = question
        return token

    def find(self, token: str, by: str, webinar: str) -> Question | None:
        """Find a question of this person about this webinar; None for one that is old or unknown.

        A token of another person's question is unknown here, too.
        """
        self._remove_old()
        question = self._questions.get(token)
        if question is None or (question.by, question.webinar) != (by, webinar):
            return None
        return question

    def _remove_old(self) -> None:
        oldest = self._now() - QUESTION_LASTS
        old = [token for token, asked in self._questions.items() if asked.asked_at < oldest]
        for token in old:
            del self._questions[token]
