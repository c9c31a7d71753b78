"""Arithmetic on a map, as phantom files write it: ``(x - x_min) / (x_max - x_min)``."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


def evaluate(expression: str, values: Tensor) -> Tensor:
    """Apply an expression of numbers, ``+ - * /``, parentheses and ``x, x_min, x_max, x_mean, x_std`` to a map.

    Args:
        expression: as above. Nothing else is allowed in it, since files come from anywhere.
        values: x, any shape.

    Returns:
        The result, shape and dtype of x.

    Raises:
        ValueError: something else is in the expression.
    """
    names: dict[str, Any] = {"x": values}
    if not values.is_complex():
        low, high = (float(v) for v in values.aminmax())
        spread = float(values.std(correction=0))
        names |= {"x_min": low, "x_max": high, "x_mean": float(values.mean()), "x_std": spread}

    def value_of(node: ast.expr) -> Any:
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value_of(node.left), value_of(node.right))
        if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value_of(node.operand))
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return float(node.value)
        if isinstance(node, ast.Name) and node.id in names:
            return names[node.id]
        raise ValueError(f"{ast.unparse(node)!r} in the expression {expression!r} is not allowed: {sorted(names)}.")

    try:
        tree = ast.parse(expression, mode="eval")
        result = value_of(tree.body)
    except (SyntaxError, ZeroDivisionError, RecursionError) as error:
        raise ValueError(f"{expression!r} is no arithmetic expression ({error}).") from error
    return torch.as_tensor(result, dtype=values.dtype).expand(values.shape).clone()
