"""Where a case stands on its route, who has a seat in the open round, and what its ballots come to.

Pure functions of the case, like timers and tasks: no transition opens a round or closes one. After each act the rounds
that should be are computed and compared with the rows.
"""

from workflow.routes.concluding import Conclusion, conclusion, revealed
from workflow.routes.counting import Tally, has_agreed, has_passed_without, tally, verdict, vote_result
from workflow.routes.seating import ADDED, Seat, ballot_of, ballots, holders_of, recused, seats
from workflow.routes.settling import closed, opened, settle, skipped_because
from workflow.routes.standing import (
    AGAIN,
    Result,
    Standing,
    at_sent_back,
    given_time,
    is_concluded,
    is_missed,
    leads_to,
    rounds,
    sent_back,
    standing,
)
from workflow.routes.turns import Lack, in_regular_turn, in_turn, lack, wants_panel

__all__ = [
    "ADDED",
    "AGAIN",
    "Conclusion",
    "Lack",
    "Result",
    "Seat",
    "Standing",
    "Tally",
    "at_sent_back",
    "ballot_of",
    "ballots",
    "closed",
    "conclusion",
    "given_time",
    "has_agreed",
    "has_passed_without",
    "holders_of",
    "in_regular_turn",
    "in_turn",
    "is_concluded",
    "is_missed",
    "lack",
    "leads_to",
    "opened",
    "recused",
    "revealed",
    "rounds",
    "seats",
    "sent_back",
    "settle",
    "skipped_because",
    "standing",
    "tally",
    "verdict",
    "vote_result",
    "wants_panel",
]
