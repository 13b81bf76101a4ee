"""The calculator tool: a recursive-descent parser with bounds on size and depth, so that no input can hang the server.

Grammar (one method a rule; `^` and `**` bind tighter than unary minus and to the right, as in mathematics):
    expr    := term (("+" | "-") term)*             a lone percentage is taken of what precedes it
    term    := unary (("*" | "/" | "//" | "%" | "mod") unary)*
    unary   := ("+" | "-")* power
    power   := postfix (("^" | "**") unary)?
    postfix := atom ("!" | "%")*
    atom    := number | constant | name "(" expr ("," expr)* ")" | "(" expr ")"
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation, localcontext
from fractions import Fraction

Number = Fraction | float

MAX_CHARS = 500
MAX_DEPTH = 50
MAX_BITS = 4096

_LEXEME = re.compile(
    r"\s*(?:\d+(?:_?\d)*(?:\.\d+)?(?:[eE][+-]?\d{1,3})?|\.\d+"
    r"|[A-Za-zπ]+|\*\*|//|[-+*/%^!(),\u00d7\u00b7\u00f7\u2212])"
)
_SAME = {"\u00d7": "*", "\u00b7": "*", "\u00f7": "/", "\u2212": "-", "^": "**"}
_CONSTANTS: dict[str, float] = {"pi": math.pi, "π": math.pi, "e": math.e, "tau": math.tau}


class CalculatorError(Exception):
    """The expression has no value: bad syntax, division by zero, out of bounds."""


def evaluate(expression: str) -> str:
    """The value of an arithmetic expression as text: exact if that is short, otherwise rounded to 15 digits.

    Raises CalculatorError.
    """
    if len(expression) > MAX_CHARS:
        raise CalculatorError(f"the expression is longer than {MAX_CHARS} characters")
    parser = _Parser(_lex(expression))
    try:
        return shown(parser.whole())
    except (OverflowError, ValueError, InvalidOperation) as error:
        raise CalculatorError(str(error)) from None


def _lex(expression: str) -> list[str]:
    tokens, place = [], 0
    text = expression.rstrip()
    while place < len(text):
        match = _LEXEME.match(text, place)
        if match is None:
            raise CalculatorError(f"unexpected {text[place : place + 1].strip() or 'space'!r}")
        token = match.group().strip()
        tokens.append(_SAME.get(token, token))
        place = match.end()
    return tokens


class _Parser:
    """One pass over the tokens; each method parses one rule of the grammar."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise CalculatorError(f"expected {token!r}")

    def whole(self) -> Number:
        value = self.expr()
        if self.peek():
            raise CalculatorError(f"unexpected {self.peek()!r}")
        return value

    def expr(self) -> Number:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise CalculatorError("the expression is nested too deeply")
        value = self.term()
        while self.peek() in ("+", "-"):
            operator, start = self.take(), self.at
            change = self.term()
            is_percentage = self.at - start == 2 and self.tokens[self.at - 1] == "%"
            value = _apply(operator, value, _checked(value * change) if is_percentage else change)
        self.depth -= 1
        return value

    def term(self) -> Number:
        value = self.unary()
        while self.peek() in ("*", "/", "//", "%", "mod"):
            value = _apply(self.take(), value, self.unary())
        return value

    def unary(self) -> Number:
        sign = 1
        while self.peek() in ("+", "-"):
            sign = -sign if self.take() == "-" else sign
        return sign * self.power()

    def power(self) -> Number:
        base = self.postfix()
        if self.peek() != "**":
            return base
        self.take()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise CalculatorError("the expression is nested too deeply")
        value = _apply("**", base, self.unary())
        self.depth -= 1
        return value

    def postfix(self) -> Number:
        value = self.atom()
        while True:
            if self.peek() == "!":
                self.take()
                value = _factorial(value)
            elif self.peek() == "%" and not self._operand_follows():
                self.take()
                value = value / 100
            else:
                return value

    def _operand_follows(self) -> bool:
        after = self.tokens[self.at + 1 : self.at + 2]
        return bool(after) and (after[0] == "(" or after[0][0].isalnum() or after[0][0] == ".")

    def atom(self) -> Number:
        token = self.take()
        if token == "(":
            value = self.expr()
            self.expect(")")
            return value
        if token[:1].isdigit() or token[:1] == ".":
            return _checked(Fraction(Decimal(token.replace("_", ""))))
        if token.lower() in _CONSTANTS:
            return _CONSTANTS[token.lower()]
        if token.lower() in _FUNCTIONS:
            return self.call(token.lower())
        raise CalculatorError(f"unexpected {token!r}" if token else "the expression ends too early")

    def call(self, name: str) -> Number:
        self.expect("(")
        arguments = [self.expr()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.expr())
        self.expect(")")
        least, most, function = _FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            raise CalculatorError(f"wrong number of arguments for {name}")
        return _checked(function(*arguments))


