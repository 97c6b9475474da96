"""Remembers what was used recently, by a key, for thousands of people."""


class Recent[K, V]:
    """A memory that forgets what was not used for longest, if it is full.

    It has two halves. What is stored or found is put into the new half. When that is full, it
    becomes the old half, and what is still in the old one then is forgotten. So the half that was
    used last is always there. An OrderedDict, which knows the whole order, takes three times the
    memory for each key.
    """

    def __init__(self, most: int) -> None:
        """
        Args:
            most: how many keys are remembered at a time; two or more.
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
        """Remember a value in place of any other of its key."""
        if len(self._new) >= self._half and key not in self._new:
            self._new, self._old = {}, self._new
        self._new[key] = value
        self._old.pop(key, None)

    def forget(self, key: K) -> None:
        self._new.pop(key, None)
        self._old.pop(key, None)
