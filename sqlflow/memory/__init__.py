"""What steps remember from run to run, looked at and changed outside of a run. Prints nothing."""

from .book import Book, Standing, open_book, planned
from .columns import Recorded, accept, history, since
from .entries import entry_data, fault_of, summary, text_of
from .exchange import Intake, exported, read_export, take_in
from .looking import Look, looking
from .pinning import Pin, pin
from .watermarks import Moved, set_watermark

__all__ = [
    "Book",
    "Intake",
    "Look",
    "Moved",
    "Pin",
    "Recorded",
    "Standing",
    "accept",
    "entry_data",
    "exported",
    "fault_of",
    "history",
    "looking",
    "open_book",
    "pin",
    "planned",
    "read_export",
    "set_watermark",
    "since",
    "summary",
    "take_in",
    "text_of",
]
