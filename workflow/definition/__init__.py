"""Lifecycle files: how they are read, and everything that can be wrong with them. What they become is in `values`."""

from workflow.definition.days import DayError, parse_day
from workflow.definition.loading import load, load_file, problems
from workflow.definition.problems import DefinitionProblems, Problem
from workflow.definition.vocabulary import fits

__all__ = [
    "DayError",
    "DefinitionProblems",
    "Problem",
    "fits",
    "load",
    "load_file",
    "parse_day",
    "problems",
]
