"""What plan pages showed is stored once, found by its digest, and covers what was approved."""

from datetime import timedelta

from onboarding.ledger import events, reviews
from onboarding.model.accounts import AccountKey
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.reviews import Approved, ReviewedMessage, SessionFacts
from tests.ledger.making import seen
from tests.samples import HOUR, NOW, SERVER, START

ACCOUNT = AccountKey(SERVER)
FACTS = SessionFacts(Role.PANELIST, START, timedelta(hours=1))
ADA = ReviewedMessage("ada@example.com", Kind.INVITATION, "", "a" * 64, "p", FACTS, "Hello Ada")
LATER = ReviewedMessage("ada@example.com", Kind.INVITATION, "", "b" * 64, "p", FACTS, "Hi Ada")
ADDED = ("add", "ada@example.com")


def store(connection, session_row, digest, *messages):
    reviews.add_review(connection, session_row, digest, messages, [ADDED], NOW)
    return reviews.find_reviews(connection, ACCOUNT, digest)[0]


def test_a_review_is_found_by_the_first_digits_of_its_digest(connection, session_row):
    store(connection, session_row, "12ab" * 16, ADA)

    (found,) = reviews.find_reviews(connection, ACCOUNT, "12ab12ab12ab")

    assert (found.session, found.digest, found.made_at) == (session_row, "12ab" * 16, NOW)
    assert found.webinar_id == "webinar-1"
    assert reviews.find_reviews(connection, ACCOUNT, "12ab12ab12ac") == []
    assert (
        reviews.find_reviews(connection, AccountKey("https://other.example"), "12ab12ab12ab") == []
    )


def test_a_wild_card_is_a_digit_that_no_digest_has(connection, session_row):
    store(connection, session_row, "12ab" * 16, ADA)

    assert reviews.find_reviews(connection, ACCOUNT, "12ab%") == []


def test_the_same_page_again_is_stored_once(connection, session_row):
    first = store(connection, session_row, "a" * 64, ADA)

    assert store(connection, session_row, "a" * 64, ADA) == first


def test_a_newer_page_is_found_until_it_is_approved(connection, session_row):
    first = store(connection, session_row, "a" * 64, ADA)
    reviews.add_review(connection, session_row, "b" * 64, [LATER], [ADDED], NOW + HOUR)

    assert reviews.find_newer(connection, first) == "b" * 64
    (second,) = reviews.find_reviews(connection, ACCOUNT, "b" * 12)
    assert reviews.find_newer(connection, second) == ""
    reviews.approve(connection, second, "Dana", "", NOW + HOUR)
    assert reviews.find_newer(connection, first) == ""


def test_the_same_page_again_is_the_newest(connection, session_row):
    store(connection, session_row, "a" * 64, ADA)
    reviews.add_review(connection, session_row, "b" * 64, [LATER], [ADDED], NOW + HOUR)
    reviews.add_review(connection, session_row, "a" * 64, [ADA], [ADDED], NOW + 2 * HOUR)

    (first,) = reviews.find_reviews(connection, ACCOUNT, "a" * 12)

    assert reviews.find_newer(connection, first) == ""


def test_what_was_not_approved_covers_nothing(connection, session_row):
    store(connection, session_row, "a" * 64, ADA)

    assert reviews.load_approved(connection, session_row) == Approved()


def test_approvals_add_up_and_the_latest_page_comes_first(connection, session_row):
    first = store(connection, session_row, "a" * 64, ADA)
    second = store(connection, session_row, "b" * 64, LATER)
    for review in (second, first):
        reviews.approve(connection, review, "Dana Brooks", "fine", NOW)

    approved = reviews.load_approved(connection, session_row)

    assert approved == Approved((LATER, ADA), frozenset({ADDED}))
    assert reviews.find_reviews(connection, ACCOUNT, "a" * 12)[0].approved_by == ["Dana Brooks"]


def test_an_approval_is_in_history_with_who_gave_it(connection, session_row):
    review = store(connection, session_row, "12ab" * 16, ADA)
    reviews.approve(connection, review, "Dana Brooks", "after the call", NOW)

    (event,) = events.list_events(connection, events.WHOLE_SESSION)

    assert (event.what, event.at) == ("approve", NOW)
    assert event.detail == "by Dana Brooks: 12ab12ab12ab, after the call"


def test_an_approval_is_for_one_session(connection, session_row):
    other = seen(connection, 2)
    reviews.approve(connection, store(connection, session_row, "a" * 64, ADA), "Dana", "", NOW)

    assert reviews.load_approved(connection, other) == Approved()
