"""Numbers for names of eight bytes: some 16 bytes of memory a name, whatever the texts behind the names are."""

from array import array

FIRST_SLOTS = 1 << 10  # always a power of two


class NameIndex:
    """An open-addressing table with linear probing; a name's number is its place in `names`, from 0.

    A Python dict of as many integers takes six times as much.
    """

    def __init__(self) -> None:
        self.names = array("Q")
        self._slots = array("I", bytes(4 * FIRST_SLOTS))  # a number plus one; 0 is a free slot

    def find(self, name: int) -> int | None:
        number = self._slots[self._slot(name)]
        return number - 1 if number else None

    def add(self, name: int) -> int:
        """The number of a name, which may be there already."""
        slot = self._slot(name)
        if number := self._slots[slot]:
            return number - 1
        self.names.append(name)
        count = self._slots[slot] = len(self.names)
        if 3 * count > 2 * len(self._slots):
            self._grow()
        return count - 1

    def _slot(self, name: int) -> int:
        """Where the name is, or the free slot where it would be."""
        names, slots = self.names, self._slots
        mask = len(slots) - 1
        slot = name & mask
        while (number := slots[slot]) and names[number - 1] != name:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        self._slots = array("I", bytes(8 * len(self._slots)))
        for number, name in enumerate(self.names, 1):
            self._slots[self._slot(name)] = number
