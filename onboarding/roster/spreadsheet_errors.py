"""What Excel, LibreOffice and Google Sheets write into a cell whose formula fails, in the languages that they speak.

Saved as CSV such a cell is text like any other, and would become a person's name. Data and one
question.
"""

import re

_EXCEL = """
#NULL! #DIV/0! #VALUE! #REF! #NAME? #NUM! #N/A #SPILL! #CALC! #FIELD! #BLOCKED! #CONNECT! #UNKNOWN!
#BUSY!
#GETTING_DATA #PYTHON! #EXTERNAL! #TIMEOUT! #ERROR! #NA
#WERT! #BEZUG! #ZAHL! #NV #ÜBERLAUF! #KALK! #FELD! #BLOCKIERT! #VERBINDEN! #UNBEKANNT! #BESCHÄFTIGT!
#DATEN_ABRUFEN
#NUL! #VALEUR! #NOM? #NOMBRE! #PROPAGATION! #EPARS! #DÉVERSER! #CHAMP! #BLOQUE! #BLOQUÉ! #CONNEXION!
#INCONNU! #OCCUPÉ!
#¡NULO! #¡DIV/0! #¡VALOR! #¡REF! #¿NOMBRE? #¡NUM! #N/D #¡DESBORDAMIENTO! #¡CALC! #¡CAMPO!
#¡BLOQUEADO! #¡CONECTAR!
#¡DESCONOCIDO! #¡OCUPADO! #NULLO! #VALORE! #RIF! #NOME? #N.D. #ESPANSIONE! #CAMPO! #BLOCCATO!
#CONNETTI! #SCONOSCIUTO!
#NULO! #VALOR! #NÚM! #DESPEJAR! #DESPEJO! #EXCEDIDO! #BLOQUEADO! #CONECTAR! #DESCONHECIDO!
#LEEG! #DEEL/0! #WAARDE! #VERW! #NAAM? #GETAL! #N/B #OVERLOOP! #BEREKENEN! #VELD! #GEBLOKKEERD!
#ONBEKEND! #VERBINDEN!
#ZERO! #DZIEL/0! #ARG! #ADR! #NAZWA? #LICZBA! #N/D! #ROZLANIE! #OBL! #POLE! #ZABLOKOWANE! #NIEZNANY!
#SKÄRNING! #DIVISION/0! #VÄRDEFEL! #REFERENS! #NAMN? #OGILTIGT! #SAKNAS! #SAKNAS #SPILL! #BERÄKNA!
#FÄLT!
#VÆRDI! #REFERENCE! #NAVN? #I/T #OVERLØB! #BEREGN! #FELT! #VERDI! #OVERFLYT! #BEREGNING!
#TYHJÄ! #JAKO/0! #ARVO! #VIITTAUS! #NIMI? #LUKU! #PUUTTUU! #PUUTTUU #LEVITÄ! #LASKENTA!
#DĚLENÍ_NULOU! #HODNOTA! #ODKAZ! #NÁZEV? #ČÍSLO! #NENÍ_K_DISPOZICI #PŘESAH! #VÝPOČET!
#NULLA! #ZÉRÓOSZTÓ! #ÉRTÉK! #HIV! #NÉV? #SZÁM! #HIÁNYZIK #KIBONTÁS!
#ПУСТО! #ДЕЛ/0! #ЗНАЧ! #ССЫЛКА! #ИМЯ? #ЧИСЛО! #Н/Д #ПЕРЕНОС! #ВЫЧИСЛ! #BOŞ! #SAYI/0! #DEĞER! #BAŞV!
#AD? #SAYI! #YOK
"""  # noqa: RUF001 - Russian Excel writes Cyrillic letters
"""Without regard to capitals. By language: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish,
Swedish, Danish and Norwegian, Finnish, Czech, Hungarian, Russian, Turkish."""

_KNOWN = frozenset(text.casefold() for text in _EXCEL.split())
_LIBREOFFICE = re.compile(
    r"(?:Err|Error|Fehler|Erreur|Errore|Erro|Fout|Fel|Feil|Fejl|Błąd|Virhe):\s?5\d\d", re.IGNORECASE
)
_TOO_NARROW = re.compile(r"#{3,}")


def is_spreadsheet_error(text: str) -> bool:
    """Tell whether a cell's whole text is an error, or the marks of a column that is too narrow for its value."""
    return text.casefold() in _KNOWN or bool(
        _LIBREOFFICE.fullmatch(text) or _TOO_NARROW.fullmatch(text)
    )
