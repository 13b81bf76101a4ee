"""How many bytes went by, and their SHA-256."""

from hashlib import sha256


class ByteDigest:
    """Counts and hashes bytes as they come."""

    def __init__(self, data: bytes = b"") -> None:
        self.size = len(data)
        self._hash = sha256(data)
        self._before = self.size, self._hash

    def update(self, data: bytes) -> None:
        self._before = self.size, self._hash.copy()
        self.size += len(data)
        self._hash.update(data)

    def take_back(self) -> None:
        """Forgets the last update."""
        self.size, self._hash = self._before

    @property
    def hex(self) -> str:
        """The hash of what came so far, in 64 hexadecimal digits."""
        return self._hash.hexdigest()
