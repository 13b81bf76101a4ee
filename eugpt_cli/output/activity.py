"""What -v shows of a request on its way: a line for every step."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from eugpt_cli.api.observer import Observer
from eugpt_cli.api.request import Request
from eugpt_cli.errors import EugptError
from eugpt_cli.text.escapes import brief, one_line
from eugpt_cli.text.redaction import MASK

if TYPE_CHECKING:
    from eugpt_cli.http.response import Response


class Verbose(Observer):
    """Prints a line for each step: `>` sent, `<` received, `*` done by eugpt or the service."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def sending(self, request: Request, is_sent: Callable[[], bool]) -> None:
        self._tell(f"> POST {request.target.url}")
        self._tell(f"> Authorization: Bearer {MASK}")
        for name, value in request.fields:
            self._tell(f"> {name}: {value}")

    def answered(self, response: "Response") -> None:
        self._tell(f"< HTTP {response.status} {one_line(response.reason)}".rstrip())
        for name, value in response.fields:
            self._tell(f"< {one_line(name)}: {one_line(value)}")

    def tool(self, name: str) -> None:
        self._tell(f"* tool {one_line(name)}")

    def again(self, fault: EugptError, pause: float) -> None:
        self._tell(f"* {fault.exit.label}: {brief(fault.message)}; retrying in {pause:.1f} s")