def _apply(operator: str, left: Number, right: Number) -> Number:
    if operator in ("/", "//", "%", "mod") and right == 0:
        raise CalculatorError("division by zero")
    if operator == "**":
        return _checked(_power(left, right))
    operations: dict[str, Callable[[Number, Number], Number]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "//": lambda a, b: Fraction(a // b),
        "%": lambda a, b: a % b,
        "mod": lambda a, b: a % b,
    }
    return _checked(operations[operator](left, right))


def _power(base: Number, exponent: Number) -> Number:
    if base == 0 and exponent < 0:
        raise CalculatorError("division by zero")
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits * abs(exponent.numerator) > 2 * MAX_BITS and abs(base) != 1:
            raise CalculatorError("the result is too large")
        return Fraction(base**exponent.numerator)
    if base < 0:
        raise CalculatorError("the result is not a real number")
    return math.pow(base, exponent)


def _factorial(value: Number) -> Number:
    if not isinstance(value, Fraction) or value.denominator != 1 or not 0 <= value <= 400:
        raise CalculatorError("factorial needs a whole number from 0 to 400")
    return Fraction(math.factorial(value.numerator))


def _checked(value: Number) -> Number:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise CalculatorError("the result is too large")
    elif max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise CalculatorError("the result is too large")
    return value


def _square_root(value: Number) -> Number:
    if isinstance(value, Fraction) and value >= 0:
        top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if top * top == value.numerator and bottom * bottom == value.denominator:
            return Fraction(top, bottom)
    return math.sqrt(value)


def _rounded(value: Number, places: Number = Fraction(0)) -> Number:
    digits = int(places)
    if digits != places or not -30 <= digits <= 30:
        raise CalculatorError("round takes a whole number of places")
    return Fraction(round(Fraction(value), digits))


_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Number]]] = {
    "sqrt": (1, 1, _square_root),
    "abs": (1, 1, abs),
    "round": (1, 2, _rounded),
    "floor": (1, 1, lambda x: Fraction(math.floor(x))),
    "ceil": (1, 1, lambda x: Fraction(math.ceil(x))),
    "sum": (1, 99, lambda *xs: sum(xs)),
    "avg": (1, 99, lambda *xs: sum(xs) / len(xs)),
    "min": (1, 99, min),
    "max": (1, 99, max),
    "sin": (1, 1, math.sin),
    "cos": (1, 1, math.cos),
    "tan": (1, 1, math.tan),
    "exp": (1, 1, math.exp),
    "ln": (1, 1, math.log),
    "log": (1, 2, lambda x, base=10: math.log10(x) if base == 10 else math.log(x, base)),
}


def shown(value: Number) -> str:
    """A number as text: exact if that is short, otherwise rounded to 15 digits."""
    if isinstance(value, float):
        return format(value, ".15g")
    if value.denominator == 1:
        return str(value.numerator)
    with localcontext() as context:
        context.prec = 15
        quotient = Decimal(value.numerator) / Decimal(value.denominator)
    return format(quotient.normalize(), "f") if abs(quotient) >= Decimal("1e-6") else format(float(value), ".15g")
