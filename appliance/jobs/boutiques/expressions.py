"""Conditions of ``conditional-path-template``: comparisons of inputs, read and never executed."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from appliance.core import Invalid

__all__ = ["check_condition", "holds"]

_WORDS = re.compile(r"\b(AND|OR|NOT|true|false)\b")
_PYTHON = {"AND": "and", "OR": "or", "NOT": "not", "true": "True", "false": "False"}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class _NoValueError(Exception):
    """An input in the condition has no value, so the condition does not hold."""


def check_condition(text: str, known: Collection[str]) -> None:
    """Check that a condition can be read and names inputs or plain words only.

    Raises
    ------
    Invalid
        If it holds anything but names, numbers, texts, comparisons, and, or, not and brackets.
    """
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if not any(isinstance(side, ast.Name) and side.id in known for side in sides):
                raise Invalid(f"a comparison in {text!r} names no input")


def holds(text: str, values: Mapping[str, Any], known: Collection[str]) -> bool:
    """Tell whether a condition holds; one that names an input without a value does not.

    Parameters
    ----------
    text : str
        Such as ``mode == "fast" and (n > 3)``; ``default`` always holds.
    values : mapping
        Inputs that have a value.
    known : collection of str
        All inputs; other names are texts.
    """
    if text.strip() == "default":
        return True
    try:
        return bool(_value(_tree(text), values, known))
    except _NoValueError:
        return False


def _tree(text: str) -> ast.expr:
    try:
        tree = ast.parse(_WORDS.sub(lambda m: _PYTHON[m[1]], text.strip()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise Invalid(f"the condition {text!r} cannot be read") from error
    allowed = (
        *(ast.BoolOp, ast.boolop, ast.Compare, ast.cmpop, ast.Name, ast.Load, ast.Constant),
        *(ast.UnaryOp, ast.Not, ast.USub),
    )
    for node in ast.walk(tree):
        if not isinstance(node, allowed) or isinstance(
            node, (ast.Is, ast.IsNot, ast.In, ast.NotIn)
        ):
            raise Invalid(f"the condition {text!r} holds more than comparisons")
    return tree


def _value(node: ast.expr, values: Mapping[str, Any], known: Collection[str]) -> Any:
    if isinstance(node, ast.BoolOp):
        parts = [_value(part, values, known) for part in node.values]
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, values, known)
        return not inner if isinstance(node.op, ast.Not) else -inner
    if isinstance(node, ast.Compare):
        return _compare(node, values, known)
    if isinstance(node, ast.Name):
        if node.id in values:
            return values[node.id]
        if node.id in known:
            raise _NoValueError
        return node.id
    return node.value if isinstance(node, ast.Constant) else None


def _compare(node: ast.Compare, values: Mapping[str, Any], known: Collection[str]) -> bool:
    sides = [_value(side, values, known) for side in (node.left, *node.comparators)]
    try:
        return all(
            _COMPARE[type(sign)](left, right)
            for sign, left, right in zip(node.ops, sides, sides[1:], strict=False)
        )
    except TypeError:
        return False
