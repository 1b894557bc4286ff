"""What a single cell may say: one function per kind of cell, from its text to the program's value.

Each takes text from `clean_cell`, and raises ValueError in words that tell the producer what to do.
None knows rows, headers or other cells (`row` does). Lengths are those of `docs/ringcentral.md`,
"Invitees".
"""

import re
import unicodedata
from difflib import get_close_matches
from functools import cache
from itertools import chain

from babel import Locale, UnknownLocaleError, localedata
from email_validator import EmailNotValidError, validate_email

from onboarding.model.people import Role
from onboarding.model.time_zones import canonical, iana_names

# RingCentral's limits, checked here because one call adds all people: what a value that is too long
# does to the others in that call is not documented.
NAME_LENGTH = 64
ID_LENGTH = 256
MOST_CHARACTERS = 32_767
"""Of one cell, as in Excel."""

# U+FFFD is also what decoding with "replace" leaves, so damage of either origin is refused alike.
_DAMAGED = "\ufffd"
# What separates addresses in a cell that was copied from a mail program: `Name <a@b>; c@d`. Those
# by number are what Chinese and Japanese keyboards write for some of the others, and dots of lists.
_BETWEEN = r"\s<>()\[\]\"',;:/|&\\\u3001\u00b7\u2022\uff0c\uff1b\uff1a\uff0f\uff5c\uff06"
_ADDRESSES = re.compile(rf"(?<![^{_BETWEEN}])[^{_BETWEEN}@]+@[^{_BETWEEN}@]+")
"""Begins at a word's start only, so that a long cell takes no longer than its length."""
# The starts that `reports.csv_file` guards. With one missing here, a roster that goes out and comes
# back would gain an apostrophe in a name.
_QUOTED_FORMULA = re.compile("' ?[=+@\uff1d\uff0b\uff0d\uff20-]")
# Zero-width non-joiner and joiner: dropping them changes how a name is written, not only its bytes.
_KEPT_JOINERS = "\u200c\u200d"
# `1.2E+16`, and `1,2E+16` as a German Excel writes it.
_SHORTENED = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)
# Compared after `fold`, so without hyphens, spaces and capitals. A word that could mean several
# roles is left out on purpose: a guess could give a guest more rights than was meant.
_ROLES = {
    Role.HOST: ("host", "gastgeber", "gastgeberin"),
    Role.COHOST: ("cohost", "cogastgeber", "cogastgeberin"),
    Role.PANELIST: ("panelist", "panellist", "panelistin"),
}
_ROLE_SPELLINGS = {spelling: role for role, spellings in _ROLES.items() for spelling in spellings}
_ATTENDEE_SPELLINGS = {"attendee", "attendees", "teilnehmer", "teilnehmerin"}


def clean_cell(text: str) -> str:
    """Make texts that look the same equal, and every text safe to print.

    NFC; white space, line breaks too, folded into one space. Dropped are Unicode's format
    characters (zero-width spaces, direction marks, byte order marks: they come along with copied
    addresses and make them undeliverable), but not the joiners that Persian, Indic scripts and
    emoji need. Control characters and halves of characters become U+FFFD, which `refuse_damaged`
    refuses. The apostrophe goes that keeps a spreadsheet from running a cell: our own files have
    it, and it belongs to no name or address.
    """
    # A printable text has no character that would be dropped, and nearly all cells are printable.
    visible = text if text.isprintable() else "".join(map(_clean_character, text))
    # Composed only after format characters are gone: one between a letter and its accent would keep
    # them apart. `split` also takes no-break spaces, which copied addresses may end with.
    plain = " ".join(unicodedata.normalize("NFC", visible).split())
    return plain[1:].lstrip() if _QUOTED_FORMULA.match(plain) else plain


def refuse_damaged(text: str) -> str:
    """Refuse a cell with a character that can't be read or printed: no name or address has any."""
    if _DAMAGED in text:
        raise ValueError(
            f"This cell holds a damaged or unprintable character (shown as {_DAMAGED})."
            " Type its text again."
        )
    return text


def refuse_unusable(text: str) -> str:
    """Refuse what no cell can mean: a spreadsheet's error, endless text, damaged text."""
    # First, so that no pattern below runs over a cell of megabytes.
    if len(text) > MOST_CHARACTERS:
        raise ValueError(
            f"This cell has {len(text)} characters, and no spreadsheet's has more than"
            f" {MOST_CHARACTERS}. Shorten it."
        )
    if is_spreadsheet_error(text):
        raise ValueError(
            f"{text!r} is what a spreadsheet shows instead of a value."
            " Correct the cell there, or make its column wider, and save again."
        )
    return refuse_damaged(text)


