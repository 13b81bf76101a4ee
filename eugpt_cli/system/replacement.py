"""Files that are replaced whole or not at all: the new one is written beside the old one and takes its name at once."""

import contextlib
import os
import re
import stat
from collections.abc import Iterator

from eugpt_cli.errors import OutputError
from eugpt_cli.system.files import to_disk
from eugpt_cli.system.streams import reason


def replace(path: str, data: bytes, mode: int = 0o600) -> None:
    """Replaces a small file whole. Raises OutputError."""
    new = Replacement(path, mode)
    try:
        new.write(data)
        new.commit()
    finally:
        new.discard()


def remove_leftovers(path: str) -> None:
    """Removes what a killed Replacement of `path` left beside it; only for a caller who knows that no other runs."""
    folder, name = os.path.split(os.path.realpath(path))
    left = re.compile(re.escape(f".{name[:200]}.") + r"[0-9a-f]{12}\.tmp")
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if left.fullmatch(entry.name):
                os.unlink(entry.path)


class Replacement:
    """A file that replaces `path` at `commit` and not before; a symbolic link keeps pointing to it.

    It is written without a name where the system can (O_TMPFILE), so that not even SIGKILL leaves it behind. An old
    file keeps its mode and owner. Raises OutputError.
    """

    terminal = False
    emitted = False

    def __init__(self, path: str, mode: int = 0o666) -> None:
        self._given = path
        self._temporary: str | None = None
        self._fd = -1
        self._kept = 0
        with self._worded():
            self._path = os.path.realpath(path)
            self._folder, self._name = os.path.split(self._path)
            self._fd = self._open(mode)
            self._keep_facts()

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        with self._worded():
            while view:
                view = view[os.write(self._fd, view) :]

    def restart(self) -> None:
        with self._worded():
            os.ftruncate(self._fd, self._kept)
            os.lseek(self._fd, self._kept, os.SEEK_SET)

    def keep(self) -> None:
        with self._worded():
            self._kept = os.lseek(self._fd, 0, os.SEEK_CUR)

    def commit(self) -> None:
        with self._worded():
            to_disk(self._fd)
            if self._temporary is None:
                self._temporary = self._beside()
                folder = os.open(self._folder, os.O_RDONLY)
                try:  # naming a folder makes it linkat(2), which alone follows the link in /proc
                    os.link(f"/proc/self/fd/{self._fd}", self._temporary, src_dir_fd=folder, follow_symlinks=True)
                finally:
                    os.close(folder)
            os.replace(self._temporary, self._path)
            self._temporary = None
            self._sync_folder()

    def discard(self) -> None:
        """Closes the file; what was not committed is gone."""
        if self._temporary:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)
            self._temporary = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self, mode: int) -> int:
        if os.path.isdir(self._path):
            raise IsADirectoryError(21, "is a directory")
        if os.path.exists(self._path) and not os.access(self._path, os.W_OK):
            raise PermissionError(13, "permission denied")
        if hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                return os.open(self._folder, os.O_TMPFILE | os.O_RDWR, mode)
        temporary = self._beside()
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        self._temporary = temporary
        return fd

    def _beside(self) -> str:
        return os.path.join(self._folder, f".{self._name[:200]}.{os.urandom(6).hex()}.tmp")

    def _keep_facts(self) -> None:
        try:
            old = os.stat(self._path)
        except FileNotFoundError:
            return
        with contextlib.suppress(PermissionError):
            os.fchown(self._fd, old.st_uid, old.st_gid)
        os.fchmod(self._fd, stat.S_IMODE(old.st_mode))

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            hint = "make its folder first: mkdir -p" if isinstance(error, FileNotFoundError) else None
            raise OutputError(f"{self._given} cannot be written: {reason(error)}", hint=hint) from None
