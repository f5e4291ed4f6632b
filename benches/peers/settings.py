"""A trial's settings, each of which must be understood: a twin that overlooks one is no twin."""


class Settings:
    """Hands out settings by name and remembers which were asked for."""

    def __init__(self, values: dict, sections: tuple[str, ...]):
        """`sections`: those that concern a twin; `data.*` is settled by the exported rows."""
        self._values = {key: value for key, value in values.items() if key.split(".")[0] in sections}
        self._left = set(self._values)

    def take(self, key: str):
        """The value of `key`."""
        if key not in self._values:
            raise SystemExit(f"the trial has no `{key}`; it has {', '.join(sorted(self._values))}")
        self._left.discard(key)
        return self._values[key]

    def require(self, key: str, *expected):
        """The value of `key`, which must be one that is implemented here."""
        value = self.take(key)
        if value not in expected:
            raise SystemExit(f"`{key}` is {value!r}; implemented here: {', '.join(map(repr, expected))}")
        return value

    def finish(self):
        """Call last."""
        if self._left:
            raise SystemExit(f"settings unknown here: {', '.join(sorted(self._left))}")
