"""What a spec asks for and this model does not have."""

from __future__ import annotations


class Refused(ValueError):
    """The pipeline cannot be modelled as it is written; `word` stands in the spec where the reason lies."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word
