"""The safe part of SQL conditions: ``STAG LIKE '%Training%' AND NOT (PTAG = 'pilot')``.

It is parsed into the same tree as filter bars and never reaches a database as text. Names are
those of NORA's columns, with or without their table. A tag column holds all tags as ``/a/b/``
there; here each tag is asked by itself, so ``'%/a/%'`` means the tag ``a``.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from appliance.catalog.nodes import And, Attribute, Filter, Not, Or
from appliance.catalog.scanner import check_text, fail
from appliance.catalog.wildcards import escape

__all__ = ["parse_condition"]

_COLUMNS = {
    "STAG": "STAG",
    "PTAG": "PTAG",
    "FTAG": "FTAG",
    "TAG": "FTAG",
    "SDESC": "SDESC",
    "STUDYDESCRIPTION": "SDESC",
    "PID": "PID",
    "PIZ": "PID",
    "PATIENTS_ID": "PID",
    "SID": "SID",
    "STUDYID": "SID",
    "STUDIES_ID": "SID",
    "JOB": "JOB",
}
_TAGS = ("STAG", "PTAG", "FTAG")
_TOKEN = re.compile(
    r"""\s*(?: (?P<name>[A-Za-z]\w*(?:\.[A-Za-z]\w*)?) | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<sign><>|!=|[=(),]) | (?P<bad>\S) )""",
    re.VERBOSE | re.ASCII,
)
_LIKE_SIGN = re.compile(r"\\[%_\\]|[%\\]")
_SIGNS = {"%": "*", "\\%": "%", "\\": "\\\\"}
_MAX_DEPTH = 40
_MAX_TESTS = 500
_HINT = "Known are NAME [NOT] LIKE '…', =, <>, [NOT] IN ('…'), NOT, AND, OR and parentheses."


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse_condition(text: str) -> Filter:
    """Parse a condition.

    Parameters
    ----------
    text : str
        Such as ``STAG LIKE '%Training%'``.

    Returns
    -------
    Filter
        Its nodes are anchored: nothing may follow unless ``%`` says so.

    Raises
    ------
    Invalid
        With the fact ``position``, for everything that is not of the subset.
    """
    return _Parser(text).whole()


class _Parser:
    """Recursive descent over tokens: OR over AND over NOT over tests."""

    def __init__(self, text: str) -> None:
        check_text(text, "condition")
        self.tokens = [*_tokens(text), _Token("end", "", len(text))]
        self.i = self.depth = self.n_tests = 0

    def whole(self) -> Filter:
        tree = self._any()
        if self._next().kind != "end":
            self._fail("AND, OR or the end is missing here")
        return tree

    def _any(self) -> Filter:
        terms = [self._all()]
        while self._take("OR"):
            terms.append(self._all())
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _all(self) -> Filter:
        terms = [self._not()]
        while self._take("AND"):
            terms.append(self._not())
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _not(self) -> Filter:
        negated = False
        while self._take("NOT"):
            negated = not negated
        term = self._group() if self._take("(") else self._test()
        return Not(term) if negated else term

    def _group(self) -> Filter:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self._fail("parentheses are nested too deeply")
        tree = self._any()
        self.depth -= 1
        if not self._take(")"):
            self._fail("a closing parenthesis is missing here")
        return tree

    def _test(self) -> Filter:
        name = self._column()
        negated = self._take("NOT")
        if self._take("LIKE"):
            tree = _like(name, self._text())
        elif self._take("IN"):
            tree = self._in(name)
        elif not negated and self._take("="):
            tree = _equal(name, self._text())
        elif not negated and (self._take("<>") or self._take("!=")):
            negated, tree = True, _equal(name, self._text())
        else:
            self._fail("LIKE, = or IN is missing here")
        return Not(tree) if negated else tree

    def _in(self, name: str) -> Filter:
        if not self._take("("):
            self._fail("a list in parentheses is missing here")
        terms = [_equal(name, self._text())]
        while self._take(","):
            terms.append(_equal(name, self._text()))
        if not self._take(")"):
            self._fail("a closing parenthesis is missing here")
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _column(self) -> str:
        token = self._next()
        name = _COLUMNS.get(token.text.rpartition(".")[2].upper())
        if name is None:
            self._fail("no column that can be asked")
        self.i += 1
        return name

    def _text(self) -> _Token:
        token = self._next()
        if token.kind != "text":
            self._fail("a text in quotes is missing here")
        self.n_tests += 1
        if self.n_tests > _MAX_TESTS:
            self._fail(f"more than {_MAX_TESTS} tests")
        self.i += 1
        quote = token.text[0]
        return token._replace(text=token.text[1:-1].replace(quote * 2, quote))

    def _next(self) -> _Token:
        return self.tokens[self.i]

    def _take(self, word: str) -> bool:
        token = self._next()
        if token.kind in ("name", "sign") and token.text.upper() == word:
            self.i += 1
            return True
        return False

    def _fail(self, message: str) -> NoReturn:
        token = self._next()
        if token.kind == "bad":
            quote = token.text in "'\""
            message = "this quote is never closed" if quote else "this is not allowed here"
        fail("condition", message, token.at, _HINT)


def _tokens(text: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        found.append(_Token(kind, match[kind], match.start(kind)))
    return found


def _equal(name: str, value: _Token) -> Filter:
    text = value.text
    if name in _TAGS:
        text = _one_tag(text, value.at)
        if not text:
            return Not(Attribute(name, "*", anchored=True, at=value.at))
    return Attribute(name, escape(text), anchored=True, at=value.at)


def _like(name: str, value: _Token) -> Filter:
    text = value.text
    if "*" in text:
        fail("condition", "LIKE has % and _ as wildcards", value.at + 1 + text.index("*"), _HINT)
    if name in _TAGS:
        text = _one_tag(text.removeprefix("%/").removesuffix("/%"), value.at)
    pattern = _LIKE_SIGN.sub(lambda sign: _SIGNS.get(sign[0], sign[0]), text)
    return Attribute(name, pattern, anchored=True, at=value.at)


def _one_tag(text: str, at: int) -> str:
    inside = text.removeprefix("/").removesuffix("/")
    if "/" in inside:
        fail("condition", "one tag at a time, without /", at, "Join two tests with AND.")
    return inside
