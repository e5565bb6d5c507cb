"""Arithmetic without `eval`: the expression is parsed and only numbers and the listed operations are computed, within bounds."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from parlor.tools.errors import ToolError
from parlor.tools.ports import ExecutionContext

MOST_CHARACTERS = 500
MOST_BITS = 10_000
"""Of an integer result: `9**9**9` would otherwise compute for ever."""

Number = int | float

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: left // right,
    ast.Mod: operator.mod,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{"sqrt": math.sqrt, "abs": abs, "round": round, "min": min, "max": max, "floor": math.floor, "ceil": math.ceil},
    **{"log": math.log, "log10": math.log10, "exp": math.exp, "sin": math.sin, "cos": math.cos, "tan": math.tan},
}
_CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e}


class Calculator:
    name = "calculator"
    description = (
        "Computes an arithmetic expression exactly, e.g. '12 * (3 + 4) ** 2'. Knows + - * / // % **, parentheses, sqrt, abs, round, min, max, log, sin and pi."
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"expression": {"type": "string", "description": "The expression, in ordinary notation."}},
        "required": ["expression"],
        "additionalProperties": False,
    }

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        expression = arguments.get("expression")
        if not isinstance(expression, str):
            raise ToolError('give the expression as text, e.g. {"expression": "2 + 2"}')
        return {"expression": expression, "value": evaluate(expression)}


def evaluate(expression: str) -> Number:
    """Raises ToolError for anything that is not arithmetic, or too large."""
    if len(expression) > MOST_CHARACTERS:
        raise ToolError(f"the expression is longer than {MOST_CHARACTERS} characters")
    try:
        tree = ast.parse(expression.strip().replace("^", "**").replace("×", "*").replace("÷", "/"), mode="eval")
        value = _value(tree.body)
        if isinstance(value, float) and not math.isfinite(value):
            raise ToolError("the result is not a finite number")
        return value
    except ToolError:
        raise
    except ZeroDivisionError:
        raise ToolError("division by zero") from None
    except (SyntaxError, ValueError, OverflowError, TypeError, RecursionError, MemoryError):
        raise ToolError(f"{expression!r} is not arithmetic that can be computed") from None


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=bool()):
            raise ToolError("only numbers can be computed with")
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value(operand))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _bounded(_BINARY[type(op)](_value(left), _value(right)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(each) for each in args))
        case _:
            raise ToolError("only numbers, + - * / // % **, parentheses and a few functions can be computed")


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and abs(exponent) * max(base.bit_length(), 1) > MOST_BITS:
        raise ToolError("the result is too large")
    value: Any = base**exponent
    if isinstance(value, complex):
        raise ToolError("the result is not a real number")
    return value


def _bounded(value: Number) -> Number:
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise ToolError("the result is too large")
    return value
