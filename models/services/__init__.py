"""Use cases as plain functions, session first. None of them commits: the caller's transaction does."""

# Foreign keys are found by name: every table has to be known before the first statement.
import models.tables  # noqa: F401