def fold(text: str) -> str:
    """Fold a word to its letters and digits, in one case: `Co-Host` and `co host` are `cohost`."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def parse_name(text: str) -> str:
    """Parse a first name, last name or job title: at most 64 characters."""
    if len(text) > NAME_LENGTH:
        raise ValueError(
            f"This has {len(text)} characters, RingCentral takes {NAME_LENGTH}. Shorten it."
        )
    return text


def parse_email(text: str) -> str:
    """Parse an e-mail address, as written unless its domain has letters beyond ASCII.

    DNS is not asked. Names for rehearsals (`.test`, `.example`) are accepted. RFC 5321 4.5.3.1
    bounds an address at 254 characters, under RingCentral's 256.
    """
    # Asked before the validator, which only says of two addresses that a character is wrong.
    addresses = _ADDRESSES.findall(text)
    if len(addresses) > 1:
        raise ValueError(
            f"This cell holds {len(addresses)} addresses. A row is one person:"
            " give each of them a row of their own."
        )
    try:
        # No DNS: a roster must be readable offline, and a look-up
        # would slow every run for every row.
        checked = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"{error} Correct the address.") from error
    # Beyond ASCII one domain has several spellings, and normalizing makes them one. In ASCII it
    # would only change the domain's capitals, and people want to see what they typed.
    return text if text.isascii() else checked.normalized


def parse_role(text: str) -> Role:
    """Parse Host, CoHost or Panelist in any spelling, in English or German."""
    word = fold(text)
    # Understood, and refused: RingCentral takes no attendee by this API, and calling the word
    # unknown would make people try other spellings of it.
    if word in _ATTENDEE_SPELLINGS:
        raise ValueError(
            "Attendees are not invited from a roster: they register themselves on the webinar's"
            " page. Delete the row, or make it Host, CoHost or Panelist."
        )
    if word not in _ROLE_SPELLINGS:
        raise ValueError(f"{text!r} is no role. Write Host, CoHost or Panelist.")
    return _ROLE_SPELLINGS[word]


def parse_language(text: str) -> str:
    """Parse a BCP 47 tag that Babel has dates and words for.

    Its case becomes the usual one: `de`, `en-GB`, `zh-Hant`.
    """
    # POSIX and many exports write `de_DE`.
    tag = text.replace("_", "-")
    try:
        Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError) as error:
        suggestion = _find_language_tag(text) or "a tag such as en, en-GB or de"
        raise ValueError(f"{text!r} is no language tag. Write {suggestion}.") from error
    first, *others = tag.split("-")
    return "-".join([first.lower(), *map(_format_subtag, others)])


def parse_time_zone(text: str) -> str:
    """Parse a time zone: `Europe/Berlin`, also for `europe/berlin`.

    Windows names (`W. Europe Standard Time`) become their IANA names; an offset (`UTC+2`, `+05:30`)
    stays an offset.
    """
    zone = canonical(text)
    if zone:
        return zone
    zones = _map_zones()
    # A hint only, never taken as the answer: a wrong zone would put a wrong hour into a mail.
    nearest = get_close_matches(text.casefold().replace(" ", "_"), zones, n=1, cutoff=0.8)
    hint = f"Did you mean {zones[nearest[0]]}?" if nearest else "Write a name like Europe/Berlin."
    raise ValueError(f"{text!r} is no time zone. {hint}")


def parse_id(text: str) -> str:
    """Parse an account id or user id of RingCentral's.

    Refused is an id that a spreadsheet has put into powers of ten: its last digits are lost.
    """
    if _SHORTENED.fullmatch(text):
        raise ValueError(
            "The spreadsheet has shortened this number. Format the column as text and enter it"
            " again."
        )
    if len(text) > ID_LENGTH:
        raise ValueError(
            f"This has {len(text)} characters, an id has at most {ID_LENGTH}. Correct it."
        )
    return text


def parse_domain(text: str) -> str:
    """Parse which of RingCentral's two directories a linked user is in."""
    if text.casefold() not in {"pbx", "ilm"}:
        raise ValueError(
            f"{text!r} is no domain of a linked user. Write pbx or ilm, or leave it empty for pbx."
        )
    return text.casefold()


def _format_subtag(text: str) -> str:
    """The usual case: title case for a script's four letters, upper for a region's two.

    That is RFC 5646 2.1.1.
    """
    match len(text):
        case 2:
            return text.upper()
        case 4:
            return text.title()
        case _:
            return text.lower()


def _find_language_tag(text: str) -> str | None:
    """Find the tag of a language that is written out, in English or German."""
    names = chain.from_iterable(Locale(tag).languages.items() for tag in ("en", "de"))
    tags = (tag for tag, name in names if name.casefold() == text.casefold())
    # Babel names far more languages than it has dates for; a tag without them could not be used.
    return next(filter(localedata.exists, tags), None)


def _clean_character(char: str) -> str:
    match unicodedata.category(char):
        case "Cf":
            return char if char in _KEPT_JOINERS else ""
        case "Cc" | "Cs":
            # Line breaks and tabs are control characters, too. They
            # stay here and become spaces later.
            return char if char.isspace() else _DAMAGED
        case _:
            return char


@cache
def _map_zones() -> dict[str, str]:
    """Map names and cities to the zones that a message may suggest."""
    # Not `Etc/GMT+2`: its sign is turned round, so it would be the wrong suggestion.
    zones = {
        word: zone
        for word, zone in iana_names().items()
        if "/" in zone and not zone.startswith("Etc/")
    }
    # Merged last, a whole name wins over a city that is spelled the same.
    return {word.rpartition("/")[2]: zone for word, zone in zones.items()} | zones


