"""What ends a run early, in one line that says what to do."""


class Trouble(Exception):
    """Something is missing or answers wrongly: the one line that the user gets."""
