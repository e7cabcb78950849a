"""How a training ends that does not reach its last step."""


class Stopped(Exception):
    """The run was asked to stop; its checkpoint is written."""


class Diverged(Exception):
    """Losses stayed without a finite value after every rollback that was allowed."""
