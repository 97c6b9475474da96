"""Remembers what was used recently, by a key, for thousands of people."""


class Recent[K, V]:
    """A memory that forgets the keys that have not been used for the longest time, if it is full.

    It has two halves. What is kept or found is put into the new half. When that is full, it becomes
    the old half, and all that was left in the old one is forgotten. An OrderedDict, which knows the
    whole order, takes more than twice the memory for each key.
    """

    def __init__(self, most: int) -> None:
        """
        Args:
            most: how many keys are remembered at most, two or more; the half of them that was used
                last is always there.
        """
        self._half = most // 2
        self._new: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def find(self, key: K) -> V | None:
        """What is remembered, which counts as a use; None if nothing is."""
        found = self._new.get(key)
        if found is None and (found := self._old.pop(key, None)) is not None:
            self.keep(key, found)
        return found

    def keep(self, key: K, value: V) -> None:
        """Remember a value, which is not None, in place of any other of its key."""
        if len(self._new) >= self._half and key not in self._new:
            self._new, self._old = {}, self._new
        self._new[key] = value
        self._old.pop(key, None)

    def forget(self, key: K) -> None:
        self._new.pop(key, None)
        self._old.pop(key, None)
