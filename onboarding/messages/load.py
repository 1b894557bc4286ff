"""Loads a webinar's templates: found, compiled, and tried on sample people.

So every mistake that can be found without knowing people is found before the first message.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from onboarding.errors import ConfigurationError
from onboarding.messages import sample_people
from onboarding.messages.compiler.folders import Folders
from onboarding.messages.compiler.sources import find_pasted_links
from onboarding.messages.compiler.template import (
    CALENDAR,
    Environments,
    Template,
    compile_template,
    list_template_names,
)
from onboarding.messages.composer import RENDERING, Composer, describe_refusal
from onboarding.messages.logo import Picture, logo_of
from onboarding.messages.mime import FixedFields, MessageParts
from onboarding.messages.request import MessageRequest
from onboarding.messages.sandbox.limits import MOST_SECONDS_FOR_SAMPLES, Budget, LimitExceeded
from onboarding.messages.settings import BrandSettings
from onboarding.messages.template_names import KINDS, SCHEDULED, check_complete
from onboarding.messages.templates import TemplateSet, make_brand_context, make_template_set
from onboarding.model.deliveries import Rejected


def load_template_set(
    folders: Sequence[Path],
    brand: BrandSettings,
    fixed: FixedFields = (),
    *,
    reads_answers: bool = False,
    scheduled: Sequence[str] = SCHEDULED,
) -> TemplateSet:
    """Compile all templates of these folders, the most special folder first.

    Messages bear the `fixed` fields. `reads_answers`: what calendars answer is read. `scheduled`
    are the templates that the webinar's schedule names.

    Raises `ConfigurationError` naming file, line and the unknown name with the nearest known one;
    for a kind without template; for a logo that can't be read; for a template that fails for a
    sample person.
    """
    searched = Folders.of(folders)
    # Before any template is read, so that no link out of the folders is followed.
    if stray := next(searched.strays(), None):
        raise stray
    logo = logo_of(brand)
    templates = _compile_wanted(searched, brand, logo, (*KINDS, *scheduled))
    if pasted := next(find_pasted_links(searched), ""):
        raise ConfigurationError(
            pasted, hint="Write {{ join_link }}: each person has a link of their own."
        )
    template_set = make_template_set(
        templates, brand, logo, fixed, reads_answers=reads_answers, scheduled=scheduled
    )
    _try_on_samples(template_set)
    return template_set


def _compile_wanted(
    folders: Folders, brand: BrandSettings, logo: Picture | None, wanted: Sequence[str]
) -> Mapping[str, Template]:
    environments = Environments.over(folders, make_brand_context(brand, logo))
    found = list_template_names(folders, (*wanted, CALENDAR))
    check_complete(frozenset(found), folders, wanted)
    return {name: compile_template(name, folders, environments, brand.language) for name in found}


def _try_on_samples(templates: TemplateSet) -> None:
    """Raise `ConfigurationError` for the first message to a sample person that fails."""
    for sample in list_samples(templates):
        tried = try_sample(templates, sample)
        if isinstance(tried, Rejected):
            raise ConfigurationError(
                f"The template {templates.name_for(sample)} fails "
                f"for a sample {sample.invitee.role}: {tried.reason}",
                hint="`onboarding lint` says all that is wrong with the templates.",
            )


def list_samples(templates: TemplateSet, time: Budget | None = None) -> Iterator[MessageRequest]:
    """Give requests for every message to sample people, one after the other.

    Raises `ConfigurationError` where composing them takes too long: each of them may be within its
    limits still.
    """
    # Each language that has a template: a sample person of another one would get the same messages.
    languages = {template.locale.language for template in templates.templates.values()}
    # Not entered by `with`: each message counts its own steps, only their time adds up here.
    all_together = time or Budget(MOST_SECONDS_FOR_SAMPLES)
    for sample in sample_people.sample_messages(sorted(languages), templates.scheduled):
        yield sample
        try:
            # Control comes back here when the message has been composed.
            all_together.look()
        except LimitExceeded as error:
            raise ConfigurationError(
                f"The template {templates.name_for(sample)} is slow. "
                f"For the messages to sample people, {error}.",
                hint="Look for loops and large values in the templates and their shared parts.",
            ) from error


def try_sample(templates: TemplateSet, sample: MessageRequest) -> MessageParts | Rejected:
    """Make the message to a sample person: its parts, or what is wrong with it."""
    composed = Composer(templates, sample_people.GUARDED).compose(sample)
    if isinstance(composed, Rejected):
        return composed
    try:
        parts = templates.render_parts(sample, sample.recipient)
    except RENDERING as error:
        # What rendered a moment ago: a second time takes longer than it may, or `random` picks
        # another item.
        return Rejected(describe_refusal(error))
    tag = sample_people.leftover_tag(parts)
    return Rejected(f"a tag is left over: {tag}") if tag else parts
