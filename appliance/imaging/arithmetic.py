"""Formulas over images: read, checked, and computed on arrays; no code is ever run."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Volume

__all__ = ["FUNCTIONS", "calculate"]

_MAX_LENGTH = 2000
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
    ast.Invert: np.logical_not,
    ast.Not: np.logical_not,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "clip": np.clip,
    "exp": np.exp,
    "isnan": np.isnan,
    "log": np.log,
    "max": lambda *parts: np.maximum.reduce(np.broadcast_arrays(*parts)),
    "mean": np.mean,
    "min": lambda *parts: np.minimum.reduce(np.broadcast_arrays(*parts)),
    "percentile": np.percentile,
    "round": np.rint,
    "sqrt": np.sqrt,
    "std": np.std,
    "where": np.where,
}


def calculate(formula: str, images: Sequence[Volume]) -> Volume:
    """Compute a formula.

    Parameters
    ----------
    formula : str
        Such as ``(a - b) / where(b > 0, b, 1)``; the images are called a, b, c ... in order.
    images : sequence of Volume
        All on the same grid; a single frame goes with each frame of the others.

    Returns
    -------
    Volume
        float32, or uint8 where the result is true or false. Where it is no number there is 0.

    Raises
    ------
    Invalid
        If the formula cannot be read, names what is not there, or the grids differ.
    """
    if not images:
        raise Invalid("a formula needs an image")
    _check_grids(images)
    names = {chr(ord("a") + n): _values(image, images) for n, image in enumerate(images)}
    tree = _tree(formula)
    with np.errstate(all="ignore"):
        try:
            result = np.asarray(_compute(tree, names))
        except (TypeError, ValueError) as error:
            raise Invalid(f"the formula cannot be computed: {error}") from error
    shape = np.broadcast_shapes(*(array.shape for array in names.values()))
    result = np.broadcast_to(result, shape)
    if result.dtype == bool:
        return images[0].like(result.astype(np.uint8))
    plain = np.nan_to_num(result.astype(np.float32), nan=0, posinf=0, neginf=0)
    return images[0].like(plain)


def _check_grids(images: Sequence[Volume]) -> None:
    for number, image in enumerate(images[1:], 2):
        if not image.grid.matches(images[0].grid):
            raise Invalid(
                f"image {number} lies on another grid than the first",
                hint="Resample it first: Processing/Image/Resample.",
            )
    counts = {image.n_volumes for image in images} - {1}
    if len(counts) > 1:
        raise Invalid("the images have different numbers of frames")


def _values(image: Volume, images: Sequence[Volume]) -> NDArray[np.float64]:
    data = image.data.astype(np.float64)
    many = any(other.data.ndim == 4 for other in images)
    return data[..., None] if many and data.ndim == 3 else data


def _tree(formula: str) -> ast.expr:
    if len(formula) > _MAX_LENGTH:
        raise Invalid(f"a formula has at most {_MAX_LENGTH} characters")
    try:
        return ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        where = getattr(error, "offset", None)
        place = f" at character {where}" if where else ""
        raise Invalid(f"the formula cannot be read{place}: {formula!r}") from error


def _compute(node: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value) if not isinstance(node.value, bool) else node.value
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise Invalid(f"there is no image {node.id!r}; there are {', '.join(names)}")
        return names[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_compute(node.left, names), _compute(node.right, names))
    if isinstance(node, ast.UnaryOp):
        return _OPERATORS[type(node.op)](_compute(node.operand, names))
    return _compute_more(node, names)


def _compute_more(node: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Compare):
        sides = [_compute(side, names) for side in (node.left, *node.comparators)]
        parts = [
            _OPERATORS[type(sign)](left, right)
            for sign, left, right in zip(node.ops, sides, sides[1:], strict=False)
            if type(sign) in _OPERATORS
        ]
        if len(parts) == len(node.ops):
            return np.logical_and.reduce(np.broadcast_arrays(*parts))
    if isinstance(node, ast.BoolOp):
        values = np.broadcast_arrays(*(_compute(value, names) for value in node.values))
        both = isinstance(node.op, ast.And)
        return np.logical_and.reduce(values) if both else np.logical_or.reduce(values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            raise Invalid(f"there is no function {node.func.id!r}; there are {known}")
        return FUNCTIONS[node.func.id](*(_compute(arg, names) for arg in node.args))
    raise Invalid(f"a formula cannot hold {ast.unparse(node)!r}")
