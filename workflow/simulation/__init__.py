"""Run a copy of a database, or made-up cases, forward through the real engine, under declared assumptions about people."""

from workflow.operations.editions import shipped
from workflow.simulation.assumptions import BadAssumption, Manner, People, people_of
from workflow.simulation.copying import copied
from workflow.simulation.counting import Count, Failed, Peak, Report, counted
from workflow.simulation.founding import Proposal, found
from workflow.simulation.running import Outlook, run

__all__ = [
    "BadAssumption",
    "Count",
    "Failed",
    "Manner",
    "Outlook",
    "Peak",
    "People",
    "Proposal",
    "Report",
    "copied",
    "counted",
    "found",
    "people_of",
    "run",
    "shipped",
]
