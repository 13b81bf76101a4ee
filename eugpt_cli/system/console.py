"""The world around a command: its environment, streams, signals and deadline, as one object."""

import os
from collections.abc import Mapping

from eugpt_cli.system.interrupts import Interrupts
from eugpt_cli.system.streams import StandardStreams


class Console(StandardStreams, Interrupts):
    """What a command is given of the process; `errors` is the form of the error line."""

    def __init__(self) -> None:
        self.environ: Mapping[str, str] = os.environ
        StandardStreams.__init__(self, self.environ.get("EUGPT_API_KEY"))  # until it is known which key is used
        Interrupts.__init__(self)
        self.errors: str | None = None

    def leave(self, code: int) -> None:
        """Ends the process now; nothing of ours is buffered."""
        os._exit(code)
