"""The __main__.py of eugpt.pyz: says whether this Python can run it, loads modules out of the file, and starts eugpt.

Python compiles this file at each start, so it is short. Any Python can read it, even 2.7: otherwise
nobody would say what is wrong.
"""

import marshal
import os
import sys
import zlib

try:
    from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
except ImportError:  # Python 2
    EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec = [".cpython-2.so"], object, None

ENDINGS = ()
ARCHIVE = sys.path[0]
FOUND = __loader__  # the importer of zip files that read this file: it knows where everything is


class Module:
    """A module of the archive, as bytecode of this Python or as source; also what importlib.resources asks for data."""

    def __init__(self, name, code):
        self._name = name
        self._code = code

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(), module.__dict__)  # noqa: S102

    def get_code(self, fullname=None):
        if self._code is not None:
            return marshal.loads(zlib.decompress(self._code))  # noqa: S302 - our own file
        return compile(source(self._name), ARCHIVE + "/" + self._name, "exec", dont_inherit=True)

    def get_source(self, fullname=None):
        return source(self._name).decode()

    def get_resource_reader(self, fullname):
        return self

    def resource_path(self, resource):
        raise FileNotFoundError(resource)

    def _beside(self, resource):
        return self._name.rpartition("/")[0] + "/" + resource

    def is_resource(self, resource):
        return self._beside(resource) in sources()

    def contents(self):
        folder = self._beside("")
        return [name[len(folder) :] for name in sources() if name.startswith(folder)]

    def open_resource(self, resource):
        import io

        return io.BytesIO(source(self._beside(resource)))


class Library(ExtensionFileLoader):
    """A shared library: loaded from memory where the system can, otherwise from a file that is removed at once."""

    count = 0

    def __init__(self, name, data):
        super().__init__(name, "")
        self._data = data

    def create_module(self, spec):
        faults = []
        for place in (in_memory, in_file):
            try:
                self.path, done = place(self._data)
            except OSError as error:
                faults.append(str(error))
                continue
            try:
                spec.origin = self.path
                return super().create_module(spec)
            except ImportError as error:
                faults.append(str(error).replace(self.path, self.name))
            finally:
                done()
        raise ImportError(self.name + " cannot be loaded (" + "; ".join(dict.fromkeys(faults)) + ")", name=self.name)


def in_memory(data):
    """The path of an anonymous file in memory, never the same twice: by its path the linker knows a library again."""
    if not hasattr(os, "memfd_create"):
        raise OSError("no memory files here")
    number = os.memfd_create("eugpt")
    with open(number, "wb", closefd=False) as file:
        file.write(data)
    Library.count += 1
    return "/proc/self/fd/" + "./" * Library.count + str(number), lambda: os.close(number)


def in_file(data):
    import tempfile

    file = tempfile.NamedTemporaryFile(suffix=".so")  # noqa: SIM115 - open until it is loaded
    file.write(data)
    file.flush()
    return file.name, file.close


class Finder:
    """Finds the modules of the archive by their names."""

    def __init__(self):
        try:
            self._code = marshal.loads(FOUND.get_data("code/" + sys.implementation.cache_tag))  # noqa: S302 - our own
        except OSError:
            self._code = dict.fromkeys(sources())

    def find_spec(self, fullname, path=None, target=None):
        name = fullname.replace(".", "/")
        for file in (name + "/__init__.py", name + ".py"):
            if file in self._code:
                package = file.endswith("/__init__.py")
                spec = ModuleSpec(
                    fullname, Module(file, self._code[file]), origin=ARCHIVE + "/" + file, is_package=package
                )
                spec.has_location = True
                if package:
                    spec.submodule_search_locations.append(ARCHIVE + "/" + name)
                return spec
        for suffix in EXTENSION_SUFFIXES:
            try:
                loader = Library(fullname, FOUND.get_data(name + suffix))
            except OSError:
                continue
            return ModuleSpec(fullname, loader, origin=ARCHIVE + "/" + name + suffix)
        return None


def sources():
    if not _sources:
        _sources.update(marshal.loads(FOUND.get_data("sources")))  # noqa: S302 - our own file
    return _sources


def source(name):
    return zlib.decompress(sources()[name])


_sources = {}


def refuse():
    """One line and 30 (config) where nothing in the file fits: another Python, machine or C library."""
    import platform

    here = "{} {} ({})".format(
        platform.python_implementation(), platform.python_version(), EXTENSION_SUFFIXES[0].strip(".")
    )
    sys.stderr.write(
        "eugpt: config: this file is for CPython 3.11 to 3.15 on PLATFORM; this Python is "
        + here
        + "\nhint: run it with a Python that it is for, as python3.13 "
        + ARCHIVE
        + "\n"
    )
    sys.exit(30)


if EXTENSION_SUFFIXES[0] not in ENDINGS:
    refuse()
sys.meta_path.insert(0, Finder())
from eugpt_cli.__main__ import main  # noqa: E402

main()
