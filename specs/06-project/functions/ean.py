"""Article numbers. Every function marked with @udf can be called from the SQL of this project."""

import re

from sqlflow import udf


@udf
def valid_ean(code: str) -> bool:
    """Tell whether the last digit of an EAN-13 is the check digit of the others."""
    if not re.fullmatch("[0-9]{13}", code):
        return False
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(code))
    return weighted % 10 == 0