_EXCEL_ERRORS = """
#NULL! #DIV/0! #VALUE! #REF! #NAME? #NUM! #N/A #SPILL! #CALC! #FIELD! #BLOCKED! #CONNECT! #UNKNOWN!
#BUSY! #GETTING_DATA #PYTHON! #EXTERNAL! #TIMEOUT! #ERROR! #NA #WERT! #BEZUG! #ZAHL! #NV #ÜBERLAUF!
#KALK! #FELD! #BLOCKIERT! #VERBINDEN! #UNBEKANNT! #BESCHÄFTIGT! #DATEN_ABRUFEN #NUL! #VALEUR! #NOM?
#NOMBRE! #PROPAGATION! #EPARS! #DÉVERSER! #CHAMP! #BLOQUE! #BLOQUÉ! #CONNEXION! #INCONNU! #OCCUPÉ!
#¡NULO! #¡DIV/0! #¡VALOR! #¡REF! #¿NOMBRE? #¡NUM! #N/D #¡DESBORDAMIENTO! #¡CALC! #¡CAMPO!
#¡BLOQUEADO! #¡CONECTAR! #¡DESCONOCIDO! #¡OCUPADO! #NULLO! #VALORE! #RIF! #NOME? #N.D. #ESPANSIONE!
#CAMPO! #BLOCCATO! #CONNETTI! #SCONOSCIUTO! #NULO! #VALOR! #NÚM! #DESPEJAR! #DESPEJO! #EXCEDIDO!
#BLOQUEADO! #CONECTAR! #DESCONHECIDO! #LEEG! #DEEL/0! #WAARDE! #VERW! #NAAM? #GETAL! #N/B #OVERLOOP!
#BEREKENEN! #VELD! #GEBLOKKEERD! #ONBEKEND! #VERBINDEN! #ZERO! #DZIEL/0! #ARG! #ADR! #NAZWA?
#LICZBA! #N/D! #ROZLANIE! #OBL! #POLE! #ZABLOKOWANE! #NIEZNANY! #SKÄRNING! #DIVISION/0! #VÄRDEFEL!
#REFERENS! #NAMN? #OGILTIGT! #SAKNAS! #SAKNAS #SPILL! #BERÄKNA! #FÄLT! #VÆRDI! #REFERENCE! #NAVN?
#I/T #OVERLØB! #BEREGN! #FELT! #VERDI! #OVERFLYT! #BEREGNING! #TYHJÄ! #JAKO/0! #ARVO! #VIITTAUS!
#NIMI? #LUKU! #PUUTTUU! #PUUTTUU #LEVITÄ! #LASKENTA! #DĚLENÍ_NULOU! #HODNOTA! #ODKAZ! #NÁZEV?
#ČÍSLO! #NENÍ_K_DISPOZICI #PŘESAH! #VÝPOČET! #NULLA! #ZÉRÓOSZTÓ! #ÉRTÉK! #HIV! #NÉV? #SZÁM!
#HIÁNYZIK #KIBONTÁS! #ПУСТО! #ДЕЛ/0! #ЗНАЧ! #ССЫЛКА! #ИМЯ? #ЧИСЛО! #Н/Д #ПЕРЕНОС! #ВЫЧИСЛ! #BOŞ!
#SAYI/0! #DEĞER! #BAŞV! #AD? #SAYI! #YOK #ΚΕΝΟ! #ΔΙΑΙΡ/0! #ΤΙΜΗ! #ΑΝΑΦ! #ΟΝΟΜΑ? #ΑΡΙΘ! #Δ/Υ #ДІЛ/0!
#ПОСИЛАННЯ! #ІМ'Я? #LOADING! Loading...
"""  # noqa: RUF001 - Russian, Ukrainian and Greek Excel write letters of their own alphabets
"""In any case. By language: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish,
Swedish, Danish and Norwegian, Finnish, Czech, Hungarian, Russian, Turkish, Greek, Ukrainian. Last
is what Google Sheets shows while a value is on its way."""

_KNOWN_ERRORS = frozenset(text.casefold() for text in _EXCEL_ERRORS.split())
_LIBREOFFICE_ERROR = re.compile(
    r"(?:Err|Error|Fehler|Erreur|Errore|Erro|Fout|Fel|Feil|Fejl|Błąd|Virhe):\s?5\d\d", re.IGNORECASE
)
_TOO_NARROW = re.compile(r"#{3,}")


def is_spreadsheet_error(text: str) -> bool:
    """Tell whether a cell's whole text is what a spreadsheet shows instead of a value.

    Saved as CSV such a cell is text like any other, and would become a person's name. Excel,
    LibreOffice and Google Sheets show a failed formula in the user's language, and `###` where a
    column is too narrow.
    """
    if text.casefold() in _KNOWN_ERRORS:
        return True
    return bool(_LIBREOFFICE_ERROR.fullmatch(text) or _TOO_NARROW.fullmatch(text))
