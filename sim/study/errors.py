"""What can be wrong with a study."""


class StudyError(Exception):
    """A study has nothing to say, or compares what cannot be compared."""


class BadStudyError(StudyError):
    """A study that cannot be made as it was asked for: what asked must be changed.

    `path` is the value of the scenario that must be, if it is one, and `scenario` the name of that scenario.
    """

    def __init__(self, message: str, scenario: str = "", path: tuple[str, ...] = ()) -> None:
        super().__init__(f"{scenario}: {message}" if scenario else message)
        self.message = message
        self.scenario = scenario
        self.path = path
