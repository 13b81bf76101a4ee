"""The __main__.py of eugpt.pyz: lets Python load compiled modules out of the zip, then starts eugpt."""

import sys
import tempfile
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from zipimport import zipimporter


class Unlinked(ExtensionFileLoader):
    """Loads a compiled module from a file that is gone once it is loaded."""

    def __init__(self, name: str, data: bytes) -> None:
        self._file = tempfile.NamedTemporaryFile(suffix=".so")  # noqa: SIM115 - open until it is loaded
        self._file.write(data)
        self._file.flush()
        super().__init__(name, self._file.name)

    def create_module(self, spec: ModuleSpec):
        try:
            return super().create_module(spec)
        finally:
            self._file.close()


class Compiled(MetaPathFinder):
    """Finds the compiled modules of the zip that are made for this Python."""

    def __init__(self, archive: str) -> None:
        self._zip = zipimporter(archive)

    def find_spec(self, name, path=None, target=None):
        for suffix in EXTENSION_SUFFIXES:
            try:
                data = self._zip.get_data(name.replace(".", "/") + suffix)
            except OSError:
                continue
            loader = Unlinked(name, data)
            return spec_from_file_location(name, loader.path, loader=loader)
        return None


if sys.version_info < (3, 11):  # noqa: UP036 - here no installer has looked
    sys.exit("eugpt: config: eugpt needs Python 3.11 or newer")
sys.meta_path.insert(0, Compiled(sys.path[0]))
from eugpt_cli.__main__ import main  # noqa: E402

main()
