"""What a kill can leave in a file of rows, and how the next run repairs it when it reads the file:

half a row at the end                     it goes; the id keeps the row that it had
a row and its successor                   the successor counts
a row that is half blanked                its rest goes
the old file, while it was written anew   nothing has happened
"""

from collections.abc import Iterator
from typing import Any

from eugpt_cli.batch.row_file import Line, RowFile
from eugpt_cli.batch.row_json import ROW_START, row_of


def repaired(file: RowFile) -> Iterator[tuple[Line, dict[str, Any] | None]]:
    """Each line with its row, or None for a line that is none of ours; the file is repaired on the way.

    Which of two rows of one id counts is the reader's to decide. Raises OutputError.
    """
    for line in file.lines():
        if not line.text.endswith(b"\n") and not _ends_whole(file, line):
            return
        row = row_of(line.text)
        if row is None and line.follows_blanks and line.text.strip():
            file.blank(line.offset)
        yield line, row


def _ends_whole(file: RowFile, line: Line) -> bool:
    """Repairs a last line without its end: ends a whole row, drops half a row, keeps what is not ours."""
    spoilt = line.follows_blanks or b"\0" in line.text  # a power cut may leave zeros
    half = row_of(line.text) is None and (begins_a_row(line.text) or spoilt)
    if half:
        file.truncate(line.offset)
    else:
        file.append(b"\n")
    return not half


def begins_a_row(line: bytes) -> bool:
    """Whether it may be the start of a row of ours, as far as it goes."""
    return line.startswith(ROW_START[: len(line)])
